// Forgetting old changes: what a mirror that was away for long would still need one by one, but
// can also have as the entries that came of it. Checkpoints go with them, and the blobs that
// nothing names any more.
import { silentLog, type LocalId, type Row } from '@hansa/foundation';
import type { Held } from './appending.ts';
import { changeBytesKeptMin, changesKeptMin, type ResourceLog } from './contract.ts';
import type { Digests } from './digests.ts';
import type { StoredCheckpoint } from './keys.ts';

const deletedAtOnce = 64; // writers wait for one transaction at most
const keptDefault = { changes: changesKeptMin, bytes: changeBytesKeptMin };

interface Compaction {
  readonly log: Pick<ResourceLog, 'all'>;
  readonly digests: Digests;
  readonly signal: AbortSignal;
}

/** One resource after the other; what fails for one is tried again in the next round. */
export async function compactRound(held: Held, given: Compaction): Promise<number> {
  const { log = silentLog } = held;
  let removed = 0;
  for (const { id, epoch } of given.log.all()) {
    if (given.signal.aborted) {
      break;
    }
    try {
      removed += await compact(held, { ...given, id, epoch });
    } catch (error) {
      log.problem('resources.compact-failed', error, { resource: id });
    }
  }
  return removed;
}

type Work = Compaction & { readonly id: LocalId; readonly epoch: number };

async function compact(held: Held, work: Work): Promise<number> {
  const { tables, store, log = silentLog } = held;
  const { id, epoch, digests } = work;
  const last = await lastDispensable(held, work);
  if (last === undefined) {
    return 0;
  }
  const { sequence } = last.value;
  // Whoever opens the trie begins with its pages and needs all changes after them.
  await digests.writeUpTo(id, sequence);
  // First, so that nobody begins to read what is about to go.
  await store.batchWrite([tables.kept.put([id, epoch], sequence)]);
  const removed = await deleteBetween(held, work, {
    start: tables.changes.key(id, epoch, 0),
    end: tables.changes.key(id, epoch, sequence),
  });
  await deleteBetween(held, work, {
    start: tables.checkpoints.key(id, epoch, 0),
    end: tables.checkpoints.key(id, epoch, sequence),
  });
  const released = await releaseBlobs(held, work, sequence);
  log.event('resources.compacted', { resource: id, changes: removed, blobs: released });
  return removed;
}

/** The newest checkpoint that has enough behind it; undefined where nothing would go. */
async function lastDispensable(
  { tables, states, kept = keptDefault }: Held,
  { id, epoch }: Work,
): Promise<Row<StoredCheckpoint> | undefined> {
  const state = states.find(id)?.value;
  if (state?.epoch !== epoch || state.allChanges <= kept.changes) {
    return undefined;
  }
  const before = (await tables.kept.get(id, epoch))?.value ?? 0;
  let found: Row<StoredCheckpoint> | undefined;
  for await (const row of tables.checkpoints.rowsFrom([id, epoch], before + 1)) {
    const { allChanges, allBytes } = row.value;
    if (state.allChanges - allChanges < kept.changes || state.allBytes - allBytes < kept.bytes) {
      break;
    }
    found = row;
  }
  return found;
}

async function deleteBetween(
  { store }: Held,
  { signal }: Work,
  range: { readonly start: Uint8Array; readonly end: Uint8Array },
): Promise<number> {
  let deleted = 0;
  for (;;) {
    signal.throwIfAborted();
    const { entries } = await store.scan(range, { keysOnly: true, limit: deletedAtOnce });
    if (entries.length === 0) {
      return deleted;
    }
    await store.batchWrite(entries.map(({ key }) => ({ delete: { key } })));
    deleted += entries.length;
  }
}

/**
 * A blob's record was written anew with every change that named it: where that was the last time
 * before what is kept, only an entry can still need it.
 */
async function releaseBlobs({ tables, store }: Held, work: Work, kept: number): Promise<number> {
  const { id, epoch, signal } = work;
  const old = new Map<string, Row<unknown>>();
  for await (const row of tables.blobs.rows(id, epoch)) {
    // Of a record that was carried here, only that it was written before all that follows: it goes
    // later than it might, never sooner.
    if (row.modRevision <= kept) {
      old.set(row.value.id, row);
    }
  }
  if (old.size === 0) {
    return 0;
  }
  for await (const { value } of tables.entries.rows(id, epoch)) {
    signal.throwIfAborted();
    value.blobs.forEach((blob) => old.delete(blob.id));
  }
  let released = 0;
  for (const [blob, { modRevision }] of old) {
    const { ok } = await store.compareAndDelete(tables.blobs.key(id, epoch, blob), { modRevision });
    released += ok ? 1 : 0;
  }
  return released;
}
