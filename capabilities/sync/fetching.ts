// Brings the blobs of a batch here: manifest first, bound to the signed change, then the missing
// chunks, each verified before it is written. What has arrived is never fetched again.
import {
  blobChunkBytes,
  HansaError,
  isHansaError,
  manifestId,
  remote,
  toHex,
  type BlobId,
  type BlobReceipt,
  type Blobs,
  type Carrier,
  type Crypto,
  type FederatedId,
} from '@hansa/foundation';
import type { BlobReference, SequencedChange } from '../resources/contract.ts';
import { blobPeerContract, chunksPerRequestMax, type BlobPeer } from './wire.ts';

export interface FetchNeeds {
  readonly blobs: Blobs;
  readonly crypto: Crypto;
}

export interface FetchOrder {
  readonly carrier: Carrier;
  /** Who delivers: named in errors. */
  readonly source: string;
  readonly resource: FederatedId;
  readonly wanted: readonly BlobReference[];
  readonly signal: AbortSignal;
  /** After every chunk that was written. */
  arrived(bytes: number): void;
}

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

/** Fetches, in order, what is not here; resolves with the number of blobs fetched. */
export async function fetchBlobs(needs: FetchNeeds, order: FetchOrder): Promise<number> {
  let fetched = 0;
  for (const reference of order.wanted) {
    order.signal.throwIfAborted();
    if ((await needs.blobs.info(reference.id)) === undefined) {
      await fetchBlob(needs, order, reference);
      fetched += 1;
    }
  }
  return fetched;
}

async function fetchBlob(
  needs: FetchNeeds,
  order: FetchOrder,
  reference: BlobReference,
): Promise<void> {
  const { signal, resource, source } = order;
  const peer = remote(blobPeerContract, order.carrier);
  const manifest = await peer.manifest({ resource, blob: reference.id }, { signal });
  const chunks = chunkIds(manifest.chunks);
  const info = { id: reference.id, sizeBytes: reference.sizeBytes };
  if (manifestId(needs.crypto, info, chunks) !== reference.manifest) {
    throw new HansaError(
      'BLOB_CORRUPT',
      `${source} sent a manifest of blob ${reference.id} that its owner did not sign`,
      { facts: { blob: reference.id } },
    );
  }
  const receipt = await needs.blobs.receive(info, chunks);
  try {
    await fillReceipt(peer, receipt, { ...order, blob: reference.id });
    await receipt.commit();
  } catch (error) {
    throw named(error, order, reference);
  } finally {
    await receipt.close();
  }
}

async function fillReceipt(
  peer: BlobPeer,
  receipt: BlobReceipt,
  order: FetchOrder & { readonly blob: BlobId },
): Promise<void> {
  const { resource, blob, signal } = order;
  for (;;) {
    const indexes = receipt.missing().slice(0, chunksPerRequestMax);
    if (indexes.length === 0) {
      return;
    }
    let at = 0;
    for await (const bytes of peer.chunks({ resource, blob, indexes }, { signal })) {
      const index = indexes[at];
      if (index === undefined || bytes.length > blobChunkBytes) {
        throw new HansaError('BLOB_CORRUPT', `${order.source} sent more than was asked for`);
      }
      await receipt.accept(index, bytes);
      order.arrived(bytes.length);
      at += 1;
    }
    if (at < indexes.length) {
      throw new HansaError('BLOB_INCOMPLETE', `${order.source} stopped after ${at} chunks`);
    }
  }
}

/** A bad byte is news for people: which resource, which blob, from whom. */
function named(error: unknown, order: FetchOrder, reference: BlobReference): unknown {
  if (!isHansaError(error, 'BLOB_CORRUPT')) {
    return error;
  }
  return new HansaError(
    'BLOB_CORRUPT',
    `refused: ${order.source} sent bytes of blob ${reference.id} (${order.resource}) ` +
      `that do not hash to its id`,
    {
      cause: error,
      facts: { ...error.facts, blob: reference.id, source: order.source },
      fix: `check the disk of ${order.source}; the transfer is tried again by itself`,
    },
  );
}

function chunkIds(bytes: Uint8Array): readonly BlobId[] {
  const ids: BlobId[] = [];
  for (let at = 0; at < bytes.length; at += 32) {
    ids.push(toHex(bytes.subarray(at, at + 32)) as BlobId);
  }
  return ids;
}
