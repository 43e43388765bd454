// Brings the blobs of a batch here: small ones many at a time, large ones chunk by chunk from every
// source there is, the manifest first. Everything is bound to the signed change and verified before
// it is written; what has arrived is never fetched again.
import {
  blobChunkBytes,
  HansaError,
  isHansaError,
  manifestId,
  remote,
  toHex,
  type BlobId,
  type Blobs,
} from '@hansa/foundation';
import type { BlobReference, SequencedChange } from '../resources/contract.ts';
import {
  accuse,
  named,
  type BlobSource,
  type FetchNeeds,
  type FetchOrder,
} from './blob-sources.ts';
import { spreadChunks, type ChunkSource } from './chunk-spreading.ts';
import { fetchSmallBlobs } from './small-blobs.ts';
import { blobPeerContract } from './wire.ts';

// from here on it pays to ask who else has a blob: a second and more over a link
export const severalSourcesBytes: number = 4 * 1_024 * 1_024;
const looksAtOnce = 64; // at the disk, whether a blob is here

/** The blobs that entries name after the changes; what a later change replaced is not needed. */
export function blobsAfter(changes: readonly SequencedChange[]): readonly BlobReference[] {
  const byKey = new Map<string, readonly BlobReference[]>();
  for (const { change } of changes) {
    for (const op of change.ops) {
      const key = 'delete' in op ? op.delete.key : op.put.key;
      byKey.set(key.join(), 'delete' in op ? [] : op.put.blobs);
    }
  }
  return [...byKey.values()].flat();
}

/** Fetches what is not here; resolves with the number of blobs fetched. */
export async function fetchBlobs(needs: FetchNeeds, order: FetchOrder): Promise<number> {
  order.signal.throwIfAborted();
  const absent = await notHere(needs.blobs, order);
  const bytes = absent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (absent.length === 0) {
    return 0;
  }
  await order.expect?.(order.owner, bytes);
  const small = absent.filter(({ sizeBytes }) => sizeBytes <= blobChunkBytes);
  const large = absent.filter(({ sizeBytes }) => sizeBytes > blobChunkBytes);
  const isServed = await manyAtATime(needs, order, small);
  const sources = [order.owner];
  const largeBytes = large.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (largeBytes >= severalSourcesBytes) {
    const others = (await order.others?.()) ?? [];
    await Promise.all(others.map(async (other) => order.expect?.(other, largeBytes / 2)));
    sources.push(...others);
  }
  for (const reference of isServed ? large : absent) {
    order.signal.throwIfAborted();
    await fetchLarge(needs, { ...order, sources }, reference);
  }
  return absent.length;
}

/** False where the owner is of the first release, which knows one road for blobs of all sizes. */
async function manyAtATime(
  needs: FetchNeeds,
  order: FetchOrder,
  small: readonly BlobReference[],
): Promise<boolean> {
  try {
    await fetchSmallBlobs(needs, order, small);
    return true;
  } catch (error) {
    if (isHansaError(error, 'METHOD_UNKNOWN')) {
      return false;
    }
    throw error;
  }
}

async function notHere(
  blobs: Blobs,
  { wanted, signal }: FetchOrder,
): Promise<readonly BlobReference[]> {
  const unique = [...new Map(wanted.map((reference) => [reference.id, reference])).values()];
  const absent: BlobReference[] = [];
  for (let at = 0; at < unique.length; at += looksAtOnce) {
    signal.throwIfAborted();
    const page = unique.slice(at, at + looksAtOnce);
    const found = await Promise.all(page.map(({ id }) => blobs.info(id)));
    absent.push(...page.filter((_, index) => found[index] === undefined));
  }
  return absent;
}

interface LargeOrder extends FetchOrder {
  readonly sources: readonly BlobSource[];
}

async function fetchLarge(
  needs: FetchNeeds,
  order: LargeOrder,
  reference: BlobReference,
): Promise<void> {
  const { id, sizeBytes } = reference;
  const chunks = await signedChunks(needs, order, reference);
  const receipt = await needs.blobs.receive({ id, sizeBytes }, chunks);
  let bad: unknown;
  try {
    await spreadChunks({
      clock: needs.clock,
      receipt,
      sources: order.sources.map((source) => chunkSource(order, source, id)),
      signal: order.signal,
      arrived: (bytes) => order.arrived(bytes),
      left({ name }, error) {
        const source = order.sources.find((each) => each.name === name) ?? order.owner;
        if (isHansaError(error, 'BLOB_CORRUPT')) {
          bad = named(error, { source, resource: order.resource, blob: id });
          accuse(needs, source, bad);
        }
      },
    });
    await receipt.commit();
  } catch (error) {
    // Whoever else failed, the bad bytes are what a person must hear of.
    throw isHansaError(error, 'BLOB_CORRUPT')
      ? (bad ?? named(error, { source: order.owner, resource: order.resource, blob: id }))
      : error;
  } finally {
    await receipt.close();
  }
}

/** From whoever tells the list that the owner has signed. */
async function signedChunks(
  needs: FetchNeeds,
  { sources, resource, signal }: LargeOrder,
  reference: BlobReference,
): Promise<readonly BlobId[]> {
  let failure: unknown;
  for (const source of sources) {
    try {
      const ask = (): Promise<{ readonly chunks: Uint8Array }> =>
        remote(blobPeerContract, source.carrier()).manifest(
          { resource, blob: reference.id },
          { signal },
        );
      // A plane may have broken just now; the next request takes another way.
      const said = await ask().catch((error: unknown) => {
        if (isHansaError(error, 'CONNECTION_CLOSED')) {
          return ask();
        }
        throw error;
      });
      const chunks = chunkIds(said.chunks);
      if (manifestId(needs.crypto, reference, chunks) === reference.manifest) {
        return chunks;
      }
      failure = falseManifest(source, reference);
      accuse(needs, source, failure);
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
    }
  }
  throw failure;
}

function falseManifest(source: BlobSource, { id }: BlobReference): HansaError {
  const sentence = `${source.name} sent a manifest of blob ${id} that its owner did not sign`;
  return new HansaError('BLOB_CORRUPT', sentence, { facts: { blob: id, source: source.name } });
}

function chunkSource(order: FetchOrder, source: BlobSource, blob: BlobId): ChunkSource {
  const { resource } = order;
  return {
    name: source.name,
    chunks: (indexes, signal) =>
      remote(blobPeerContract, source.carrier()).chunks({ resource, blob, indexes }, { signal }),
  };
}

function chunkIds(bytes: Uint8Array): readonly BlobId[] {
  const ids: BlobId[] = [];
  for (let at = 0; at < bytes.length; at += 32) {
    ids.push(toHex(bytes.subarray(at, at + 32)) as BlobId);
  }
  return ids;
}
