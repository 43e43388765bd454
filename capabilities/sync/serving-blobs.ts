// Blobs for peers: what a resource names that the peer may pull, each decided by policy before
// anything is looked up and again before anything more is sent.
import {
  blobChunkBytes,
  callingCluster,
  concatBytes,
  fromHex,
  HansaError,
  type Blobs,
  type Call,
  type FederatedId,
} from '@hansa/foundation';
import type { ResourceLog } from '../resources/contract.ts';
import { requirePull, type PullRights } from './pull-rights.ts';
import type { BlobPeer } from './wire.ts';

export interface BlobServingNeeds extends PullRights {
  readonly resources: ResourceLog;
  readonly blobs: Blobs;
}

export function servingBlobs(needs: BlobServingNeeds): BlobPeer {
  const { resources, blobs } = needs;
  const named = async (
    input: { readonly resource: FederatedId; readonly blob: Parameters<Blobs['info']>[0] },
    call: Call | undefined,
  ): Promise<{ sizeBytes: number }> => {
    const local = requirePull(needs, input.resource, callingCluster(call));
    const reference = await resources.blob(local, input.blob);
    if (reference === undefined) {
      throw new HansaError('BLOB_NOT_FOUND', `${input.resource} names no blob ${input.blob}`);
    }
    return reference;
  };
  return {
    async manifest(input, call) {
      const { sizeBytes } = await named(input, call);
      const chunks = await blobs.chunks(input.blob);
      return { sizeBytes, chunks: concatBytes(chunks.map((chunk) => fromHex(chunk))) };
    },
    async *chunks(input, call) {
      const { sizeBytes } = await named(input, call);
      for (const index of input.indexes) {
        requirePull(needs, input.resource, callingCluster(call));
        const start = index * blobChunkBytes;
        const end = Math.min(start + blobChunkBytes, sizeBytes);
        const pieces: Uint8Array[] = [];
        // Read as it lies: the receiver hashes every chunk, and finds damage of ours and of the way
        // alike.
        const range = {
          start,
          end,
          verify: false,
          ...(call?.signal ? { signal: call.signal } : {}),
        };
        for await (const piece of blobs.read(input.blob, range)) {
          pieces.push(piece);
        }
        yield pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : concatBytes(pieces);
      }
    },
  };
}
