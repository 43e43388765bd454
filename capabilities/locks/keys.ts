// What stands in the store for locks and semaphores: lines, each of its kind.
import { claimTables, type ClaimTables, type Codec, type KeyValueStore } from '@hansa/foundation';

export interface LockTables {
  readonly locks: ClaimTables;
  readonly semaphores: ClaimTables;
}

export function lockTables(store: KeyValueStore, codec: Codec): LockTables {
  return {
    locks: claimTables(store, codec, 'lock'),
    semaphores: claimTables(store, codec, 'semaphore'),
  };
}
