import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex, utf8, type Random } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, seedOf } from '../../testkit/test-cluster.ts';
import { possessionWindowMs, type TokenHolder } from './contract.ts';
import { createPossessions, provePossession } from './possession.ts';

const crypto = createNodeCrypto();
const key: TokenHolder = `key:${clusterOf(crypto, 2)}`;
const request = { token: 'the token', method: 'GET', path: '/links?all=1' };
let drawn = 0;
const random: Random = {
  bytes: (length) => {
    drawn += 1;
    return crypto.hash(utf8(`draw ${drawn}`)).subarray(0, length);
  },
  fraction: () => 0.5,
};

function build() {
  const clock = createHandClock();
  clock.advance(1_800_000_000_000);
  const possessions = createPossessions({ crypto, clock, keyOf: (id) => fromHex(id) });
  const prove = (given: Partial<typeof request> = {}, byte = 2): string => {
    const signing = {
      issuer: `key:${clusterOf(crypto, byte)}` as const,
      sign: (message: Uint8Array) => ({
        keyIndex: 0,
        signature: crypto.sign(seedOf(byte), message),
      }),
    };
    const made = { ...request, ...given, nowMs: clock.now() };
    return provePossession({ crypto, random, signing }, made);
  };
  const show = (proof: string, audience: readonly TokenHolder[] = [key]) =>
    possessions.require(request.token, audience, { ...request, proof });
  return { clock, prove, show };
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

test('a fresh proof for this request proves the holder, once', () => {
  const { prove, show } = build();
  const proof = prove();
  expect(show(proof)).toBe(key);
  expect(() => show(proof)).toThrow(refused('TOKEN_REPLAYED'));
  expect(show(prove())).toBe(key);
});

test('a proof is good for a minute, and is never good again after it', () => {
  const { clock, prove, show } = build();
  const proof = prove();
  clock.advance(possessionWindowMs);
  expect(show(proof)).toBe(key);
  const used = prove();
  show(used);
  clock.advance(possessionWindowMs);
  expect(() => show(used)).toThrow(refused('TOKEN_REPLAYED'));
  clock.advance(1);
  expect(() => show(used)).toThrow(refused('TOKEN_EXPIRED'));
  clock.advance(10 * possessionWindowMs);
  expect(show(prove())).toBe(key); // the old numbers were let go
});

test('a proof from the future is TOKEN_NOT_YET', () => {
  const { clock, prove, show } = build();
  clock.advance(120_000);
  const proof = prove();
  clock.advance(-61_000);
  expect(() => show(proof)).toThrow(refused('TOKEN_NOT_YET'));
});

test.each([
  ['another path', { path: '/links' }],
  ['another method', { method: 'POST' }],
  ['another token', { token: 'that token' }],
])('a proof for %s is TOKEN_REPLAYED', (_, given) => {
  const { prove, show } = build();
  expect(() => show(prove(given))).toThrow(refused('TOKEN_REPLAYED'));
});

test('a proof by somebody else is TOKEN_WRONG_AUDIENCE', () => {
  const { prove, show } = build();
  expect(() => show(prove({}, 3))).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
});

test('what is no proof is refused with a code, and nothing worse', () => {
  const { show } = build();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      expect(() => show(text)).toThrow(refused('TOKEN_MALFORMED'));
    }),
    { numRuns: 1_000 },
  );
  expect(() => show('a'.repeat(5_000))).toThrow(refused('TOKEN_MALFORMED'));
});
