// The bytes of a history: how a change is chained, how an entry becomes a leaf, what a head signs.
// Owner and mirror compute the same from the same content. Vectors: protocol/vectors/history.json.
import {
  fromHex,
  HansaError,
  rootFromPath,
  splitFederatedId,
  hashTranscript,
  transcript,
  type Crypto,
  type FederatedId,
  type TranscriptField,
  type TrieChange,
} from '@hansa/foundation';
import type { KeyBook } from '../identity/contract.ts';
import type {
  BlobReference,
  Change,
  ChangeOp,
  Head,
  History,
  Position,
  ResourceEntry,
  Tick,
} from './contract.ts';

/** The chain before the first change of an epoch. */
export function firstChain(crypto: Crypto, resource: FederatedId, epoch: number): Uint8Array {
  return hashTranscript(crypto, 'hansa/chain-first/1', [resource, epoch]);
}

export function nextChain(crypto: Crypto, before: Uint8Array, change: Change): Uint8Array {
  return chainAfter(crypto, before, changeBytes(change));
}

/** The same, where the bytes of the change are at hand. */
export function chainAfter(crypto: Crypto, before: Uint8Array, change: Uint8Array): Uint8Array {
  return hashTranscript(crypto, 'hansa/chain/1', [before, change]);
}

export function changeBytes(change: Change): Uint8Array {
  const { epoch, previous, hlc, author, ops } = change;
  return transcript('hansa/change/1', [epoch, previous, ...hlc, author, ...ops.flatMap(opFields)]);
}

function opFields(op: ChangeOp): TranscriptField[] {
  return 'delete' in op
    ? ['delete', op.delete.key]
    : ['put', op.put.key, op.put.value, blobFields(op.put.blobs)];
}

const noBlobs: Uint8Array = transcript('hansa/blob-references/1', []); // of most entries

function blobFields(blobs: readonly BlobReference[]): Uint8Array {
  if (blobs.length === 0) {
    return noBlobs;
  }
  return transcript(
    'hansa/blob-references/1',
    blobs.flatMap(({ id, sizeBytes, manifest }) => [fromHex(id), sizeBytes, fromHex(manifest)]),
  );
}

/** BLAKE3 over a value and the blobs it names: what a trie leaf carries. */
export function valueHash(
  crypto: Crypto,
  entry: { readonly value: Uint8Array; readonly blobs: readonly BlobReference[] },
): Uint8Array {
  return hashTranscript(crypto, 'hansa/value/1', [entry.value, blobFields(entry.blobs)]);
}

/** What a change does to the digest trie; a version of 0 belongs to a key that it deleted. */
export function trieChanges(
  crypto: Crypto,
  ops: readonly ChangeOp[],
  versions: readonly number[],
): readonly TrieChange[] {
  return ops.map((op, index) => {
    if ('delete' in op) {
      return { key: op.delete.key, hash: undefined };
    }
    const { key } = op.put;
    return { key, hash: leafOf(crypto, { ...op.put, version: versions[index] ?? 0 }) };
  });
}

export function leafOf(crypto: Crypto, entry: ResourceEntry): Uint8Array {
  const { key, version } = entry;
  return hashTranscript(crypto, 'hansa/trie-leaf/1', [key, version, valueHash(crypto, entry)]);
}

export function headBytes(resource: FederatedId, position: Position): Uint8Array {
  const { epoch, sequence, chain, digest, hlc } = position;
  return transcript('hansa/head/1', [resource, epoch, sequence, chain, digest, ...hlc]);
}

export function headLeaf(crypto: Crypto, salt: Uint8Array, head: Uint8Array): Uint8Array {
  return hashTranscript(crypto, 'hansa/head-leaf/1', [salt, head]);
}

export function tickBytes(tick: Omit<Tick, 'signature'>): Uint8Array {
  return transcript('hansa/tick/1', [tick.root, tick.asOfMs, tick.keyIndex]);
}

function verifyHead(crypto: Crypto, head: Head, ownerKey: Uint8Array): void {
  const leaf = headLeaf(crypto, head.salt, headBytes(head.resource, head));
  const root = rootFromPath(crypto, leaf, head.path);
  const { tick } = head;
  const bound = root.every((byte, index) => byte === tick.root[index]);
  if (!bound || !crypto.verify(ownerKey, tickBytes(tick), tick.signature)) {
    throw new HansaError('HEAD_INVALID', `the head of ${head.resource} is not signed by its owner`);
  }
}

/** Where nothing is known of rotations: every owner's only key is the first, which is its id. */
const firstKeys: Pick<KeyBook, 'signing'> = {
  signing(owner, { keyIndex }) {
    if (keyIndex !== 0) {
      throw new HansaError('KEY_UNKNOWN', `key ${keyIndex} of ${owner.slice(0, 8)}… is not known`);
    }
    return fromHex(owner);
  },
};

export function createHistory(crypto: Crypto, keys: Pick<KeyBook, 'signing'> = firstKeys): History {
  return {
    firstChain: (resource, epoch) => firstChain(crypto, resource, epoch),
    nextChain: (before, change) => nextChain(crypto, before, change),
    leaf: (entry) => leafOf(crypto, entry),
    trieChanges: (ops, versions) => trieChanges(crypto, ops, versions),
    valueHash: (entry) => valueHash(crypto, entry),
    verify(head) {
      const { keyIndex, asOfMs } = head.tick;
      const { owner } = splitFederatedId(head.resource);
      verifyHead(crypto, head, keys.signing(owner, { keyIndex, atMs: asOfMs }));
    },
    verifyHead: (head, ownerKey) => verifyHead(crypto, head, ownerKey),
  };
}
