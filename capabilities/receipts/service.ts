// Both sides put together, and what people call.
import {
  changedKeys,
  deadline,
  HansaError,
  type Clock,
  type ClusterId,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { Enforcement } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { createBell } from './bell.ts';
import { holdingsShownMax, type CopyName, type Holding, type Receipts } from './contract.ts';
import { createFreezing } from './freezing.ts';
import { createHolders } from './holders.ts';
import { keptRows } from './kept-rows.ts';
import { frozenTable, holderTable, withdrawalTable } from './keys.ts';
import { holdingCalled, holdingsOf, isCalled, requireHolding, type ShownNeeds } from './shown.ts';
import { createWithdrawing, type Withdrawing } from './withdrawing.ts';
import type { ReceiptsPeer } from './wire.ts';

const hurriedWaitMs = 5_000; // a small copy is gone by then; a person waits no longer at a prompt

export interface ReceiptsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly keys: Pick<KeyBook, 'signing'>;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly enforcement: Enforcement;
  readonly mirrors: Mirrors;
}

export interface ReceiptsService {
  readonly receipts: Receipts;
  readonly peer: ReceiptsPeer;
  /** The owner's duty. */
  tell(signal: AbortSignal): Promise<void>;
  /** The mirror's duty. */
  purge(signal: AbortSignal): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

export function createReceipts(needs: ReceiptsNeeds): ReceiptsService {
  const { store, codec, clock, peers, mirrors, signer } = needs;
  const held = keptRows(store, holderTable(store, codec));
  const withdrawals = keptRows(store, withdrawalTable(store, codec));
  const frozen = keptRows(store, frozenTable(store, codec));
  const { cluster } = signer;
  const holders = createHolders({ ...needs, cluster, holders: held, withdrawals });
  const bell = createBell(clock);
  const withdrawing = createWithdrawing({ ...needs, holders, withdrawals, bell });
  const freezing = createFreezing({ ...needs, frozen, bell: createBell(clock) });
  mirrors.oversee({ pause: (resource) => freezing.pause(resource) });
  mirrors.onHeld((peer, rows) => {
    if (holders.heard(peer, rows)) {
      bell.ring();
    }
  });
  const shown: ShownNeeds = { clock, peers, holders, held, withdrawals };
  return {
    peer: freezing.peer,
    tell: (signal) => withdrawing.run(signal),
    purge: (signal) => freezing.run(signal),
    receipts: {
      ...asked(shown, withdrawing),
      retain: ({ resource, reason }) => freezing.retain(mirrors.resolve(resource), reason),
    },
    async start(signal) {
      const tables = [held, withdrawals, frozen];
      await Promise.all(tables.map(({ watched }) => watched.start(signal, clock)));
    },
  };
}

function asked(shown: ShownNeeds, withdrawing: Withdrawing): Omit<Receipts, 'retain'> {
  const called = (copies: readonly CopyName[]): readonly Holding[] =>
    copies.flatMap((copy) => holdingCalled(shown, copy) ?? []);
  return {
    async list({ peer, resource, all = false }) {
      const cluster = peer === undefined ? undefined : shown.peers.resolve(peer).cluster;
      const found = holdingsOf(shown, all).filter(
        (each) =>
          (cluster === undefined || each.peer === cluster) &&
          (resource === undefined || isCalled(each.id, resource)),
      );
      const holdings = found.slice(0, holdingsShownMax);
      return { holdings, truncated: found.length > holdings.length };
    },
    show: async (copy) => requireHolding(shown, copy),
    holders: async ({ copies }) => ({
      holdings: called(copies.filter(({ peer }) => isLinked(shown, peer))),
    }),
    async hurry({ copies }, call) {
      // A rule that was just removed may not have been looked at yet.
      const named = new Set(copies.map(({ peer }) => shown.peers.resolve(peer).cluster));
      for (const peer of named) {
        await withdrawing.reconcile(peer);
      }
      for (const copy of copies) {
        const { peer, resource } = requireHolding(shown, copy);
        await withdrawing.hurry(peer, resource);
      }
      await untilAnswered(shown, () => called(copies), call?.signal);
      return { holdings: called(copies) };
    },
  };
}

/** Whoever hurries wants to hear what it came to; who is away, or slow, is not waited for. */
async function untilAnswered(
  { clock, peers, withdrawals }: ShownNeeds,
  copies: () => readonly Holding[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const isAwaited = ({ peer, state }: Holding): boolean =>
    ['untold', 'frozen', 'silent'].includes(state) && peers.connected(peer);
  const limit = deadline(clock, hurriedWaitMs, {
    reason: () => new HansaError('TIMED_OUT', 'the peer did not answer in time'),
    signal,
  });
  const changed = changedKeys<'changed'>((tell) => {
    const stops = [
      withdrawals.watched.subscribe(() => tell('changed')),
      peers.subscribe(() => tell('changed')),
    ];
    tell('changed');
    return () => stops.forEach((stop) => stop());
  }, limit.signal);
  try {
    for await (const _ of changed) {
      if (!copies().some(isAwaited)) {
        return;
      }
    }
  } finally {
    limit.done();
  }
}

/** A plan names clusters that are not linked as well: they hold nothing. */
function isLinked({ peers }: ShownNeeds, peer: ClusterId | string): boolean {
  return peers.all().some(({ cluster, name }) => cluster === peer || name === peer);
}
