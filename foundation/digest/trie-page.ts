// A page of the digest trie: the leaves below one prefix, in the order of their paths, and the
// sixteen nodes under it. Flat bytes, because most of a page is read only to look at a few leaves.
//
//   how many records more it takes (1) | hash of all that follows (32) | sixteen children (528) |
//   count (u32) | for each leaf: path (32), hash (32), where its key ends (u32) | the keys
import { emptyBytes, equalBytes } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import { HansaError } from '../errors.ts';
import {
  type LeafPlace,
  type PendingLeaf,
  type PlacedLeaf,
  comparePaths,
  copyPlace,
  digitAt,
  hashBytes,
  hashOf,
  pathOf,
  placeBytes,
  presentLeaves,
} from './trie-leaf.ts';
import { childrenBytes } from './trie-hash.ts';

const hashAt = 1;
const childrenAt = hashAt + hashBytes;
const countAt = childrenAt + childrenBytes;
const leavesAt = countAt + 4;
const leafBytes = placeBytes + 4;

// a value holds 512 KiB and a transaction 1 MiB: three parts fit into one
export const pagePartBytes: number = 256 * 1_024;

export interface TriePage {
  readonly children: Uint8Array;
  readonly count: number;
  /** How long it is as bytes. */
  readonly bytes: number;
  leaves(from: number, to: number): PlacedLeaf[];
  /** Where the leaves begin whose digit at the depth is at least this one. */
  firstOf(digit: number, depth: number): number;
  /** The page with what waits for it, as bytes to be stored; most of it is copied in long runs. */
  merged(crypto: Crypto, children: Uint8Array, pending: readonly PendingLeaf[]): MergedPage;
}

