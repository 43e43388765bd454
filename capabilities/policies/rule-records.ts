// Rules kept: every change is one guarded step after another, and a whole set of rules takes the
// place of the one before from one moment to the next, however many there are.
import {
  createMutex,
  HansaError,
  toHex,
  watchedTable,
  type Clock,
  type Codec,
  type Compare,
  type KeyValueStore,
  type Op,
  type Random,
  type Row,
  type WatchedTable,
} from '@hansa/foundation';
import type { Rule } from './contract.ts';
import { budgetTable, ruleTable, type RuleSet } from './keys.ts';
import type { StoredRule } from './rule.ts';

// puts of the largest rules, which stay below a transaction's bytes
const opsPerStep = 64;
// Somebody else's change came in between this often: then it is a mistake in a script.
const attemptsMax = 64;

/** What a change does; both empty changes nothing. */
export interface RulesChange {
  readonly add: readonly Rule[];
  readonly remove: readonly Rule[];
}

export interface RuleRecords {
  /** Those that hold, the oldest first. */
  all(): readonly Rule[];
  find(id: string): Rule | undefined;
  /** Asked again where somebody else's change came first; CONFLICT where that never ends. */
  change(decide: () => RulesChange): Promise<RulesChange>;
  readonly generation: number;
  subscribe(changed: () => void): () => void;
  start(signal: AbortSignal, clock: Clock): Promise<void>;
}

export interface RuleRecordsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly random: Random;
}

/** The row that says which set holds; no rule has an empty id. */
const setKey = '';

type Held = ReadonlyMap<string, Rule>;
type SetRow = Row<StoredRule | RuleSet> | undefined;

/** The table, and what is known of it now. */
interface Kept extends RuleRecordsNeeds {
  readonly rows: ReturnType<typeof ruleTable>;
  readonly budgets: ReturnType<typeof budgetTable>;
  readonly cache: WatchedTable<StoredRule | RuleSet>;
  /** Those that hold, by id, the oldest first. */
  held(): Held;
}

export function createRuleRecords(needs: RuleRecordsNeeds): RuleRecords {
  const rows = ruleTable(needs.store, needs.codec);
  const cache = watchedTable(needs.store, rows);
  const held = derived(cache);
  const kept: Kept = {
    ...needs,
    rows,
    cache,
    budgets: budgetTable(needs.store, needs.codec),
    held: () => held().byId,
  };
  const oneByOne = createMutex();
  return {
    all: () => held().rules,
    find: (id) => held().byId.get(id),
    change: (decide) =>
      oneByOne.run(async () => {
        for (let tried = 0; tried < attemptsMax; tried += 1) {
          const change = await attempt(kept, decide);
          if (change !== undefined) {
            return change;
          }
        }
        throw new HansaError('CONFLICT', 'the rules are being changed by somebody else as well');
      }),
    get generation() {
      return cache.generation;
    },
    subscribe: (changed) => cache.subscribe(changed),
    start: (signal, clock) => cache.start(signal, clock),
  };
}

/** Sorted once for each change of the table, however often it is asked for. */
function derived(
  cache: Kept['cache'],
): () => { readonly byId: Held; readonly rules: readonly Rule[] } {
  let generation: number | undefined;
  let made: { readonly byId: Held; readonly rules: readonly Rule[] } = {
    byId: new Map(),
    rules: [],
  };
  return () => {
    if (generation !== cache.generation) {
      const { current } = setOf(cache.find(setKey));
      const values = [...cache.rows.values()].map(({ value }) => value);
      const rules = values
        .filter(isRule)
        .filter(({ set = '' }) => set === current)
        .map(({ set: _set, ...rule }): Rule => rule)
        .toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
      made = { rules, byId: new Map(rules.map((rule) => [rule.id, rule])) };
      ({ generation } = cache);
    }
    return made;
  };
}

