import { createNodeCrypto } from '@hansa/crypto-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { hashByHand, readVectors, trieByHand } from '../testkit/by-hand.ts';
import { fromHex, toHex, utf8 } from './bytes.ts';
import { emptyTrie, type DigestTrie, type TrieEntry } from './digest-trie.ts';

const crypto = createNodeCrypto();
const { tries } = z
  .object({
    tries: z.array(
      z.object({
        name: z.string(),
        entries: z.array(z.object({ key: z.string(), version: z.number(), valueHash: z.string() })),
        root: z.string(),
      }),
    ),
  })
  .parse(readVectors('digest'));

function entry(key: string, version = 1): TrieEntry {
  return { key: utf8(key), version, valueHash: crypto.hash(utf8(`${key} ${version}`)) };
}

function trieOf(entries: Iterable<TrieEntry>): DigestTrie {
  let trie = emptyTrie(crypto);
  for (const each of entries) {
    trie = trie.set(each);
  }
  return trie;
}

/** Keys of a small alphabet meet often; among a few thousand, hashes share their first digits. */
const key = fc.integer({ min: 0, max: 40 }).map((n) => `key-${n}`);
const write = fc.record({ key, version: fc.integer({ min: 0, max: 4 }) });

describe('the digest of a set of entries', () => {
  test.each(tries)('vector: $name', ({ entries, root }) => {
    const ours = entries.map(({ key: hex, version, valueHash }) => ({
      key: fromHex(hex),
      version,
      valueHash: fromHex(valueHash),
    }));
    expect(toHex(trieOf(ours).root)).toBe(root);
    expect(toHex(trieOf(ours.toReversed()).root)).toBe(root);
    expect(trieByHand(entries)).toBe(root);
  });

  test('says what is there, never how it came to be', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 60 }), (writes) => {
        const present = new Map<string, TrieEntry>();
        let trie = emptyTrie(crypto);
        for (const { key: name, version } of writes) {
          if (version === 0) {
            present.delete(name);
            trie = trie.remove(utf8(name));
          } else {
            present.set(name, entry(name, version));
            trie = trie.set(entry(name, version));
          }
        }
        const byHand = [...present.values()].map(({ key: bytes, version, valueHash }) => ({
          key: toHex(bytes),
          version,
          valueHash: toHex(valueHash),
        }));
        expect(toHex(trie.root)).toBe(trieByHand(byHand));
      }),
      { numRuns: 1_000 },
    );
  });

  test('differs for another version, value or key', () => {
    const [a, b] = [entry('a'), entry('b')];
    const roots = [
      trieOf([a, b]),
      trieOf([a]),
      trieOf([a, { ...b, version: 2 }]),
      trieOf([a, { ...b, valueHash: a.valueHash }]),
      trieOf([a, { ...b, key: utf8('c') }]),
    ].map(({ root }) => toHex(root));
    expect(new Set(roots).size).toBe(roots.length);
  });

  test('of an older trie stays what it was when a newer one is made of it', () => {
    const before = trieOf([entry('a'), entry('b')]);
    const root = toHex(before.root);
    before.set(entry('c')).remove(utf8('a'));
    before.remove(utf8('b'));
    expect(toHex(before.root)).toBe(root);
  });

  test('does not change by removing what is not there', () => {
    const trie = trieOf([entry('a'), entry('b')]);
    expect(toHex(trie.remove(utf8('absent')).root)).toBe(toHex(trie.root));
    expect(toHex(emptyTrie(crypto).remove(utf8('absent')).root)).toBe('00'.repeat(32));
  });

  test('folds a branch of one leaf, however deep two keys shared their digits', () => {
    const deep = tries.find(({ name }) => name.includes('share five digits'))?.entries ?? [];
    const [one, two] = deep.map(({ key: hex, valueHash }) => ({
      key: fromHex(hex),
      version: 1,
      valueHash: fromHex(valueHash),
    }));
    if (one === undefined || two === undefined) {
      throw new Error('the vector has two entries');
    }
    const shared = deep.map(({ key: hex }) => hashByHand(hex).slice(0, 5));
    expect(shared[0]).toBe(shared[1]);
    expect(toHex(trieOf([one, two]).remove(two.key).root)).toBe(toHex(trieOf([one]).root));
    expect(toHex(trieOf([one, two, entry('z')]).remove(two.key).root)).toBe(
      toHex(trieOf([entry('z'), one]).root),
    );
  });
});
