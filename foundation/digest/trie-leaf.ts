// The leaves of the digest trie, where they lie: paths and hashes are read and compared in the
// memory that holds them, and cut out only for whoever asks for one.
import type { Crypto } from '../crypto.ts';

export const pathBytes = 32;
export const pathDigits = 64;
export const hashBytes = 32;
export const placeBytes: number = pathBytes + hashBytes;

export interface TrieLeaf {
  /** BLAKE3(key). */
  readonly path: Uint8Array;
  readonly key: Uint8Array;
  /** The hash of `hansa/trie-leaf/1`. */
  readonly hash: Uint8Array;
}

/** Where a leaf lies: its path, and its hash right after it. */
export interface LeafPlace {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** A leaf as it lies in a page or waits for one; where it is gone, its hash is none. */
export interface PlacedLeaf extends TrieLeaf, LeafPlace {
  readonly isGone: boolean;
}

/** A leaf that is set, or, without a hash, removed. */
export interface TrieChange {
  readonly key: Uint8Array;
  readonly hash: Uint8Array | undefined;
}

export function digitOf(path: Uint8Array, depth: number): number {
  return digitAt(path, 0, depth);
}

/** Of a path that begins somewhere in the bytes. */
export function digitAt(bytes: Uint8Array, at: number, depth: number): number {
  const byte = bytes[at + (depth >> 1)] ?? 0;
  return (depth & 1) === 0 ? byte >> 4 : byte & 15;
}

/** Below, at or above zero, as the first path comes before, is, or comes after the second. */
export function comparePaths(a: LeafPlace, b: LeafPlace): number {
  for (let i = 0; i < pathBytes; i += 1) {
    const order = (a.bytes[a.at + i] ?? 0) - (b.bytes[b.at + i] ?? 0);
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

export function pathOf({ bytes, at }: LeafPlace): Uint8Array {
  return bytes.subarray(at, at + pathBytes);
}

export function hashOf({ bytes, at }: LeafPlace): Uint8Array {
  return bytes.subarray(at + pathBytes, at + pathBytes + hashBytes);
}

/** A leaf that is not in its page yet: path, hash and key lie in one piece of memory. */
export class PendingLeaf implements PlacedLeaf {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly keyLength: number;
  isGone = true;

  constructor(bytes: Uint8Array, at: number, keyLength: number) {
    this.bytes = bytes;
    this.at = at;
    this.keyLength = keyLength;
  }

  get path(): Uint8Array {
    return pathOf(this);
  }

  get hash(): Uint8Array {
    return hashOf(this);
  }

  get key(): Uint8Array {
    const from = this.at + placeBytes;
    return this.bytes.subarray(from, from + this.keyLength);
  }
}

/**
 * What waits for its pages, leaf by leaf in one memory for all: they come and go together, and each
 * by itself would cost the collector more than its hashes cost.
 */
export function pendingLeaves(
  changes: readonly TrieChange[],
  pathFrom: (key: Uint8Array) => Uint8Array,
): readonly PendingLeaf[] {
  if (changes.every((change) => change instanceof PendingLeaf)) {
    return changes;
  }
  const length = changes.reduce((sum, { key }) => sum + placeBytes + key.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  return changes.map(({ key, hash }) => {
    const leaf = new PendingLeaf(bytes, at, key.length);
    bytes.set(pathFrom(key), at);
    bytes.set(key, at + placeBytes);
    if (hash !== undefined) {
      bytes.set(hash, at + pathBytes);
      leaf.isGone = false;
    }
    at += placeBytes + key.length;
    return leaf;
  });
}

export function copyPlace(into: Uint8Array, at: number, leaf: LeafPlace): void {
  into.set(leaf.bytes.subarray(leaf.at, leaf.at + placeBytes), at);
}

/** Both in the order of paths; where both have a path, the newer one counts. */
export function overlaid<T extends PlacedLeaf>(older: readonly T[], newer: readonly T[]): T[] {
  const merged: T[] = [];
  let at = 0;
  for (const leaf of newer) {
    let below = older[at];
    while (below !== undefined) {
      const order = comparePaths(below, leaf);
      if (order < 0) {
        merged.push(below);
      }
      if (order > 0) {
        break;
      }
      at += 1;
      below = older[at];
    }
    merged.push(leaf);
  }
  for (; at < older.length; at += 1) {
    const rest = older[at];
    if (rest !== undefined) {
      merged.push(rest);
    }
  }
  return merged;
}

export function presentLeaves<T extends PlacedLeaf>(leaves: readonly T[]): readonly T[] {
  return leaves.some(({ isGone }) => isGone) ? leaves.filter(({ isGone }) => !isGone) : leaves;
}

/** The same changes in one memory, for whoever keeps them until a trie takes them in. */
export function placedLeaves(
  crypto: Pick<Crypto, 'hash'>,
  changes: readonly TrieChange[],
): readonly TrieChange[] {
  return pendingLeaves(changes, (key) => crypto.hash(key));
}
