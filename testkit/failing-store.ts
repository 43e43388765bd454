// A store whose disk is full whenever a test says so.
import { HansaError, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createMovedClock } from './audit-bench.ts';

/** Its writes are refused while `refuse` is set. */
export function failingStore(): { readonly store: KeyValueStore; refuse: boolean } {
  const inner = createMemoryStore({ clock: createMovedClock() });
  const state = {
    refuse: false,
    store: new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') {
          return value;
        }
        return (...given: unknown[]) => {
          if (state.refuse && ['transact', 'batchWrite', 'set'].includes(String(name))) {
            throw new HansaError('DISK_FULL', 'no space is left');
          }
          return Reflect.apply(value, target, given);
        };
      },
    }),
  };
  return state;
}
