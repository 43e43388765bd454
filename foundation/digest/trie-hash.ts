// The hashes of the digest trie, laid out as protocol/digest.md says, without making an array for
// every field: a trie of a million entries is mostly these.
import { utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { TrieEntry } from '../digest-trie.ts';
import { type LeafPlace, digitAt, hashBytes, hashOf, pathBytes } from './trie-leaf.ts';

/**
 * A node as it lies in arrays and pages: one byte that says what it is, and its hash. Sixteen of
 * them, in the order of their digits, are the children of a branch.
 */
export const nodeBytes = 33;
export const childrenBytes: number = 16 * nodeBytes;

export const nodeKind = { none: 0, leaf: 1, branch: 2 } as const;

export interface TrieHasher {
  path(key: Uint8Array): Uint8Array;
  leaf(entry: TrieEntry): Uint8Array;
  /** The node above sixteen children; none where there are none, the leaf where it is alone. */
  join(children: Uint8Array): Uint8Array;
  /** The node over leaves that share the first `depth` digits, in the order of their paths. */
  subtree(leaves: readonly LeafPlace[], depth: number): Uint8Array;
  /** The children of that node, also where it is a leaf itself. */
  childrenOf(leaves: readonly LeafPlace[], depth: number): Uint8Array;
}

const leafDomain = utf8('hansa/trie-leaf/1');
const branchDomain = utf8('hansa/trie-branch/1');
const lengthBytes = 4;
const branchStart = lengthBytes + branchDomain.length;

export const emptyNode: Uint8Array = new Uint8Array(nodeBytes);

export function leafNode(hash: Uint8Array): Uint8Array {
  return nodeOf(nodeKind.leaf, hash);
}

function nodeOf(kind: number, hash: Uint8Array): Uint8Array {
  const node = new Uint8Array(nodeBytes);
  node[0] = kind;
  node.set(hash, 1);
  return node;
}

/** The digest that a node stands for: 32 zero bytes where there is nothing. */
export function rootOf(node: Uint8Array): Uint8Array {
  return node.slice(1, nodeBytes);
}

/** What a branch hashes: its domain, and then for each digit the length of a hash, and the hash. */
class BranchBytes {
  readonly #bytes = new Uint8Array(branchStart + 16 * (lengthBytes + hashBytes));
  #at = branchStart;
  #digit = 0;

  constructor() {
    this.#bytes[lengthBytes - 1] = branchDomain.length;
    this.#bytes.set(branchDomain, lengthBytes);
  }

  /** In the order of their digits. The hash lies somewhere in the bytes. */
  add(digit: number, bytes: Uint8Array, from: number): void {
    this.#skipTo(digit);
    const into = this.#bytes;
    const at = this.#at + lengthBytes;
    into[at - 4] = into[at - 3] = into[at - 2] = 0;
    into[at - 1] = hashBytes;
    // A loop: for a hash it takes a third of what a view of the source and a call take.
    for (let i = 0; i < hashBytes; i += 1) {
      into[at + i] = bytes[from + i] ?? 0;
    }
    this.#at = at + hashBytes;
    this.#digit = digit + 1;
  }

  #skipTo(digit: number): void {
    const absent = digit - this.#digit;
    if (absent > 0) {
      this.#bytes.fill(0, this.#at, this.#at + absent * lengthBytes);
      this.#at += absent * lengthBytes;
    }
  }

  begin(): this {
    this.#at = branchStart;
    this.#digit = 0;
    return this;
  }

  hash(crypto: Crypto): Uint8Array {
    this.#skipTo(16);
    return crypto.hash(this.#bytes.subarray(0, this.#at));
  }
}

export function createTrieHasher(crypto: Crypto): TrieHasher {
  // Of the branches that a walk down is in, one for each depth: nothing asynchronous happens
  // between filling and hashing it.
  const laid: BranchBytes[] = [];
  /** The hash of a branch: of two leaves at least. */
  const branch = (leaves: readonly LeafPlace[], { from, to, depth }: Span): Uint8Array => {
    const bytes = (laid[depth] ??= new BranchBytes()).begin();
    for (let first = from; first < to;) {
      const [digit, end] = sameDigit(leaves, { from: first, to, depth });
      const only = end - first === 1 ? leaves[first] : undefined;
      if (only === undefined) {
        bytes.add(digit, branch(leaves, { from: first, to: end, depth: depth + 1 }), 0);
      } else {
        bytes.add(digit, only.bytes, only.at + pathBytes);
      }
      first = end;
    }
    return bytes.hash(crypto);
  };
  const subtree = (leaves: readonly LeafPlace[], span: Span): Uint8Array => {
    const only = leaves[span.from];
    if (span.to - span.from > 1) {
      return nodeOf(nodeKind.branch, branch(leaves, span));
    }
    return only === undefined ? emptyNode : leafNode(hashOf(only));
  };
  return {
    path: (key) => crypto.hash(key),
    leaf: createLeaf(crypto),
    join: createJoin(crypto),
    subtree: (leaves, depth) => subtree(leaves, { from: 0, to: leaves.length, depth }),
    childrenOf(leaves, depth) {
      const children = new Uint8Array(childrenBytes);
      for (let from = 0; from < leaves.length;) {
        const [digit, to] = sameDigit(leaves, { from, to: leaves.length, depth });
        children.set(subtree(leaves, { from, to, depth: depth + 1 }), digit * nodeBytes);
        from = to;
      }
      return children;
    },
  };
}

/** The digit of the first of them, and where those end that share it. */
export function sameDigit(
  leaves: readonly LeafPlace[],
  { from, to, depth }: Span,
): readonly [digit: number, end: number] {
  const digit = digitOfLeaf(leaves[from], depth);
  let end = from + 1;
  while (end < to && digitOfLeaf(leaves[end], depth) === digit) {
    end += 1;
  }
  return [digit, end];
}

/** Some of the leaves, which share the first `depth` digits. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

function digitOfLeaf(leaf: LeafPlace | undefined, depth: number): number {
  return leaf === undefined ? 0 : digitAt(leaf.bytes, leaf.at, depth);
}

function createLeaf(crypto: Crypto): TrieHasher['leaf'] {
  const fixed = lengthBytes + leafDomain.length + lengthBytes;
  return ({ key, version, valueHash }) => {
    const bytes = new Uint8Array(fixed + key.length + lengthBytes + 8 + lengthBytes + hashBytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, leafDomain.length);
    bytes.set(leafDomain, lengthBytes);
    view.setUint32(fixed - lengthBytes, key.length);
    bytes.set(key, fixed);
    const after = fixed + key.length;
    view.setUint32(after, 8);
    view.setBigUint64(after + lengthBytes, BigInt(version));
    view.setUint32(after + lengthBytes + 8, hashBytes);
    bytes.set(valueHash, after + lengthBytes + 8 + lengthBytes);
    return crypto.hash(bytes);
  };
}

function createJoin(crypto: Crypto): TrieHasher['join'] {
  const bytes = new BranchBytes();
  return (children) => {
    bytes.begin();
    let present = 0;
    let last = 0;
    for (let child = 0; child < childrenBytes; child += nodeBytes) {
      if ((children[child] ?? nodeKind.none) !== nodeKind.none) {
        bytes.add(child / nodeBytes, children, child + 1);
        present += 1;
        last = child;
      }
    }
    if (present === 0) {
      return emptyNode;
    }
    return present === 1 && children[last] === nodeKind.leaf
      ? children.slice(last, last + nodeBytes)
      : nodeOf(nodeKind.branch, bytes.hash(crypto));
  };
}
