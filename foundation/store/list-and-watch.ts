// A list and then every change to it, without a gap: what a cache in memory is filled from. Where
// the store can no longer say what was missed, the whole list comes again and replaces the cache.
import type { Clock } from '../clock.ts';
import { isHansaError } from '../errors.ts';
import type { Entry, KeyValueStore, Revision, WatchEvent } from './store.ts';

export type ListedOrChanged =
  | { readonly list: readonly Entry[]; readonly revision: Revision }
  | { readonly events: readonly WatchEvent[]; readonly revision: Revision };

export interface ListAndWatchOptions {
  readonly signal: AbortSignal;
  /** With it, an unavailable store is tried again until the signal aborts, ever more slowly. */
  readonly clock?: Clock;
}

const relistCodes = ['STORE_COMPACTED', 'STORE_WATCH_OVERFLOW'] as const;
const retriesWithoutClock = 3; // without a clock there is no waiting, only giving up
const retryFirstMs = 50; // a hiccup is over by then
const retryMaxMs = 5_000; // a store that fails over is back within seconds

/**
 * A `list` comes first, and again after STORE_COMPACTED or STORE_WATCH_OVERFLOW: replace the cache
 * with it. `events` are one revision's, in order, each exactly once. Ends when the signal aborts.
 */
export async function* listAndWatch(
  store: KeyValueStore,
  target: { readonly prefix: Uint8Array },
  options: ListAndWatchOptions,
): AsyncGenerator<ListedOrChanged, void, undefined> {
  const { signal } = options;
  let reached: Revision | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (reached === undefined) {
        const listed = await listAll(store, target);
        reached = listed.revision;
        yield listed;
      }
      for await (const batch of store.watch(target, { from: reached, signal })) {
        failures = 0;
        reached = 'progress' in batch ? batch.progress : batch.revision;
        if ('events' in batch) {
          yield { events: batch.events, revision: batch.revision };
        }
      }
    } catch (error) {
      failures += 1;
      if (relistCodes.some((code) => isHansaError(error, code))) {
        reached = undefined;
      } else if (!isHansaError(error, 'STORE_UNAVAILABLE')) {
        throw error;
      }
      await pause(error, failures, options);
    }
  }
}

/** Every page at the first page's revision. */
async function listAll(
  store: KeyValueStore,
  target: { readonly prefix: Uint8Array },
): Promise<{ list: readonly Entry[]; revision: Revision }> {
  const first = await store.scan(target);
  const list = [...first.entries];
  let { cursor } = first;
  while (cursor !== undefined) {
    const page = await store.scan(target, { cursor });
    list.push(...page.entries);
    cursor = page.cursor;
  }
  return { list, revision: first.revision };
}

/**
 * Nothing at the first failure, so that a relist is prompt; throws the error where waiting is over.
 */
async function pause(
  error: unknown,
  failures: number,
  { clock, signal }: ListAndWatchOptions,
): Promise<void> {
  if (clock === undefined) {
    if (failures > retriesWithoutClock) {
      throw error;
    }
    return;
  }
  if (failures > 1) {
    const ms = Math.min(retryFirstMs * 2 ** (failures - 2), retryMaxMs);
    await clock.sleep(ms, signal).catch(() => undefined); // an abort ends the loop by itself
  }
}
