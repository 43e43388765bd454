// Says withdrawals and restorations to peers, each until it has been answered; one call to a peer
// at a time, and no peer waits for another.
import {
  deadline,
  HansaError,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type Crypto,
  type ErrorReport,
  type Log,
} from '@hansa/foundation';
import type { KeyBook } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { Bell } from './bell.ts';
import type { Holders } from './holders.ts';
import type { KeptRows } from './kept-rows.ts';
import type { WithdrawalRecord } from './keys.ts';
import { requireReceipt } from './receipt.ts';
import { copiesPerRequestMax, receiptsPeerContract, type WithdrawalAnswer } from './wire.ts';

const answerTimeoutMs = 10_000; // a store that is busy writing; then the peer is asked again
const askAgainMinMs = 500; // just after the moment of a purge
const askAgainMaxMs = 30_000; // a person at the mirror may retain it meanwhile
const settledAgainMs = 3_600_000; // who retains may have changed its mind
const clockDriftMs = 5_000; // answers that differ by less say the same moment

export interface TellingNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly keys: Pick<KeyBook, 'signing'>;
  readonly peers: Peers;
  readonly holders: Holders;
  readonly withdrawals: KeptRows<WithdrawalRecord>;
  readonly bell: Bell;
}

export interface Telling {
  /** Everything that waits for this peer is due. */
  soon(peer: ClusterId): void;
  /** Begins to tell every connected peer what is due. */
  tellAll(signal: AbortSignal): void;
  /** Until something is due for somebody who is connected. */
  nextMs(): number;
}

interface Parts extends TellingNeeds {
  /** When to say it again, by the monotonic clock; absent: now. */
  readonly due: Map<string, number>;
  readonly busy: Set<ClusterId>;
}

export function createTelling(needs: TellingNeeds): Telling {
  const parts: Parts = { ...needs, due: new Map(), busy: new Set() };
  const { withdrawals, peers, clock, busy, due } = parts;
  const reachable = (peer: ClusterId): boolean =>
    peers.connected(peer) && peers.standing(peer).active;
  return {
    soon(peer) {
      [...due.keys()].filter((key) => key.startsWith(peer)).forEach((key) => due.delete(key));
    },
    tellAll(signal) {
      const waiting = new Set(
        withdrawals
          .all()
          .filter((each) => isDue(parts, each))
          .map(peerOf),
      );
      for (const peer of waiting) {
        if (reachable(peer) && !busy.has(peer)) {
          busy.add(peer);
          void tellPeer(parts, peer, signal).finally(() => {
            busy.delete(peer);
            needs.bell.ring();
          });
        }
      }
    },
    nextMs() {
      const nowMs = clock.monotonicMs();
      const waits = withdrawals
        .all()
        .filter((each) => !isSettled(each) && reachable(each.peer) && !busy.has(each.peer))
        .map((each) => (due.get(keyOf(each)) ?? nowMs) - nowMs);
      return waits.reduce((soonest, ms) => Math.min(soonest, Math.max(0, ms)), askAgainMaxMs);
    },
  };
}

const peerOf = ({ peer }: WithdrawalRecord): ClusterId => peer;

function keyOf({ peer, resource }: Pick<WithdrawalRecord, 'peer' | 'resource'>): string {
  return `${peer} ${resource}`;
}

function isSettled({ receipt, restoring }: WithdrawalRecord): boolean {
  return receipt?.outcome === 'purged' && restoring !== true;
}

function isDue({ due, clock }: Parts, row: WithdrawalRecord): boolean {
  return !isSettled(row) && (due.get(keyOf(row)) ?? 0) <= clock.monotonicMs();
}

async function tellPeer(parts: Parts, peer: ClusterId, signal: AbortSignal): Promise<void> {
  const { withdrawals, clock, log } = parts;
  const rows = withdrawals.under(peer).filter((row) => isDue(parts, row));
  const limit = deadline(clock, answerTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the peer did not answer in time'),
    signal,
  });
  try {
    const restoring = rows.filter((row) => row.restoring === true).slice(0, copiesPerRequestMax);
    const withdrawn = rows.filter((row) => row.restoring !== true).slice(0, copiesPerRequestMax);
    await restore(parts, peer, { rows: restoring, signal: limit.signal });
    await withdraw(parts, peer, { rows: withdrawn, signal: limit.signal });
  } catch (error) {
    log.event('receipts.untold', { peer, reason: reportOf(error).code });
    const againMs = clock.monotonicMs() + askAgainMaxMs;
    rows.forEach((row) => parts.due.set(keyOf(row), againMs));
  } finally {
    limit.done();
  }
}

