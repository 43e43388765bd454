// Blobs for peers: what a resource names that the peer may pull, each decided by policy before
// anything is looked up and again before anything more is sent. A mirror's blobs are served on to
// whoever may pull the mirror from us.
import {
  blobChunkBytes,
  callingCluster,
  concatBytes,
  equalBytes,
  fromHex,
  HansaError,
  splitFederatedId,
  type BlobId,
  type Blobs,
  type Call,
  type ClusterId,
  type Crypto,
  type FederatedId,
} from '@hansa/foundation';
import type { BlobReference, ResourceLog } from '../resources/contract.ts';
import { absent, requirePull, type PullRights } from './pull-rights.ts';
import { sourceMark } from './source-mark.ts';
import { contentsBytesMax, type BlobPeer, type SmallBlob } from './wire.ts';

// Opening, reading and closing small files waits on the disk, not on us.
const readsAtOnce = 32;

/** What we mirror and may serve on. */
export interface MirroredBlobs {
  /** The mirrors that a peer may pull from us. */
  readable(peer: ClusterId): ReadonlySet<FederatedId>;
  /** Only what has been applied: what is named there is here, and was verified. */
  reference(resource: FederatedId, blob: BlobId): Promise<BlobReference | undefined>;
}

export interface BlobServingNeeds extends PullRights {
  readonly resources: ResourceLog;
  readonly blobs: Blobs;
  /** Absent: mirrors are served to nobody. */
  readonly mirrored?: MirroredBlobs | undefined;
  /** Absent: nobody learns from us who mirrors what. */
  readonly crypto?: Crypto | undefined;
}

/** The one question of this room: may this peer read the blobs of this resource here? */
function requireServable(
  needs: BlobServingNeeds,
  resource: FederatedId,
  call: Call | undefined,
): void {
  const peer = callingCluster(call);
  const { owner } = splitFederatedId(resource);
  if (owner === needs.cluster) {
    requirePull(needs, resource, peer);
  } else if (owner === peer) {
    return; // its own content, which it may have lost with a disk: what we hold of it is named here
  } else if (needs.mirrored?.readable(peer).has(resource) !== true) {
    throw absent(resource);
  }
}

export function servingBlobs(needs: BlobServingNeeds): BlobPeer {
  return {
    async manifest(input, call) {
      const { sizeBytes } = await requireNamed(needs, input, call);
      const chunks = await needs.blobs.chunks(input.blob);
      return { sizeBytes, chunks: concatBytes(chunks.map((chunk) => fromHex(chunk))) };
    },
    chunks: (input, call) => readChunks(needs, input, call),
    contents: (input, call) => readContents(needs, input, call),
    async sources({ salt, mark }, call) {
      const { crypto, mirrored } = needs;
      const readable = mirrored?.readable(callingCluster(call)) ?? [];
      const serves =
        crypto !== undefined &&
        [...readable].some((each) => equalBytes(sourceMark(crypto, salt, each), mark));
      return { serves };
    },
  };
}

async function requireNamed(
  needs: BlobServingNeeds,
  { resource, blob }: { readonly resource: FederatedId; readonly blob: BlobId },
  call: Call | undefined,
): Promise<BlobReference> {
  requireServable(needs, resource, call);
  const reference = await referenceOf(needs, resource, blob);
  if (reference === undefined) {
    throw new HansaError('BLOB_NOT_FOUND', `${resource} names no blob ${blob}`);
  }
  return reference;
}

function referenceOf(
  { cluster, resources, mirrored }: BlobServingNeeds,
  resource: FederatedId,
  blob: BlobId,
): Promise<BlobReference | undefined> {
  const { owner, local } = splitFederatedId(resource);
  return owner === cluster
    ? resources.blob(local, blob)
    : (mirrored?.reference(resource, blob) ?? Promise.resolve(undefined));
}

async function* readChunks(
  needs: BlobServingNeeds,
  input: Parameters<BlobPeer['chunks']>[0],
  call: Call | undefined,
): AsyncIterable<Uint8Array> {
  const { resource, blob, indexes } = input;
  const { sizeBytes } = await requireNamed(needs, input, call);
  const read = (index: number | undefined): Promise<Uint8Array> | undefined => {
    if (index === undefined) {
      return undefined;
    }
    const start = index * blobChunkBytes;
    const range = { start, end: Math.min(start + blobChunkBytes, sizeBytes) };
    const reading = readRange(needs.blobs, { blob, ...range }, call);
    // It is awaited a turn later, or not at all where the reader has left.
    reading.catch(() => undefined);
    return reading;
  };
  let next = read(indexes[0]);
  for (const at of indexes.keys()) {
    const chunk = await next;
    requireServable(needs, resource, call);
    // One is read from the disk while the other is on its way.
    next = read(indexes[at + 1]);
    if (chunk !== undefined) {
      yield chunk;
    }
  }
}

/** As it lies: the receiver hashes all of it, and finds damage of ours and of the way alike. */
async function readRange(
  blobs: Blobs,
  range: { readonly blob: BlobId; readonly start: number; readonly end: number },
  call: Call | undefined,
): Promise<Uint8Array> {
  const { blob, start, end } = range;
  const { signal } = call ?? {};
  const pieces: Uint8Array[] = [];
  const options = { start, end, verify: false, ...(signal === undefined ? {} : { signal }) };
  for await (const piece of blobs.read(blob, options)) {
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : concatBytes(pieces);
}

/**
 * Whole small blobs, many in an answer; one that is not named, not small or not here is left out.
 */
async function* readContents(
  needs: BlobServingNeeds,
  { resource, blobs: ids }: Parameters<BlobPeer['contents']>[0],
  call: Call | undefined,
): AsyncIterable<readonly SmallBlob[]> {
  let group: SmallBlob[] = [];
  let bytes = 0;
  for (let at = 0; at < ids.length; at += readsAtOnce) {
    requireServable(needs, resource, call);
    const page = ids.slice(at, at + readsAtOnce);
    const read = await Promise.all(page.map((blob) => smallBlob(needs, { resource, blob }, call)));
    for (const one of read) {
      if (one !== undefined && bytes > 0 && bytes + one.bytes.length > contentsBytesMax) {
        yield group;
        requireServable(needs, resource, call);
        group = [];
        bytes = 0;
      }
      if (one !== undefined) {
        group.push(one);
        bytes += one.bytes.length;
      }
    }
  }
  if (group.length > 0) {
    yield group;
  }
}

async function smallBlob(
  needs: BlobServingNeeds,
  { resource, blob }: { readonly resource: FederatedId; readonly blob: BlobId },
  call: Call | undefined,
): Promise<SmallBlob | undefined> {
  const reference = await referenceOf(needs, resource, blob);
  if (reference === undefined || reference.sizeBytes > blobChunkBytes) {
    return undefined;
  }
  const range = { blob, start: 0, end: reference.sizeBytes };
  const bytes = await readRange(needs.blobs, range, call).catch(() => undefined);
  return bytes === undefined ? undefined : { blob, bytes };
}
