// The store engine over maps: for tests and for simulations on virtual time. A write happens within
// its call, and its promise resolves by microtasks alone, so that one seed gives one run.
import {
  createStoreEngine,
  type Clock,
  type HistoryKept,
  type KeyValueStore,
} from '@hansa/foundation';
import { MemoryShelf } from './memory-shelf.ts';

export function createMemoryStore(needs: {
  readonly clock: Clock;
  /** Tests of compaction keep less than a store does. */
  readonly history?: HistoryKept;
  /** What the store finds at its start, as on a disk; nothing by default. */
  readonly shelf?: MemoryShelf;
}): KeyValueStore {
  const { shelf = new MemoryShelf() } = needs;
  return createStoreEngine({
    ...needs,
    engine: 'memory',
    durability: 'relaxed',
    shelf,
    write: async (work) => work(),
    sizeBytes: async () => shelf.sizeBytes(),
    close: async () => undefined,
  });
}
