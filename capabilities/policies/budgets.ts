// Budgets: what a limit lets pass within a window, counted before it passes. A share of the budget
// is taken from the store at a time and spent from memory, so that counting costs a write for every
// sixteenth, holds over all nodes of the cluster, and after a crash can only have counted too much.
import {
  bytesText,
  createKeyedMutex,
  createRecent,
  durationText,
  HansaError,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyedMutex,
  type KeyValueStore,
  type Recent,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Budget, Budgets, BudgetUse, ResourceId, Rule } from './contract.ts';
import { budgetTable, type BudgetRecord } from './keys.ts';

/** What a crash may count without having served it: this part of the budget, and a piece. */
export const sharesPerBudget = 16;
// counted peers whose share is in memory: forgotten ones take a new one
const sharesKeptMax = 4_096;
// nodes of one cluster that take shares of one budget in the same instant
const attemptsMax = 64;
/** Keys cost nothing: whoever is not linked would have a fresh budget with every fresh key. */
const strangers = 'strangers';

export interface BudgetsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly peers: Pick<Peers, 'standing'>;
  /** The limits with a budget that hold for the peer and the resource. */
  limits(peer: ClusterId, resource: ResourceId): readonly Rule[];
}

/** Taken from the store and not yet spent. */
interface Share {
  readonly windowStartMs: number;
  leftBytes: number;
}

/** What one process counts with. */
interface Counting extends BudgetsNeeds {
  readonly rows: ReturnType<typeof budgetTable>;
  readonly shares: Recent<string, Share>;
  readonly oneByOne: KeyedMutex<string>;
}

export function createBudgets(needs: BudgetsNeeds): Budgets {
  const counting: Counting = {
    ...needs,
    rows: budgetTable(needs.store, needs.codec),
    shares: createRecent(sharesKeptMax),
    oneByOne: createKeyedMutex(),
  };
  return {
    async spend(peer, resource, bytes) {
      const spent: (() => void)[] = [];
      try {
        for (const rule of needs.limits(peer, resource)) {
          const counted = countedAs(counting, peer);
          spent.push(await spendOne(counting, rule, { counted, resource, bytes }));
        }
      } catch (error) {
        // The strictest refused: what the others had counted was not served.
        spent.forEach((giveBack) => giveBack());
        throw error;
      }
    },
    async used(peer, resource) {
      const counted = countedAs(counting, peer);
      const uses = needs.limits(peer, resource).map((rule) => useOf(counting, rule, counted));
      return (await Promise.all(uses)).flat();
    },
  };
}

function countedAs({ peers }: Counting, peer: ClusterId): string {
  return peers.standing(peer).name === undefined ? strangers : peer;
}

function shareKey(rule: Rule, counted: string): string {
  return `${rule.id} ${counted}`;
}

/** Answers with what takes it back. */
function spendOne(
  counting: Counting,
  rule: Rule,
  given: { readonly counted: string; readonly resource: ResourceId; readonly bytes: number },
): Promise<() => void> {
  const { clock, shares, oneByOne } = counting;
  const { counted, resource, bytes } = given;
  const budget = rule.limits?.budget;
  const key = shareKey(rule, counted);
  return oneByOne.run(key, async () => {
    if (budget === undefined) {
      return () => undefined;
    }
    const held = shares.get(key);
    const before = held !== undefined && isPresent(held, budget, clock.now()) ? held : undefined;
    const missing = bytes - (before?.leftBytes ?? 0);
    let share = before;
    if (share === undefined || missing > 0) {
      const taken = await take(counting, [rule.id, counted], { budget, bytes: missing });
      if (taken.share === undefined) {
        throw exhausted(rule, budget, { resource, nowMs: clock.now(), record: taken.record });
      }
      // A share of the window before is gone with it.
      const same = before?.windowStartMs === taken.share.windowStartMs ? before.leftBytes : 0;
      share = { ...taken.share, leftBytes: taken.share.leftBytes + same };
      shares.set(key, share);
    }
    const from = share;
    from.leftBytes -= bytes;
    return () => {
      from.leftBytes += bytes;
    };
  });
}

/** From the store, for the present window; without a share where not enough is left in it. */
async function take(
  { store, rows, clock }: Counting,
  key: readonly [rule: string, counted: string],
  { budget, bytes }: { readonly budget: Budget; readonly bytes: number },
): Promise<{ readonly share: Share | undefined; readonly record: BudgetRecord }> {
  for (let tried = 0; tried < attemptsMax; tried += 1) {
    const row = await rows.get(...key);
    const record = presentWindow(row?.value, budget, clock.now());
    const leftBytes = budget.bytes - record.takenBytes;
    if (leftBytes < bytes) {
      return { share: undefined, record };
    }
    const wanted = Math.max(bytes, Math.ceil(budget.bytes / sharesPerBudget));
    const taken = Math.min(wanted, leftBytes);
    const next = { ...record, takenBytes: record.takenBytes + taken };
    const operand = row?.modRevision ?? 0;
    const { succeeded } = await store.transact({
      if: [{ key: rows.key(...key), target: 'modRevision', op: '=', operand }],
      then: [rows.put(key, next)],
    });
    if (succeeded) {
      return { share: { windowStartMs: record.windowStartMs, leftBytes: taken }, record: next };
    }
  }
  throw new HansaError('CONFLICT', 'too many count against one budget at the same time');
}

async function useOf(
  { rows, shares, clock }: Counting,
  rule: Rule,
  counted: string,
): Promise<readonly BudgetUse[]> {
  const budget = rule.limits?.budget;
  if (budget === undefined) {
    return [];
  }
  const row = await rows.get(rule.id, counted);
  const record = presentWindow(row?.value, budget, clock.now());
  const share = shares.get(shareKey(rule, counted));
  const unspent = share?.windowStartMs === record.windowStartMs ? share.leftBytes : 0;
  const usedBytes = Math.max(0, record.takenBytes - unspent);
  const begun = record.takenBytes > 0;
  const until = begun ? { untilMs: record.windowStartMs + budget.windowMs } : {};
  return [{ rule: rule.id, ...budget, usedBytes, ...until }];
}

function isPresent(
  { windowStartMs }: { readonly windowStartMs: number },
  { windowMs }: Budget,
  nowMs: number,
): boolean {
  // A clock that was set back must not keep a window open for as long as it was wrong.
  return nowMs >= windowStartMs && nowMs < windowStartMs + windowMs;
}

function presentWindow(
  record: BudgetRecord | undefined,
  budget: Budget,
  nowMs: number,
): BudgetRecord {
  return record !== undefined && isPresent(record, budget, nowMs)
    ? record
    : { windowStartMs: nowMs, takenBytes: 0 };
}

function exhausted(
  { id }: Rule,
  budget: Budget,
  given: {
    readonly resource: ResourceId;
    readonly nowMs: number;
    readonly record: BudgetRecord;
  },
): HansaError {
  const { resource, nowMs, record } = given;
  const waitMs = record.windowStartMs + budget.windowMs - nowMs;
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new HansaError(
    'BUDGET_EXHAUSTED',
    `the budget of ${bytesText(budget.bytes)} in ${durationText(budget.windowMs)} for ` +
      `${resource} is used up`,
    {
      fix: `ask again in ${durationText(retryAfterSeconds * 1_000)}, or ask the owner for more`,
      facts: { rule: id, retryAfterSeconds, budgetBytes: budget.bytes, windowMs: budget.windowMs },
    },
  );
}
