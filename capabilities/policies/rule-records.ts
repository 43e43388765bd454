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

export function createRuleRecords(needs: RuleRecordsNeeds): RuleRecords {
  const { store } = needs;
  const rows = ruleTable(store, needs.codec);
  const budgets = budgetTable(store, needs.codec);
  const cache = watchedTable(store, rows);
  const oneByOne = createMutex();
  let derived: { readonly generation: number; readonly rules: Held } | undefined;

  const held = (): Held => {
    if (derived?.generation !== cache.generation) {
      const { current } = setOf(cache.find(setKey));
      const values = [...cache.rows.values()].map(({ value }) => value);
      const rules = values.filter(isRule).filter(({ set = '' }) => set === current);
      const sorted = rules.toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
      const shown = sorted.map(({ set: _set, ...rule }): [string, Rule] => [rule.id, rule]);
      derived = { generation: cache.generation, rules: new Map(shown) };
    }
    return derived.rules;
  };
  let list: { readonly of: Held; readonly rules: readonly Rule[] } | undefined;
  const all = (): readonly Rule[] => {
    const now = held();
    list = list?.of === now ? list : { of: now, rules: [...now.values()] };
    return list.rules;
  };

  /** The set's row as it is stored, the cache having caught up with it. */
  const present = async (): Promise<SetRow> => {
    const row = await rows.get(setKey);
    await (row === undefined ? undefined : cache.reached(row.modRevision));
    return row;
  };
  /** False where the set's row is no longer the one that was read. */
  const step = async (before: SetRow, next: RuleSet, ops: readonly Op[]): Promise<boolean> => {
    const operand = before?.modRevision ?? 0;
    const guard: Compare = { key: rows.key(setKey), target: 'modRevision', op: '=', operand };
    const then = [rows.put([setKey], next), ...ops];
    const { succeeded, revision } = await store.transact({ if: [guard], then });
    await (succeeded ? cache.reached(revision) : undefined);
    return succeeded;
  };
  const put = (rule: Rule, set: string): Op =>
    set === '' ? rows.put([rule.id], rule) : rows.put([set, rule.id], { ...rule, set });
  const drop = ({ id }: Rule, set: string): Op[] => [
    rows.delete(set === '' ? [id] : [set, id]),
    { delete: { prefix: budgets.prefix(id) } },
  ];
  const inSteps = async (ops: readonly Op[]): Promise<void> => {
    for (let at = 0; at < ops.length; at += opsPerStep) {
      await store.batchWrite(ops.slice(at, at + opsPerStep));
    }
  };
  /** What a crash, or a rival, left of a set that never came to hold. */
  const sweep = (kept: readonly (string | undefined)[]): Promise<void> =>
    inSteps(
      [...cache.rows.values()].flatMap(({ key, value }) =>
        isRule(value) && !kept.includes(value.set ?? '') ? [rows.delete(key)] : [],
      ),
    );

  /** Too many for one transaction: the new set is written beside the old one, and then holds. */
  const replace = async (before: SetRow, change: RulesChange): Promise<boolean> => {
    const { current, changes } = setOf(before);
    const staging = toHex(needs.random.bytes(8));
    if (!(await step(before, { current, staging, changes }, []))) {
      return false;
    }
    const begun = await present();
    await sweep([current, staging]);
    const removed = new Set(change.remove.map(({ id }) => id));
    const next = [...all().filter(({ id }) => !removed.has(id)), ...change.add];
    await inSteps(next.map((rule) => put(rule, staging)));
    if (!(await step(begun, { current: staging, changes: changes + 1 }, []))) {
      return false;
    }
    await sweep([staging]);
    await inSteps(change.remove.map(({ id }) => ({ delete: { prefix: budgets.prefix(id) } })));
    return true;
  };
  const attempt = async (decide: () => RulesChange): Promise<RulesChange | undefined> => {
    const before = await present();
    const change = decide();
    const { current, changes } = setOf(before);
    const ops = [
      ...change.remove.flatMap((rule) => drop(rule, current)),
      ...change.add.map((rule) => put(rule, current)),
    ];
    const small = ops.length <= opsPerStep;
    const done =
      ops.length === 0 ||
      (small
        ? await step(before, { current, changes: changes + 1 }, ops)
        : await replace(before, change));
    return done ? change : undefined;
  };
  return {
    all,
    find: (id) => held().get(id),
    change: (decide) =>
      oneByOne.run(async () => {
        for (let tried = 0; tried < attemptsMax; tried += 1) {
          const change = await attempt(decide);
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

function isRule(value: StoredRule | RuleSet): value is StoredRule {
  return 'effect' in value;
}

function setOf(row: SetRow): RuleSet {
  return row === undefined || isRule(row.value) ? { current: '', changes: 0 } : row.value;
}
