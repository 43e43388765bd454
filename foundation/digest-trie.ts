// The digest of a resource: the root of a 16-way Merkle trie over its entries. An entry sits at the
// path of the hex digits of BLAKE3(key); a leaf is (key, version, value hash); a branch hashes its
// sixteen children in order. A branch with one leaf below is that leaf, so the shape depends on the
// content alone. Vectors: protocol/vectors/digest.json.
import type { Crypto } from './crypto.ts';
import { hashTranscript } from './transcript.ts';
import { toHex } from './bytes.ts';

interface Leaf {
  readonly path: string;
  readonly hash: Uint8Array;
}
interface Branch {
  readonly children: readonly (Node | undefined)[];
  readonly hash: Uint8Array;
}
type Node = Leaf | Branch;

export interface TrieEntry {
  readonly key: Uint8Array;
  /** 1 when created, +1 per write, from 1 again after a removal. */
  readonly version: number;
  /** BLAKE3 of the value. */
  readonly valueHash: Uint8Array;
}

/** Immutable: `set` and `remove` return another trie and share what did not change. */
export interface DigestTrie {
  /** 32 bytes; of the empty trie, 32 zero bytes. */
  readonly root: Uint8Array;
  set(entry: TrieEntry): DigestTrie;
  remove(key: Uint8Array): DigestTrie;
}

const emptyRoot = new Uint8Array(32);

export function emptyTrie(crypto: Crypto): DigestTrie {
  return trieOf(crypto, undefined);
}

function trieOf(crypto: Crypto, top: Node | undefined): DigestTrie {
  return {
    root: top?.hash ?? emptyRoot,
    set({ key, version, valueHash }) {
      const hash = hashTranscript(crypto, 'hansa/trie-leaf/1', [key, version, valueHash]);
      return trieOf(
        crypto,
        insert(crypto, { node: top, depth: 0 }, { path: pathOf(crypto, key), hash }),
      );
    },
    remove(key) {
      return trieOf(crypto, without(crypto, { node: top, depth: 0 }, pathOf(crypto, key)));
    },
  };
}

function pathOf(crypto: Crypto, key: Uint8Array): string {
  return toHex(crypto.hash(key));
}

/** Where a walk down stands: a node, or none, and how many digits of the path lead to it. */
interface Spot {
  readonly node: Node | undefined;
  readonly depth: number;
}

function insert(crypto: Crypto, { node, depth }: Spot, leaf: Leaf): Node {
  if (node === undefined || (isLeaf(node) && node.path === leaf.path)) {
    return leaf;
  }
  const children = isLeaf(node) ? childrenOf(node, depth) : [...node.children];
  const at = digitAt(leaf.path, depth);
  children[at] = insert(crypto, { node: children[at], depth: depth + 1 }, leaf);
  return branch(crypto, children);
}

function without(crypto: Crypto, { node, depth }: Spot, path: string): Node | undefined {
  if (node === undefined) {
    return undefined;
  }
  if (isLeaf(node)) {
    return node.path === path ? undefined : node;
  }
  const children = [...node.children];
  const at = digitAt(path, depth);
  children[at] = without(crypto, { node: children[at], depth: depth + 1 }, path);
  const left = children.filter((child) => child !== undefined);
  const [only] = left;
  return left.length === 1 && only !== undefined && isLeaf(only) ? only : branch(crypto, children);
}

function childrenOf(leaf: Leaf, depth: number): (Node | undefined)[] {
  const children = Array.from<Node | undefined>({ length: 16 });
  children[digitAt(leaf.path, depth)] = leaf;
  return children;
}

function branch(crypto: Crypto, children: readonly (Node | undefined)[]): Branch {
  const hash = hashTranscript(
    crypto,
    'hansa/trie-branch/1',
    children.map((child) => child?.hash ?? ''),
  );
  return { children, hash };
}

function isLeaf(node: Node): node is Leaf {
  return 'path' in node;
}

function digitAt(path: string, depth: number): number {
  return Number.parseInt(path.charAt(depth), 16);
}
