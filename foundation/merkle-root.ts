// A binary Merkle tree over hashes, for one signature over many heads. Leaves and inner nodes are
// hashed under different domains, so no inner node can pass for a leaf (RFC 6962 section 2.1 gives
// the attack); an odd node is carried up unchanged.
import type { Crypto } from './crypto.ts';
import { hashTranscript } from './transcript.ts';

export interface MerkleStep {
  readonly side: 'left' | 'right';
  /** The sibling's hash, on that side of ours. */
  readonly hash: Uint8Array;
}

export const merkleStepsMax = 32; // 4 billion heads in one tick

/** The root of at least one leaf, and each leaf's path to it. */
export function merkleTree(
  crypto: Crypto,
  leaves: readonly Uint8Array[],
): { root: Uint8Array; paths: readonly (readonly MerkleStep[])[] } {
  const paths: MerkleStep[][] = leaves.map(() => []);
  let level = leaves.map((hash, index) => ({ hash, members: [index] }));
  while (level.length > 1) {
    const above: typeof level = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i];
      const right = level[i + 1];
      if (left === undefined || right === undefined) {
        above.push(...level.slice(i));
        continue;
      }
      for (const member of left.members) {
        paths[member]?.push({ side: 'right', hash: right.hash });
      }
      for (const member of right.members) {
        paths[member]?.push({ side: 'left', hash: left.hash });
      }
      above.push({
        hash: joinHashes(crypto, left.hash, right.hash),
        members: [...left.members, ...right.members],
      });
    }
    level = above;
  }
  const [top] = level;
  if (top === undefined) {
    throw new RangeError('a Merkle tree has at least one leaf');
  }
  return { root: top.hash, paths };
}

export function rootFromPath(
  crypto: Crypto,
  leaf: Uint8Array,
  path: readonly MerkleStep[],
): Uint8Array {
  return path.reduce(
    (hash, step) =>
      step.side === 'left'
        ? joinHashes(crypto, step.hash, hash)
        : joinHashes(crypto, hash, step.hash),
    leaf,
  );
}

function joinHashes(crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  return hashTranscript(crypto, 'hansa/merkle-node/1', [left, right]);
}