interface Told {
  readonly rows: readonly WithdrawalRecord[];
  readonly signal: AbortSignal;
}

async function restore(parts: Parts, peer: ClusterId, { rows, signal }: Told): Promise<void> {
  if (rows.length === 0) {
    return;
  }
  const wire = remote(receiptsPeerContract, parts.peers.observer(peer));
  await wire.restore({ resources: rows.map(({ resource }) => resource) }, { signal });
  for (const row of rows) {
    // Withdrawn once more meanwhile, it has another name: that is still to be said.
    await parts.withdrawals.change([peer, row.resource], (now) =>
      now?.withdrawal === row.withdrawal && now.restoring === true ? undefined : now,
    );
  }
}

async function withdraw(parts: Parts, peer: ClusterId, { rows, signal }: Told): Promise<void> {
  if (rows.length === 0) {
    return;
  }
  const wire = remote(receiptsPeerContract, parts.peers.observer(peer));
  const withdrawn = rows.map(({ resource, withdrawal, purgeAfterMs }) => ({
    resource,
    withdrawal,
    purgeAfterMs,
  }));
  const { answers } = await wire.withdraw({ withdrawn }, { signal });
  for (const [index, row] of rows.entries()) {
    const answer = answers[index];
    const missing = new HansaError('RECEIPT_INVALID', 'the peer answered less than was asked');
    await (answer === undefined
      ? setProblem(parts, row, reportOf(missing))
      : take(parts, row, answer));
  }
}

async function take(parts: Parts, row: WithdrawalRecord, answer: WithdrawalAnswer): Promise<void> {
  const { peer: mirror, resource, withdrawal } = row;
  const { clock, due, log } = parts;
  if (answer.state === 'frozen') {
    const waitMs = Math.min(
      Math.max(answer.purgeInMs + askAgainMinMs, askAgainMinMs),
      askAgainMaxMs,
    );
    // Hurried while the answer was under way, it is said once more at once.
    const hurried = parts.withdrawals.find(mirror, resource)?.purgeAfterMs !== row.purgeAfterMs;
    due.set(keyOf(row), clock.monotonicMs() + (hurried ? 0 : waitMs));
    await setFrozen(parts, row, clock.now() + answer.purgeInMs);
    return;
  }
  const { receipt } = answer;
  try {
    requireReceipt(parts, receipt, { mirror, resource, withdrawal });
  } catch (error) {
    await setProblem(parts, row, reportOf(error));
    return;
  }
  due.set(keyOf(row), clock.monotonicMs() + settledAgainMs);
  if (row.receipt?.signature === receipt.signature) {
    return;
  }
  if (receipt.outcome === 'purged') {
    await parts.holders.gone(mirror, resource);
  }
  await change(parts, row, (now) => ({ ...now, receipt, problem: undefined }));
  log.event('receipts.taken', { peer: mirror, resource, outcome: receipt.outcome });
}

/** An answer that says nothing usable is shown, and asked for again. */
async function setProblem(
  parts: Parts,
  row: WithdrawalRecord,
  problem: ErrorReport,
): Promise<void> {
  parts.due.set(keyOf(row), parts.clock.monotonicMs() + askAgainMaxMs);
  await change(parts, row, (now) =>
    now.problem?.message === problem.message ? now : { ...now, problem },
  );
}

async function setFrozen(parts: Parts, row: WithdrawalRecord, purgeAtMs: number): Promise<void> {
  const toldMs = parts.clock.now();
  await change(parts, row, (now) => {
    const known = now.purgeAtMs ?? Number.MAX_SAFE_INTEGER;
    const same = Math.abs(known - purgeAtMs) < clockDriftMs && now.problem === undefined;
    // Not retained any more: the word that it was does not hold.
    return same && now.receipt === undefined
      ? now
      : { ...now, purgeAtMs, toldMs: now.toldMs ?? toldMs, problem: undefined, receipt: undefined };
  });
}

/** Only what the answer was about: a row that has moved on stays as it is. */
function change(
  { withdrawals }: Parts,
  { peer, resource, withdrawal }: WithdrawalRecord,
  next: (now: WithdrawalRecord) => WithdrawalRecord,
): Promise<void> {
  return withdrawals.change([peer, resource], (now) =>
    now?.withdrawal === withdrawal ? next(now) : now,
  );
}
