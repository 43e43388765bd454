// The owner's side: what a peer holds and may not pull any more is withdrawn from it, said again
// and again until there is a receipt; what is shared again is given back.
import {
  splitFederatedId,
  toHex,
  type Clock,
  type ClusterId,
  type FederatedId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Enforcement } from '../policies/contract.ts';
import type { Bell } from './bell.ts';
import { onConnected } from './connecting.ts';
import { purgeAfterMs } from './contract.ts';
import type { Holders } from './holders.ts';
import type { KeptRows } from './kept-rows.ts';
import type { HolderRecord, WithdrawalRecord } from './keys.ts';
import { createTelling, type Telling, type TellingNeeds } from './telling.ts';

const roundMs = 5_000; // rules that end by the clock are noticed within a round
const tokenGraceMs = 60_000; // a peer that connects shows its tokens again

export interface WithdrawingNeeds extends Omit<TellingNeeds, 'bell'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly peers: Peers;
  readonly enforcement: Enforcement;
  readonly holders: Holders;
  readonly withdrawals: KeptRows<WithdrawalRecord>;
  readonly bell: Bell;
}

export interface Withdrawing {
  /** Looks at one peer now: opens withdrawals, and takes back those that hold no more. */
  reconcile(peer: ClusterId): Promise<void>;
  hurry(peer: ClusterId, resource: FederatedId): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

interface Parts extends WithdrawingNeeds {
  readonly telling: Telling;
  /** Since when a copy that a token had opened is not open, by the monotonic clock. */
  readonly closedSince: Map<string, number>;
}

export function createWithdrawing(needs: WithdrawingNeeds): Withdrawing {
  const { withdrawals, peers, enforcement, bell, log } = needs;
  const telling = createTelling(needs);
  const parts: Parts = { ...needs, telling, closedSince: new Map() };
  return {
    reconcile: (peer) => reconcile(parts, peer),
    async hurry(peer, resource) {
      await withdrawals.change([peer, resource], (now) =>
        now === undefined || now.receipt?.outcome === 'purged' || now.restoring === true
          ? now
          : { ...now, purgeAfterMs: 0 },
      );
      telling.soon(peer);
      bell.ring();
    },
    async run(signal) {
      const stops = [
        enforcement.subscribe(() => bell.ring()),
        onConnected(peers, (cluster) => {
          telling.soon(cluster);
          bell.ring();
        }),
      ];
      while (!signal.aborted) {
        for (const { cluster } of peers.all()) {
          // One peer whose rows cannot be written must not keep the others from being told.
          await reconcile(parts, cluster).catch((error: unknown) =>
            log.problem('receipts.unreconciled', error, { peer: cluster }),
          );
        }
        telling.tellAll(signal);
        await bell.wait(Math.min(roundMs, telling.nextMs()), signal);
      }
      stops.forEach((stop) => stop());
    },
  };
}

async function reconcile(parts: Parts, peer: ClusterId): Promise<void> {
  const { peers, holders, enforcement, withdrawals } = parts;
  const { active, theirs, name } = peers.standing(peer);
  // A link that is not whole takes nothing back: only a decision about sharing does.
  if (!active || !theirs || name === undefined) {
    return;
  }
  await holders.settle(peer);
  const readable = enforcement.visible(peer, 'pull');
  const isShared = (resource: FederatedId): boolean =>
    readable.has(splitFederatedId(resource).local);
  for (const holder of holders.of(peer)) {
    if (!isShared(holder.resource) && mayClose(parts, holder)) {
      await open(parts, holder);
    }
  }
  for (const withdrawal of withdrawals.under(peer)) {
    if (isShared(withdrawal.resource)) {
      await takeBack(parts, withdrawal);
    }
  }
}

/** What a token opens is closed for a moment after every connection. */
function mayClose({ closedSince, clock, peers }: Parts, holder: HolderRecord): boolean {
  const { peer, resource, byToken } = holder;
  const key = `${peer} ${resource}`;
  if (!byToken || !peers.connected(peer)) {
    closedSince.delete(key);
    return !byToken;
  }
  const sinceMs = closedSince.get(key) ?? clock.monotonicMs();
  closedSince.set(key, sinceMs);
  return clock.monotonicMs() - sinceMs >= tokenGraceMs;
}

async function open(parts: Parts, { peer, resource }: HolderRecord): Promise<void> {
  const { withdrawals, holders, telling, clock, random, log } = parts;
  const before = withdrawals.find(peer, resource);
  // Who says that it is purged and says later that it holds a copy is asked again.
  const over = before?.receipt?.outcome === 'purged' || before?.restoring === true;
  if (before !== undefined && !over) {
    return;
  }
  const { epoch, sequence } = holders.position(peer, resource) ?? {};
  const opened: WithdrawalRecord = {
    peer,
    resource,
    withdrawal: toHex(random.bytes(32)),
    openedMs: clock.now(),
    purgeAfterMs,
    epoch,
    sequence,
  };
  await withdrawals.change([peer, resource], () => opened);
  telling.soon(peer);
  log.event('receipts.withdrawn', { peer, resource });
}

/**
 * A receipt of what was purged stays: it is a fact. Everything else is forgotten once it is told.
 */
async function takeBack(parts: Parts, withdrawal: WithdrawalRecord): Promise<void> {
  const { withdrawals, telling, log } = parts;
  const { peer, resource, receipt, restoring } = withdrawal;
  parts.closedSince.delete(`${peer} ${resource}`);
  if (receipt?.outcome === 'purged') {
    const mirroredAgain = parts.holders.of(peer).some((each) => each.resource === resource);
    await (mirroredAgain ? withdrawals.change([peer, resource], () => undefined) : undefined);
    return;
  }
  if (restoring === true) {
    return;
  }
  await withdrawals.change([peer, resource], (now) =>
    now === undefined ? now : { ...now, restoring: true, problem: undefined },
  );
  telling.soon(peer);
  log.event('receipts.restoring', { peer, resource });
}
