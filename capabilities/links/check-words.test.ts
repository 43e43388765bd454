import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, fromHex } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { hashLayout, readVectors } from '../../testkit/by-hand.ts';
import { clusterOf, seedOf } from '../../testkit/test-cluster.ts';
import { checkWords, checkWordsCount, sameWords } from './check-words.ts';
import { checkWordList } from './word-list.ts';

const crypto = createNodeCrypto();
const hex = z.string();
const vectors = z
  .object({
    words: z.array(z.string()),
    checkWords: z.array(
      z.object({
        name: z.string(),
        inviter: clusterIdSchema,
        accepter: clusterIdSchema,
        inviterNonce: hex,
        accepterNonce: hex,
        hash: hex,
        words: z.string(),
      }),
    ),
  })
  .parse(readVectors('link'));

const inviter = clusterOf(crypto, 1);
const accepter = clusterOf(crypto, 3);
const sides = { inviter, accepter, inviterNonce: seedOf(5), accepterNonce: seedOf(6) };

describe('check words', () => {
  test.each(vectors.checkWords)('vector: $name', (vector) => {
    const { inviter: from, accepter: to, inviterNonce, accepterNonce, hash, words } = vector;
    const given = { inviter: from, accepter: to };
    const nonces = { inviterNonce: fromHex(inviterNonce), accepterNonce: fromHex(accepterNonce) };
    expect(checkWords(crypto, { ...given, ...nonces })).toBe(words);
    const byHand = hashLayout(
      'hansa/check-words/1',
      { hex: from },
      { hex: to },
      { hex: inviterNonce },
      { hex: accepterNonce },
    );
    expect(byHand).toBe(hash);
    const bytes = [...Buffer.from(hash, 'hex').subarray(0, checkWordsCount)];
    expect(bytes.map((byte) => vectors.words[byte]).join(' ')).toBe(words);
  });

  test('are other words for another accepter: whoever took the token shows them', () => {
    const stolen = checkWords(crypto, { ...sides, accepter: clusterOf(crypto, 9) });
    expect(stolen).not.toBe(checkWords(crypto, sides));
  });

  test('depend on all four: both clusters and both nonces', () => {
    const all = [
      sides,
      { ...sides, inviter: accepter },
      { ...sides, accepter: inviter },
      { ...sides, inviterNonce: seedOf(7) },
      { ...sides, accepterNonce: seedOf(7) },
      { ...sides, inviterNonce: seedOf(6), accepterNonce: seedOf(5) },
    ].map((each) => checkWords(crypto, each));
    expect(new Set(all).size).toBe(all.length);
  });

  test('come from a list of 256 different words that nobody can mishear for two', () => {
    expect(checkWordList).toEqual(vectors.words);
    expect(checkWordList).toHaveLength(256);
    expect(new Set(checkWordList).size).toBe(256);
    checkWordList.forEach((word) => expect(word).toMatch(/^[a-z]{2,10}$/));
  });

  test('are the same words whatever case, spaces, commas or hyphens people write', () => {
    const words = checkWords(crypto, sides);
    const joint = fc.constantFrom(' ', '  ', '-', ', ', '\n', '\t');
    fc.assert(
      fc.property(joint, fc.boolean(), fc.boolean(), (between, upper, padded) => {
        const written = words.split(' ').join(between);
        const cased = upper ? written.toUpperCase() : written;
        expect(sameWords(padded ? ` ${cased}\n` : cased, words)).toBe(true);
      }),
    );
    expect(sameWords(words.split(' ').toReversed().join(' '), words)).toBe(false);
    expect(sameWords(words.split(' ').slice(1).join(' '), words)).toBe(false);
    expect(sameWords('', words)).toBe(false);
    expect(sameWords(words.replaceAll(' ', ''), words)).toBe(false);
  });
});
