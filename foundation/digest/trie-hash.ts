// The hashes of the digest trie, laid out as protocol/digest.md says, without making an array for
// every field: a trie of a million entries is mostly these.
import { utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { TrieEntry } from '../digest-trie.ts';

/**
 * A node as it lies in arrays and pages: one byte that says what it is, and its hash. Sixteen of
 * them, in the order of their digits, are the children of a branch.
 */
export const nodeBytes = 33;
export const childrenBytes: number = 16 * nodeBytes;
export const pathBytes = 32;
export const pathDigits = 64;
export const hashBytes = 32;

export const nodeKind = { none: 0, leaf: 1, branch: 2 } as const;

export interface TrieLeaf {
  /** BLAKE3(key). */
  readonly path: Uint8Array;
  readonly key: Uint8Array;
  /** The hash of `hansa/trie-leaf/1`. */
  readonly hash: Uint8Array;
}

export interface TrieHasher {
  path(key: Uint8Array): Uint8Array;
  leaf(entry: TrieEntry): Uint8Array;
  /** The node above sixteen children; none where there are none, the leaf where it is alone. */
  join(children: Uint8Array): Uint8Array;
  /** The node over leaves that share the first `depth` digits, in the order of their paths. */
  subtree(leaves: readonly TrieLeaf[], depth: number): Uint8Array;
  /** The children of that node, also where it is a leaf itself. */
  childrenOf(leaves: readonly TrieLeaf[], depth: number): Uint8Array;
}

const leafDomain = utf8('hansa/trie-leaf/1');
const branchDomain = utf8('hansa/trie-branch/1');
const lengthBytes = 4;

export function digitOf(path: Uint8Array, depth: number): number {
  const byte = path[depth >> 1] ?? 0;
  return (depth & 1) === 0 ? byte >> 4 : byte & 15;
}

export function leafNode(hash: Uint8Array): Uint8Array {
  return nodeOf(nodeKind.leaf, hash);
}

export const emptyNode: Uint8Array = new Uint8Array(nodeBytes);

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

export function createTrieHasher(crypto: Crypto): TrieHasher {
  const join = createJoin(crypto);
  const subtree = (leaves: readonly TrieLeaf[], depth: number): Uint8Array => {
    const [only] = leaves;
    if (leaves.length > 1) {
      return join(childrenOf(leaves, depth));
    }
    return only === undefined ? emptyNode : leafNode(only.hash);
  };
  const childrenOf = (leaves: readonly TrieLeaf[], depth: number): Uint8Array => {
    const children = new Uint8Array(childrenBytes);
    for (let from = 0; from < leaves.length;) {
      const digit = digitOf(leaves[from]?.path ?? emptyNode, depth);
      let to = from + 1;
      while (to < leaves.length && digitOf(leaves[to]?.path ?? emptyNode, depth) === digit) {
        to += 1;
      }
      const only = to - from === 1 ? leaves[from] : undefined;
      if (only === undefined) {
        children.set(subtree(leaves.slice(from, to), depth + 1), digit * nodeBytes);
      } else {
        children[digit * nodeBytes] = nodeKind.leaf;
        children.set(only.hash, digit * nodeBytes + 1);
      }
      from = to;
    }
    return children;
  };
  return {
    path: (key) => crypto.hash(key),
    leaf: createLeaf(crypto),
    join,
    subtree,
    childrenOf,
  };
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
      bytes.fill(0, at, at + lengthBytes);
      at += lengthBytes;
      if (kind !== nodeKind.none) {
        bytes[at - 1] = hashBytes;
        bytes.set(children.subarray(child + 1, child + nodeBytes), at);
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