export interface MergedPage {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export const emptyPage: TriePage = {
  children: new Uint8Array(childrenBytes),
  count: 0,
  bytes: 0,
  leaves: () => [],
  firstOf: () => 0,
  merged(crypto, children, pending) {
    const leaves = presentLeaves(pending);
    return { bytes: packPage(crypto, children, leaves), count: leaves.length };
  },
};

export function packPage(
  crypto: Crypto,
  children: Uint8Array,
  leaves: readonly PlacedLeaf[],
): Uint8Array {
  const keys = leaves.map(({ key }) => key);
  const keysAt = leavesAt + leaves.length * leafBytes;
  const keysLength = keys.reduce((sum, key) => sum + key.length, 0);
  const bytes = new Uint8Array(keysAt + keysLength);
  const view = new DataView(bytes.buffer);
  bytes.set(children, childrenAt);
  view.setUint32(countAt, leaves.length);
  let at = leavesAt;
  let end = 0;
  for (const [index, leaf] of leaves.entries()) {
    const key = keys[index] ?? emptyBytes;
    copyPlace(bytes, at, leaf);
    bytes.set(key, keysAt + end);
    end += key.length;
    view.setUint32(at + placeBytes, end);
    at += leafBytes;
  }
  return sealed(crypto, bytes);
}

function sealed(crypto: Crypto, bytes: Uint8Array): Uint8Array {
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

/** Of bytes that were packed right now. */
export function packedPage(bytes: Uint8Array): TriePage {
  return new FlatPage(bytes);
}

class FlatPage implements TriePage {
  readonly children: Uint8Array;
  readonly count: number;
  readonly bytes: number;
  readonly whole: Uint8Array;
  readonly #view: DataView;
  readonly #keysAt: number;

  constructor(bytes: Uint8Array) {
    this.whole = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.children = bytes.subarray(childrenAt, countAt);
    this.count = this.#view.getUint32(countAt);
    this.bytes = bytes.length;
    this.#keysAt = leavesAt + this.count * leafBytes;
  }

  leaves(from: number, to: number): PlacedLeaf[] {
    const found: PlacedLeaf[] = [];
    for (let index = from; index < to; index += 1) {
      found.push(new LeafOfPage(this, index));
    }
    return found;
  }

  keyOf(index: number): Uint8Array {
    const from = this.#keysAt + this.#keyStart(index);
    return this.whole.subarray(from, this.#keysAt + this.#keyStart(index + 1));
  }

  merged(crypto: Crypto, children: Uint8Array, pending: readonly PendingLeaf[]): MergedPage {
    const pieces = this.#piecesWith(pending);
    let [count, keyBytes] = [0, 0];
    for (const piece of pieces) {
      count += 'to' in piece ? piece.to - piece.from : 1;
      keyBytes +=
        'to' in piece ? this.#keyStart(piece.to) - this.#keyStart(piece.from) : piece.keyLength;
    }
    const keysAt = leavesAt + count * leafBytes;
    const bytes = new Uint8Array(keysAt + keyBytes);
    const view = new DataView(bytes.buffer);
    bytes.set(children, childrenAt);
    view.setUint32(countAt, count);
    let [at, end] = [leavesAt, 0];
    for (const piece of pieces) {
      if ('to' in piece) {
        this.#copyRun(piece, { bytes, view, at, keysAt, end });
        at += (piece.to - piece.from) * leafBytes;
        end += this.#keyStart(piece.to) - this.#keyStart(piece.from);
        continue;
      }
      copyPlace(bytes, at, piece);
      bytes.set(piece.key, keysAt + end);
      end += piece.keyLength;
      view.setUint32(at + placeBytes, end);
      at += leafBytes;
    }
    return { bytes: sealed(crypto, bytes), count };
  }

  /** Runs of our own leaves, and the new ones between them. */
  #piecesWith(pending: readonly PendingLeaf[]): readonly (Run | PendingLeaf)[] {
    const pieces: (Run | PendingLeaf)[] = [];
    let from = 0;
    for (const leaf of pending) {
      const to = this.#firstFrom(leaf, from);
      if (to > from) {
        pieces.push({ from, to });
      }
      const isOurs = to < this.count && comparePaths(this.#place(to), leaf) === 0;
      from = isOurs ? to + 1 : to;
      if (!leaf.isGone) {
        pieces.push(leaf);
      }
    }
    if (from < this.count) {
      pieces.push({ from, to: this.count });
    }
    return pieces;
  }

  #copyRun({ from, to }: Run, into: Into): void {
    const { bytes, view, at, keysAt, end } = into;
    bytes.set(this.whole.subarray(leavesAt + from * leafBytes, leavesAt + to * leafBytes), at);
    const keys = this.#keyStart(from);
    bytes.set(
      this.whole.subarray(this.#keysAt + keys, this.#keysAt + this.#keyStart(to)),
      keysAt + end,
    );
    const shift = end - keys;
    for (let place = at + leafBytes - 4; shift !== 0 && place < at + (to - from) * leafBytes;) {
      view.setUint32(place, view.getUint32(place) + shift);
      place += leafBytes;
    }
  }

  /** Where the key of a leaf begins; of the one after the last, where the last one ends. */
  #keyStart(index: number): number {
    return index === 0 ? 0 : this.#view.getUint32(leavesAt + index * leafBytes - 4);
  }

  #place(index: number): LeafPlace {
    return { bytes: this.whole, at: leavesAt + index * leafBytes };
  }

  #firstFrom(leaf: LeafPlace, from: number): number {
    let [low, high] = [from, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(this.#place(middle), leaf) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  firstOf(digit: number, depth: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (digitAt(this.whole, leavesAt + middle * leafBytes, depth) < digit) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

interface Run {
  readonly from: number;
  readonly to: number;
}

/** The page that is being written, and how far it is. */
interface Into {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
  readonly keysAt: number;
  readonly end: number;
}

/** Made by the hundred to look at one of them: what it holds is cut out when it is asked for. */
class LeafOfPage implements PlacedLeaf {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly isGone = false;
  readonly #page: FlatPage;

  constructor(page: FlatPage, index: number) {
    this.#page = page;
    this.bytes = page.whole;
    this.at = leavesAt + index * leafBytes;
  }

  get path(): Uint8Array {
    return pathOf(this);
  }

  get hash(): Uint8Array {
    return hashOf(this);
  }

  get key(): Uint8Array {
    return this.#page.keyOf((this.at - leavesAt) / leafBytes);
  }
}