/** Undefined where somebody else's change came first. */
async function attempt(kept: Kept, decide: () => RulesChange): Promise<RulesChange | undefined> {
  const before = await present(kept);
  const change = decide();
  const { current, changes } = setOf(before);
  const ops = [
    ...change.remove.flatMap((rule) => dropOps(kept, rule, current)),
    ...change.add.map((rule) => putOp(kept, rule, current)),
  ];
  const small = ops.length <= opsPerStep;
  const done =
    ops.length === 0 ||
    (small
      ? await step(kept, before, { next: { current, changes: changes + 1 }, ops })
      : await replace(kept, before, change));
  return done ? change : undefined;
}

/** The set's row as it is stored, the cache having caught up with it. */
async function present({ rows, cache }: Kept): Promise<SetRow> {
  const row = await rows.get(setKey);
  await (row === undefined ? undefined : cache.reached(row.modRevision));
  return row;
}

/** False where the set's row is no longer the one that was read. */
async function step(
  { store, rows, cache }: Kept,
  before: SetRow,
  { next, ops = [] }: { readonly next: RuleSet; readonly ops?: readonly Op[] },
): Promise<boolean> {
  const operand = before?.modRevision ?? 0;
  const guard: Compare = { key: rows.key(setKey), target: 'modRevision', op: '=', operand };
  const then = [rows.put([setKey], next), ...ops];
  const { succeeded, revision } = await store.transact({ if: [guard], then });
  await (succeeded ? cache.reached(revision) : undefined);
  return succeeded;
}

/** Too many for one transaction: the new set is written beside the old one, and then holds. */
async function replace(kept: Kept, before: SetRow, change: RulesChange): Promise<boolean> {
  const { current, changes } = setOf(before);
  const staging = toHex(kept.random.bytes(8));
  if (!(await step(kept, before, { next: { current, staging, changes } }))) {
    return false;
  }
  const begun = await present(kept);
  await sweep(kept, [current, staging]);
  const removed = new Set(change.remove.map(({ id }) => id));
  const stay = [...kept.held().values()].filter(({ id }) => !removed.has(id));
  await inSteps(
    kept,
    [...stay, ...change.add].map((rule) => putOp(kept, rule, staging)),
  );
  if (!(await step(kept, begun, { next: { current: staging, changes: changes + 1 } }))) {
    return false;
  }
  await sweep(kept, [staging]);
  await inSteps(
    kept,
    change.remove.map((rule) => forgetBudgets(kept, rule)),
  );
  return true;
}

function putOp({ rows }: Kept, rule: Rule, set: string): Op {
  return set === '' ? rows.put([rule.id], rule) : rows.put([set, rule.id], { ...rule, set });
}

function dropOps(kept: Kept, rule: Rule, set: string): readonly Op[] {
  const key = set === '' ? [rule.id] : [set, rule.id];
  return [kept.rows.delete(key), forgetBudgets(kept, rule)];
}

function forgetBudgets({ budgets }: Kept, { id }: Rule): Op {
  return { delete: { prefix: budgets.prefix(id) } };
}

/** Takes off what a crash, or a rival, left of a set that never came to hold. */
function sweep(kept: Kept, sets: readonly string[]): Promise<void> {
  const left = [...kept.cache.rows.values()].filter(
    ({ value }) => isRule(value) && !sets.includes(value.set ?? ''),
  );
  return inSteps(
    kept,
    left.map(({ key }) => kept.rows.delete(key)),
  );
}

async function inSteps({ store }: Kept, ops: readonly Op[]): Promise<void> {
  for (let at = 0; at < ops.length; at += opsPerStep) {
    await store.batchWrite(ops.slice(at, at + opsPerStep));
  }
}

function isRule(value: StoredRule | RuleSet): value is StoredRule {
  return 'effect' in value;
}

function setOf(row: SetRow): RuleSet {
  return row === undefined || isRule(row.value) ? { current: '', changes: 0 } : row.value;
}
