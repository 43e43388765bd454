// Who is active: whoever holds one key of the store, for as long as its lease lives. A term has a
// fence, which every write of the term carries: whoever was deposed and does not know it yet can
// write nothing. What it reads could be old, so a term counts as over, by the node's own monotonic
// clock, before its lease can have ended.
import {
  HansaError,
  isHansaError,
  scopedKey,
  scopeStore,
  type Clock,
  type Codec,
  type KeyValueStore,
  type LeaseId,
  type Log,
  type NodeId,
  type StoreFence,
} from '@hansa/foundation';
import { termSeconds } from './contract.ts';
import { nodesScope, nodeTables } from './keys.ts';

const renewMs: number = (termSeconds * 1_000) / 4; // three may be lost
const againMs = 250; // after a renewal that failed: the store may have lost its own leader
const marginMs = 500; // the end of a term is known that much before anybody else can begin one

export interface ElectionNeeds {
  /** The whole store: a fence is a key of it. */
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: NodeId;
}

export interface Term {
  readonly fence: StoreFence;
  /** Aborts when the term is over, with NODE_DEPOSED where nobody asked for it. */
  readonly over: AbortSignal;
  /** Whether what is read now is certain to be this node's to answer. */
  isHeld(): boolean;
  /** Lets the next node in at once. */
  resign(): Promise<void>;
}

/** Resolves when this node is elected; rejects with the signal's reason. */
export async function campaign(needs: ElectionNeeds, signal: AbortSignal): Promise<Term> {
  const { store, clock, log } = needs;
  const { active } = nodeTables(scopeStore(store, nodesScope), needs.codec);
  const key = scopedKey(nodesScope, active.key());
  for (;;) {
    signal.throwIfAborted();
    try {
      const { entry, revision } = await store.get(key);
      if (entry !== null) {
        await untilGone(store, { key, from: revision }, signal);
        continue;
      }
      const term = await begin(needs, key);
      if (term !== undefined) {
        return term;
      }
    } catch (error) {
      signal.throwIfAborted();
      log.event('nodes.campaign-failed', { reason: wordsOf(error) });
      await clock.sleep(againMs, signal);
    }
  }
}

async function untilGone(
  store: KeyValueStore,
  { key, from }: { readonly key: Uint8Array; readonly from: number },
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of store.watch({ key }, { from, signal })) {
    if ('events' in batch && batch.events.some(({ type }) => type === 'delete')) {
      return;
    }
  }
  signal.throwIfAborted();
}

/** Undefined where another node was faster. */
async function begin(needs: ElectionNeeds, key: Uint8Array): Promise<Term | undefined> {
  const { store, clock, codec, node } = needs;
  const askedMs = clock.monotonicMs();
  const lease = await store.leaseGrant(termSeconds);
  const giveBack = async (): Promise<void> => {
    await store.leaseRevoke(lease.id).catch(() => undefined);
  };
  try {
    const value = codec.encode({ node });
    const taken = await store.compareAndSet(key, { modRevision: 0 }, value, { lease: lease.id });
    if (!taken.ok) {
      await giveBack();
      return undefined;
    }
    const fence = { key, createRevision: taken.revision };
    return holdTerm(needs, { fence, lease: lease.id, sinceMs: askedMs });
  } catch (error) {
    await giveBack(); // what may have been written goes with its lease
    throw error;
  }
}

function holdTerm(
  { store, clock, log, node }: ElectionNeeds,
  begun: { readonly fence: StoreFence; readonly lease: LeaseId; readonly sinceMs: number },
): Term {
  const { fence, lease } = begun;
  const over = new AbortController();
  const lastsMs = termSeconds * 1_000 - marginMs;
  let untilMs = begun.sinceMs + lastsMs;
  const lose = (reason: string): void => {
    if (!over.signal.aborted) {
      log.event('nodes.deposed', { node, reason });
      over.abort(new HansaError('NODE_DEPOSED', `this node is not active any more: ${reason}`));
    }
  };
  const renew = async (): Promise<void> => {
    let waitMs = renewMs;
    while (!over.signal.aborted) {
      await clock.sleep(waitMs, over.signal);
      const askedMs = clock.monotonicMs();
      try {
        await store.leaseKeepAlive(lease);
        untilMs = askedMs + lastsMs;
        waitMs = renewMs;
      } catch (error) {
        if (isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
          lose('its lease has ended');
          return;
        }
        waitMs = againMs;
      }
    }
  };
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) {
        lose('the store did not renew its lease in time');
        return;
      }
      await clock.sleep(leftMs, over.signal);
    }
  };
  /** Whoever was replaced before its time hears of it at once, as far as the store is reached. */
  const hear = async (): Promise<void> => {
    const { key, createRevision: from } = fence;
    for await (const batch of store.watch({ key }, { from, signal: over.signal })) {
      if ('events' in batch && batch.events.some(({ type }) => type === 'delete')) {
        lose('another node has ended its term');
        return;
      }
    }
  };
  const ignore = (): undefined => undefined; // all of them end by the signal
  renew().catch(ignore);
  watch().catch(ignore);
  hear().catch(ignore);
  return {
    fence,
    over: over.signal,
    isHeld: () => !over.signal.aborted && clock.monotonicMs() < untilMs,
    async resign() {
      over.abort(new HansaError('SHUTTING_DOWN', 'this node gives its term back'));
      await store.leaseRevoke(lease).catch(ignore);
    },
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
