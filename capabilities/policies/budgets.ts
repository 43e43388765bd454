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
  type KeyValueStore,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Budget, Budgets, BudgetUse, ResourceId, Rule } from './contract.ts';
import { budgetTable, type BudgetRecord } from './keys.ts';

/** What a crash may count without having served it: at most this part of the budget, and a piece. */
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

export function createBudgets(needs: BudgetsNeeds): Budgets {
  const { store, clock, peers } = needs;
  const rows = budgetTable(store, needs.codec);
  const shares = createRecent<string, Share>(sharesKeptMax);
  const oneByOne = createKeyedMutex<string>();
  const countedAs = (peer: ClusterId): string =>
    peers.standing(peer).name === undefined ? strangers : peer;

  /** From the store, for the present window; undefined where not enough is left in it. */
  const take = async (
    key: readonly [string, string],
    { budget, bytes }: { readonly budget: Budget; readonly bytes: number },
  ): Promise<{ readonly share: Share | undefined; readonly record: BudgetRecord }> => {
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
  };
  const spendOne = async (
    rule: Rule,
    { counted, resource, bytes }: { counted: string; resource: ResourceId; bytes: number },
  ): Promise<() => void> => {
    const budget = rule.limits?.budget;
    const key = `${rule.id} ${counted}`;
    return oneByOne.run(key, async () => {
      if (budget === undefined) {
        return () => undefined;
      }
      let share = shares.get(key);
      if (share !== undefined && !isPresent(share, budget, clock.now())) {
        share = undefined;
      }
      const missing = bytes - (share?.leftBytes ?? 0);
      if (missing > 0) {
        const taken = await take([rule.id, counted], { budget, bytes: missing });
        if (taken.share === undefined) {
          throw exhausted(rule, budget, { resource, nowMs: clock.now(), record: taken.record });
        }
        // A share of the window before is gone with it.
        const same = share?.windowStartMs === taken.share.windowStartMs ? share.leftBytes : 0;
        share = { ...taken.share, leftBytes: taken.share.leftBytes + same };
        shares.set(key, share);
      }
      const from = share;
      if (from !== undefined) {
        from.leftBytes -= bytes;
      }
      return () => {
        if (from !== undefined) {
          from.leftBytes += bytes;
        }
      };
    });
  };
  return {
    async spend(peer, resource, bytes) {
      const spent: (() => void)[] = [];
      try {
        for (const rule of needs.limits(peer, resource)) {
          spent.push(await spendOne(rule, { counted: countedAs(peer), resource, bytes }));
        }
      } catch (error) {
        // The strictest refused: what the others had counted was not served.
        spent.forEach((giveBack) => giveBack());
        throw error;
      }
    },
    async used(peer, resource) {
      const counted = countedAs(peer);
      const uses = needs.limits(peer, resource).map(async (rule): Promise<BudgetUse[]> => {
        const budget = rule.limits?.budget;
        if (budget === undefined) {
          return [];
        }
        const row = await rows.get(rule.id, counted);
        const record = presentWindow(row?.value, budget, clock.now());
        const share = shares.get(`${rule.id} ${counted}`);
        const unspent = share?.windowStartMs === record.windowStartMs ? share.leftBytes : 0;
        const usedBytes = Math.max(0, record.takenBytes - unspent);
        const begun = record.takenBytes > 0;
        const until = begun ? { untilMs: record.windowStartMs + budget.windowMs } : {};
        return [{ rule: rule.id, ...budget, usedBytes, ...until }];
      });
      return (await Promise.all(uses)).flat();
    },
  };
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
