import { createNodeCrypto } from '@hansa/crypto-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { merkleByHand, readVectors } from '../testkit/by-hand.ts';
import { fromHex, toHex, utf8 } from './bytes.ts';
import { merkleStepsMax, merkleTree, rootFromPath, type MerkleStep } from './merkle-root.ts';

const crypto = createNodeCrypto();
const hashes = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => crypto.hash(utf8(`leaf ${index}`)));
const { trees } = z
  .object({ trees: z.array(z.object({ leaves: z.array(z.string()), root: z.string() })) })
  .parse(readVectors('history'));

describe('the root over many hashes', () => {
  test.each(trees)('vector of $leaves.length leaves', ({ leaves, root }) => {
    expect(toHex(merkleTree(crypto, leaves.map(fromHex)).root)).toBe(root);
    expect(merkleByHand(leaves)).toBe(root);
  });

  test('is reached from every leaf by its own path, for any number of leaves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), (count) => {
        const leaves = hashes(count);
        const { root, paths } = merkleTree(crypto, leaves);
        leaves.forEach((leaf, index) => {
          const path = paths[index] ?? [];
          expect(toHex(rootFromPath(crypto, leaf, path))).toBe(toHex(root));
          expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)));
        });
      }),
      { numRuns: 70 },
    );
  });

  test('is not reached by another leaf, a changed step, a swapped side or a cut path', () => {
    const leaves = hashes(9);
    const { root, paths } = merkleTree(crypto, leaves);
    fc.assert(
      fc.property(fc.nat(8), fc.nat(), fc.nat(31), (at, pick, byte) => {
        const path = paths[at] ?? [];
        const leaf = leaves[at] ?? new Uint8Array(32);
        const step = path[pick % path.length];
        if (step === undefined) {
          throw new Error('nine leaves give every leaf a step');
        }
        const flipped = Uint8Array.from(step.hash, (value, i) => (i === byte ? value ^ 1 : value));
        const swapped: MerkleStep = { ...step, side: step.side === 'left' ? 'right' : 'left' };
        const replace = (other: MerkleStep): MerkleStep[] =>
          path.map((each) => (each === step ? other : each));
        const forged = [
          rootFromPath(crypto, leaves[(at + 1) % 9] ?? leaf, path),
          rootFromPath(crypto, leaf, replace({ ...step, hash: flipped })),
          rootFromPath(crypto, leaf, replace(swapped)),
          rootFromPath(crypto, leaf, path.slice(1)),
        ];
        expect(forged.map(toHex)).not.toContain(toHex(root));
      }),
      { numRuns: 500 },
    );
  });

  test('over one hash is that hash, and over none there is none', () => {
    const [leaf = new Uint8Array(32)] = hashes(1);
    expect(merkleTree(crypto, [leaf])).toEqual({ root: leaf, paths: [[]] });
    expect(() => merkleTree(crypto, [])).toThrow(RangeError);
  });

  test('gives no inner node that passes for a leaf: the odd one goes up unchanged', () => {
    const [a, b, c] = hashes(3);
    if (a === undefined || b === undefined || c === undefined) {
      throw new Error('three were made');
    }
    const { root } = merkleTree(crypto, [a, b, c]);
    const inner = merkleTree(crypto, [a, b]).root;
    expect(toHex(merkleTree(crypto, [inner, c]).root)).toBe(toHex(root));
    // This is why heads are hashed under a domain of their own before they become leaves.
    expect(toHex(inner)).not.toBe(toHex(a));
  });

  test('needs fewer steps than a head may carry, up to 4,096 heads in a tick', () => {
    const { paths } = merkleTree(crypto, hashes(4_096));
    expect(Math.max(...paths.map((path) => path.length))).toBe(12);
    expect(merkleStepsMax).toBeGreaterThanOrEqual(12);
  });
});
