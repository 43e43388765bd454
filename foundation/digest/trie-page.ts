// A page of the digest trie: the leaves below one prefix, in the order of their paths, and the
// sixteen nodes under it. Flat bytes, because most of a page is read only to look at a few leaves.
//
//   how many records more it takes (1) | hash of all that follows (32) | sixteen children (528) |
//   count (u32) | for each leaf: path (32), hash (32), where its key ends (u32) | the keys
import { compareBytes, equalBytes } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import { HansaError } from '../errors.ts';
import { childrenBytes, digitOf, hashBytes, pathBytes, type TrieLeaf } from './trie-hash.ts';

const hashAt = 1;
const childrenAt = hashAt + hashBytes;
const countAt = childrenAt + childrenBytes;
const leavesAt = countAt + 4;
const leafBytes = pathBytes + hashBytes + 4;

// a value holds 512 KiB and a transaction 1 MiB: three parts fit into one
export const pagePartBytes: number = 256 * 1_024;

export interface TriePage {
  readonly children: Uint8Array;
  readonly count: number;
  /** How long it is as bytes. */
  readonly bytes: number;
  leaves(from: number, to: number): TrieLeaf[];
  /** Where the leaves begin whose digit at the depth is at least this one. */
  firstOf(digit: number, depth: number): number;
}

export const emptyPage: TriePage = {
  children: new Uint8Array(childrenBytes),
  count: 0,
  bytes: 0,
  leaves: () => [],
  firstOf: () => 0,
};

export function packPage(
  crypto: Crypto,
  children: Uint8Array,
  leaves: readonly TrieLeaf[],
): Uint8Array {
  const keysAt = leavesAt + leaves.length * leafBytes;
  const keysLength = leaves.reduce((sum, { key }) => sum + key.length, 0);
  const bytes = new Uint8Array(keysAt + keysLength);
  const view = new DataView(bytes.buffer);
  bytes.set(children, childrenAt);
  view.setUint32(countAt, leaves.length);
  let at = leavesAt;
  let end = 0;
  for (const { path, hash, key } of leaves) {
    bytes.set(path, at);
    bytes.set(hash, at + pathBytes);
    bytes.set(key, keysAt + end);
    end += key.length;
    view.setUint32(at + pathBytes + hashBytes, end);
    at += leafBytes;
  }
  bytes[0] = Math.ceil(bytes.length / pagePartBytes) - 1;
  bytes.set(crypto.hash(bytes.subarray(childrenAt)), hashAt);
  return bytes;
}

/** STORE_DAMAGED where the bytes are not those that were packed. */
export function readPage(crypto: Crypto, bytes: Uint8Array): TriePage {
  const whole =
    bytes.length >= leavesAt &&
    equalBytes(crypto.hash(bytes.subarray(childrenAt)), bytes.subarray(hashAt, childrenAt));
  if (!whole) {
    throw new HansaError('STORE_DAMAGED', 'a page of a digest does not hash to what it says');
  }
  return new FlatPage(bytes);
}

class FlatPage implements TriePage {
  readonly children: Uint8Array;
  readonly count: number;
  readonly bytes: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #keysAt: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.children = bytes.subarray(childrenAt, countAt);
    this.count = this.#view.getUint32(countAt);
    this.bytes = bytes.length;
    this.#keysAt = leavesAt + this.count * leafBytes;
  }

  leaves(from: number, to: number): TrieLeaf[] {
    const found: TrieLeaf[] = [];
    for (let index = from; index < to; index += 1) {
      const at = leavesAt + index * leafBytes;
      const hashFrom = at + pathBytes;
      const start = index === 0 ? 0 : this.#view.getUint32(at - 4);
      const end = this.#view.getUint32(hashFrom + hashBytes);
      found.push({
        path: this.#bytes.subarray(at, hashFrom),
        hash: this.#bytes.subarray(hashFrom, hashFrom + hashBytes),
        key: this.#bytes.subarray(this.#keysAt + start, this.#keysAt + end),
      });
    }
    return found;
  }

  firstOf(digit: number, depth: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = leavesAt + middle * leafBytes;
      if (digitOf(this.#bytes.subarray(at, at + pathBytes), depth) < digit) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** A leaf that is not in its page yet; without a hash it is to be gone from it. */
export interface PendingLeaf {
  readonly path: Uint8Array;
  readonly key: Uint8Array;
  readonly hash: Uint8Array | undefined;
}

/** Both in the order of paths; where both have a path, the newer one counts. */
export function overlaid<T extends PendingLeaf>(
  older: readonly T[],
  newer: readonly PendingLeaf[],
): (T | PendingLeaf)[] {
  const merged: (T | PendingLeaf)[] = [];
  let at = 0;
  for (const leaf of newer) {
    let below = older[at];
    while (below !== undefined) {
      const order = compareBytes(below.path, leaf.path);
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
  return merged.concat(older.slice(at));
}

export function presentLeaves(leaves: readonly PendingLeaf[]): TrieLeaf[] {
  const present: TrieLeaf[] = [];
  for (const { path, key, hash } of leaves) {
    if (hash !== undefined) {
      present.push({ path, key, hash });
    }
  }
  return present;
}
