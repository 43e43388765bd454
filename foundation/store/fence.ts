// What keeps a process from writing that was replaced and does not know it: every transaction holds
// only while one key is what it was when the process came to power.
import type { KeyValueStore, Revision } from './store.ts';

export interface StoreFence {
  /** Of the whole store, not of a scope. */
  readonly key: Uint8Array;
  /** The key must exist, and must not have been made anew since. */
  readonly createRevision: Revision;
}

/** A store of which several processes may hold fenced views. */
export interface FencedStore extends KeyValueStore {
  /**
   * The same store, where each write holds only together with the fence: NODE_DEPOSED, and nothing
   * written, where it does not. Closing a view does nothing.
   */
  fenced(fence: StoreFence): KeyValueStore;
}
