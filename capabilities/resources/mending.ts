// Putting a resource right again. Entries may come from anywhere: what hashes to its leaf in the
// digest trie is what was there. A history with a hole is cut off before it.
import { equalBytes, HansaError, type LocalId, type Op } from '@hansa/foundation';
import type { Held } from './appending.ts';
import type { MendedResource, Mending, ResourceEntry } from './contract.ts';
import type { Digests } from './digests.ts';
import { leafOf } from './history.ts';

const mendedAtOnce = 16; // entries in one transaction; more would keep whoever appends waiting
const mendedBytesMax: number = 384 * 1_024; // of their values, before a transaction is full

/** What candidates put right; those that do not hash to a leaf that is wrong are passed over. */
export async function mendResource(
  held: Held,
  digests: Digests,
  given: Mending & { readonly id: LocalId },
): Promise<MendedResource> {
  const { id, problems } = given;
  if (held.states.find(id) === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
  }
  const wanted = new Map<string, Uint8Array>();
  for (const { key, leaf } of problems) {
    if (key !== undefined && leaf !== undefined) {
      wanted.set(key.join(), leaf);
    }
  }
  const mended = await writeMatching(held, { ...given, wanted });
  // Last: entries may come from the very history that is cut off.
  await forgetBefore(held, digests, given);
  return { mended, missing: wanted.size };
}

/** Takes out of `wanted` what was found. */
async function writeMatching(
  held: Held,
  given: Mending & { readonly id: LocalId; readonly wanted: Map<string, Uint8Array> },
): Promise<number> {
  const { crypto, tables, states } = held;
  const { id, wanted } = given;
  let mended = 0;
  let batch: Op[] = [];
  let bytes = 0;
  const write = async (): Promise<void> => {
    const then = batch;
    [batch, bytes] = [[], 0];
    const operand = states.find(id)?.modRevision ?? 0;
    const { succeeded } = await held.store.transact({
      // Whoever appended meanwhile may have written the very entry.
      if: [{ key: tables.states.key(id), target: 'modRevision', op: '=', operand }],
      then,
    });
    if (!succeeded) {
      throw new HansaError('CONFLICT', `${id} was changed while it was put right`);
    }
    mended += then.length;
  };
  const epoch = states.find(id)?.value.epoch ?? 0;
  for await (const { key, value, version, blobs } of wanted.size === 0 ? [] : allOf(held, given)) {
    const leaf = wanted.get(key.join());
    const entry = { value, version, blobs };
    if (leaf !== undefined && equalBytes(leafOf(crypto, { key, ...entry }), leaf)) {
      wanted.delete(key.join());
      batch.push(tables.entries.put([id, epoch, key], entry));
      bytes += value.length;
    }
    if (batch.length >= mendedAtOnce || bytes >= mendedBytesMax) {
      await write();
    }
    if (wanted.size === 0) {
      break;
    }
  }
  if (batch.length > 0) {
    await write();
  }
  return mended;
}

/**
 * A history with a hole leads nowhere: mirrors that are behind it compare entries instead. Not
 * before the digest's pages need nothing of it: one that was made of the entries that are left
 * would prove whatever they are.
 */
async function forgetBefore(
  { store, tables, states }: Held,
  digests: Digests,
  { id, problems }: Mending & { readonly id: LocalId },
): Promise<void> {
  const upTo = Math.max(0, ...problems.map((problem) => problem.upTo ?? 0));
  const epoch = states.find(id)?.value.epoch;
  if (upTo > 0 && epoch !== undefined) {
    await digests.writeUpTo(id, upTo);
    await store.batchWrite([tables.kept.put([id, epoch], upTo)]);
  }
}

/** Our own history first: it needs nobody. */
async function* allOf(
  held: Held,
  { id, candidates }: Mending & { readonly id: LocalId },
): AsyncIterable<ResourceEntry> {
  yield* changedEntries(held, id);
  yield* candidates();
}

/** Of our own kept changes, every entry as each of them has left it. */
async function* changedEntries(
  { tables, states }: Held,
  id: LocalId,
): AsyncIterable<ResourceEntry> {
  const epoch = states.find(id)?.value.epoch;
  for await (const { value } of epoch === undefined ? [] : tables.changes.rows(id, epoch)) {
    for (const [index, op] of value.ops.entries()) {
      if ('put' in op) {
        yield { ...op.put, version: value.versions[index] ?? 1 };
      }
    }
  }
}
