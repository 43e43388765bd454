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

/** A loop: for a hash it takes a third of what a view of the source and a call take. */
function copyHash(
  into: Uint8Array,
  at: number,
  { bytes, from }: { readonly bytes: Uint8Array; readonly from: number },
): void {
  for (let i = 0; i < hashBytes; i += 1) {
    into[at + i] = bytes[from + i] ?? 0;
  }
}

export function createTrieHasher(crypto: Crypto): TrieHasher {
  const join = createJoin(crypto);
  // The children of the branches that a walk down is in, one array for each depth.
  const scratch: Uint8Array[] = [];
  const fill = (children: Uint8Array, leaves: readonly LeafPlace[], span: Span): void => {
    const { depth } = span;
    for (let { from } = span; from < span.to;) {
      const digit = digitOfLeaf(leaves[from], depth);
      let to = from + 1;
      while (to < span.to && digitOfLeaf(leaves[to], depth) === digit) {
        to += 1;
      }
      const at = digit * nodeBytes;
      const only = to - from === 1 ? leaves[from] : undefined;
      if (only === undefined) {
        children.set(branch(leaves, { from, to, depth: depth + 1 }), at);
      } else {
        children[at] = nodeKind.leaf;
        copyHash(children, at + 1, { bytes: only.bytes, from: only.at + pathBytes });
      }
      from = to;
    }
  };
  const branch = (leaves: readonly LeafPlace[], span: Span): Uint8Array => {
    const children = (scratch[span.depth] ??= new Uint8Array(childrenBytes));
    children.fill(0);
    fill(children, leaves, span);
    return join(children);
  };
  return {
    path: (key) => crypto.hash(key),
    leaf: createLeaf(crypto),
    join,
    subtree(leaves, depth) {
      const [only] = leaves;
      if (leaves.length > 1) {
        return branch(leaves, { from: 0, to: leaves.length, depth });
      }
      return only === undefined ? emptyNode : leafNode(hashOf(only));
    },
    childrenOf(leaves, depth) {
      const children = new Uint8Array(childrenBytes);
      fill(children, leaves, { from: 0, to: leaves.length, depth });
      return children;
    },
  };
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
  const start = lengthBytes + branchDomain.length;
  // One buffer for all branches: nothing asynchronous happens between filling and hashing it.
  const bytes = new Uint8Array(start + 16 * (lengthBytes + hashBytes));
  bytes[lengthBytes - 1] = branchDomain.length;
  bytes.set(branchDomain, lengthBytes);
  return (children) => {
    let at = start;
    let present = 0;
    let last = 0;
    for (let child = 0; child < childrenBytes; child += nodeBytes) {
      const kind = children[child] ?? nodeKind.none;
      bytes[at] = bytes[at + 1] = bytes[at + 2] = bytes[at + 3] = 0;
      at += lengthBytes;
      if (kind !== nodeKind.none) {
        bytes[at - 1] = hashBytes;
        copyHash(bytes, at, { bytes: children, from: child + 1 });
        at += hashBytes;
        present += 1;
        last = child;
      }
    }
    if (present === 0) {
      return emptyNode;
    }
    return present === 1 && children[last] === nodeKind.leaf
      ? children.slice(last, last + nodeBytes)
      : nodeOf(nodeKind.branch, crypto.hash(bytes.subarray(0, at)));
  };
}
