// A repository as entries of a resource: one table of refs, and one entry per pack in the order of
// pushes. The table is inline up to 100 refs; above, it is a blob that the entry names.
import {
  blobIdSchema,
  compareBytes,
  concatBytes,
  emptyBytes,
  HansaError,
  manifestId,
  packTuple,
  startsWith,
  utf8,
  type BlobId,
  type Blobs,
  type Codec,
  type Crypto,
} from '@hansa/foundation';
import { z } from 'zod';
import type { BlobReference, ChangeOp, ResourceEntry } from '../resources/contract.ts';
import { refsInlineMax, refsMax } from './contract.ts';
import { internalRefPrefix, type Ref, type RepositoryState } from './git.ts';
import { refNameClashes, refNameIsValid } from './ref-name.ts';

export interface EntryNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly blobs: Blobs;
}

export const refsKey: Uint8Array = packTuple(['refs']);
export const emptyState: RepositoryState = { refs: [], head: 'refs/heads/main', shallow: [] };

const tableBytesMax = 64 * 1_024; // a change of one ref rewrites an inline table
// what a reader of the table holds in memory: 100,000 refs with names of 600 bytes
const tableBlobBytesMax = 64 * 1_024 * 1_024;
const objectId = z.string().regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/);
const refName = z.string().max(1_024).refine(refNameIsValid, 'not a ref name');
// HEAD elsewhere would be refused by git after the store has moved.
const branchName = refName.refine((name) => name.startsWith('refs/heads/'), 'not a branch');
const stateSchema: z.ZodType<RepositoryState> = z.object({
  refs: z
    .array(z.object({ name: refName, target: objectId }))
    .max(refsMax)
    .refine(standTogether, 'git cannot hold these refs together'),
  head: branchName,
  shallow: z.array(objectId),
});
const tableSchema = z.union([z.object({ inline: stateSchema }), z.object({ blob: blobIdSchema })]);

/** Git would refuse to move any ref after the store has moved: so the table is refused before. */
function standTogether(refs: readonly Ref[]): boolean {
  const names = new Set(refs.map(({ name }) => name));
  const [clash] = refNameClashes(names);
  const internal = refs.some(({ name }) => name.startsWith(internalRefPrefix));
  return names.size === refs.length && clash === undefined && !internal;
}

/** In the order of their names' bytes, as git has them; strings compare otherwise beyond U+FFFF. */
function sortedRefs(refs: readonly Ref[]): readonly Ref[] {
  return refs
    .map((ref) => ({ ref, bytes: utf8(ref.name) }))
    .toSorted((a, b) => compareBytes(a.bytes, b.bytes))
    .map(({ ref }) => ref);
}

/** Sorted by name: equal states have equal tables. */
export async function refsOp(needs: EntryNeeds, state: RepositoryState): Promise<ChangeOp> {
  const sorted: RepositoryState = {
    head: state.head,
    shallow: state.shallow.toSorted(),
    refs: sortedRefs(state.refs),
  };
  const encoded = needs.codec.encode(sorted);
  if (state.refs.length > refsMax || encoded.length > tableBlobBytesMax) {
    throw new HansaError(
      'CHANGE_TOO_LARGE',
      `a repository has at most ${refsMax} refs and ${tableBlobBytesMax} bytes of them`,
    );
  }
  if (state.refs.length <= refsInlineMax && encoded.length <= tableBytesMax) {
    const value = needs.codec.encode({ inline: sorted });
    return { put: { key: refsKey, value, blobs: [] } };
  }
  const reference = await putBlob(needs, [encoded]);
  const value = needs.codec.encode({ blob: reference.id });
  return { put: { key: refsKey, value, blobs: [reference] } };
}

/** The pushes' order is the order of their keys: thin packs lean on earlier ones. */
export function packOp(after: number, pack: BlobReference): ChangeOp {
  return { put: { key: packKey(after, pack.id), value: emptyBytes, blobs: [pack] } };
}

const packPrefix = packTuple(['pack']);

function packKey(after: number, pack: BlobId): Uint8Array {
  return packTuple(['pack', after, pack]);
}

export function isPackKey(key: Uint8Array): boolean {
  return startsWith(key, packPrefix);
}

export async function putBlob(
  { blobs, crypto }: EntryNeeds,
  source: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): Promise<BlobReference> {
  const info = await blobs.put(pieces(source));
  const chunks = await blobs.chunks(info.id);
  return { id: info.id, sizeBytes: info.sizeBytes, manifest: manifestId(crypto, info, chunks) };
}

async function* pieces(
  source: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): AsyncIterable<Uint8Array> {
  yield* source;
}

/** The refs an entry stands for; its blob, where it names one, is here. */
export async function stateOf(
  needs: EntryNeeds,
  entry: Pick<ResourceEntry, 'value' | 'blobs'> | undefined,
): Promise<RepositoryState> {
  if (entry === undefined) {
    return emptyState;
  }
  const table = decoded(needs.codec, tableSchema, entry.value);
  if ('inline' in table) {
    return table.inline;
  }
  const reference = entry.blobs.find(({ id }) => id === table.blob);
  if (reference === undefined || reference.sizeBytes > tableBlobBytesMax) {
    throw new HansaError(
      'CHANGE_INVALID',
      'the table of refs is no blob of its entry, or too large',
    );
  }
  const parts: Uint8Array[] = [];
  for await (const piece of needs.blobs.read(reference.id)) {
    parts.push(piece);
  }
  return decoded(needs.codec, stateSchema, concatBytes(parts));
}

function decoded<T>(codec: Codec, schema: z.ZodType<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(codec.decode(bytes));
  } catch (cause) {
    throw new HansaError('CHANGE_INVALID', 'the table of refs does not fit its schema', { cause });
  }
}
