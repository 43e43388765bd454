// Which mirrors count: whether those in them may be let in. What an owner has once taken from us is
// remembered, so that no restart brings it back while the owner is away.
import {
  createKeyedMutex,
  federatedIdSchema,
  splitFederatedId,
  table,
  watchedTable,
  type Clock,
  type Codec,
  type FederatedId,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import { z } from 'zod';
import type { Peers } from '../links/contract.ts';
import type { Mirrors, MirrorState } from '../sync/contract.ts';

export interface CountingNeeds {
  /** Scoped to this capability. */
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly mirrors: Mirrors;
  readonly peers: Pick<Peers, 'standing'>;
  readonly log: Log;
}

export interface Counting {
  counts(resource: FederatedId): boolean;
  /** Its state may have changed: writes down what has to be remembered of it. */
  note(resource: FederatedId): Promise<void>;
  subscribe(changed: (resource: FederatedId) => void): () => void;
  start(signal: AbortSignal): Promise<void>;
}

interface LostRecord {
  readonly resource: FederatedId;
  readonly sinceMs: number;
}

const lostSchema: z.ZodType<LostRecord> = z.strictObject({
  resource: federatedIdSchema,
  sinceMs: z.number(),
});

// What its owner has withdrawn, does not let us see or has signed twice lets nobody in any more. A
// mirror whose owner is merely away counts as it stood.
const uncounted: ReadonlySet<MirrorState> = new Set(['absent', 'frozen', 'halted']);

export function createCounting(needs: CountingNeeds): Counting {
  const { store, codec, clock, mirrors, peers, log } = needs;
  const lostTable = table({ store, codec, name: 'lost', schema: lostSchema });
  const lost = watchedTable(store, lostTable);
  const turns = createKeyedMutex<FederatedId>();
  // What was seen last and says something, until it is written down.
  const seen = new Map<FederatedId, 'lost' | 'kept'>();
  const isLost = (resource: FederatedId): boolean =>
    (seen.get(resource) ?? (lost.find(resource) === undefined ? 'kept' : 'lost')) === 'lost';
  const write = async (resource: FederatedId): Promise<void> => {
    const said = seen.get(resource);
    const isWritten = lost.find(resource) !== undefined;
    if (said !== undefined && isWritten !== (said === 'lost')) {
      const record = { resource, sinceMs: clock.now() };
      const op = isWritten ? lostTable.delete([resource]) : lostTable.put([resource], record);
      const { revision } = await store.transact({ if: [], then: [op] });
      await lost.reached(revision);
    }
    if (seen.get(resource) === said) {
      seen.delete(resource);
    }
  };
  return {
    counts(resource) {
      const state = mirrors.find(resource)?.state;
      const { owner } = splitFederatedId(resource);
      const isThere = state !== undefined && !uncounted.has(state);
      return isThere && !isLost(resource) && peers.standing(owner).active;
    },
    async note(resource) {
      const state = mirrors.find(resource)?.state;
      const loses = state !== undefined && uncounted.has(state);
      if (loses ? isLost(resource) : !isLost(resource) || !restores(state)) {
        return;
      }
      seen.set(resource, loses ? 'lost' : 'kept');
      await turns
        .run(resource, () => write(resource))
        .catch((error: unknown) => log.problem('directory.unnoted', error, { resource }));
    },
    subscribe: (changed) =>
      lost.subscribe((key) => {
        const all = key === undefined ? [...lost.rows.values()].map(({ value }) => value) : [];
        const [one] = key ?? [];
        all.forEach(({ resource }) => changed(resource));
        if (typeof one === 'string') {
          changed(one as FederatedId);
        }
      }),
    start: (signal) => lost.start(signal, clock),
  };
}

/** Shown again by its owner, or removed here. */
function restores(state: MirrorState | undefined): boolean {
  return state === undefined || state === 'current';
}
