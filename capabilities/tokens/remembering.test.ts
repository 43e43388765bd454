import { createNodeCrypto } from '@hansa/crypto-node';
import { utf8, type Crypto } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { rememberedSignaturesMax, rememberingSignatures } from './remembering.ts';

const real = createNodeCrypto();

function counting(): { readonly crypto: Crypto; asked(): number } {
  let asked = 0;
  return {
    asked: () => asked,
    crypto: {
      ...real,
      verify(publicKey, message, signature) {
        asked += 1;
        return real.verify(publicKey, message, signature);
      },
    },
  };
}

const seed = new Uint8Array(32).fill(7);
const key = real.publicKey(seed);
const signed = (text: string): readonly [Uint8Array, Uint8Array, Uint8Array] => [
  key,
  utf8(text),
  real.sign(seed, utf8(text)),
];

test('a good signature is verified once, a bad one every time', () => {
  const { crypto, asked } = counting();
  const remembering = rememberingSignatures(crypto, rememberedSignaturesMax);
  const [publicKey, message, signature] = signed('a token');
  expect([1, 2, 3].map(() => remembering.verify(publicKey, message, signature))).toEqual([
    true,
    true,
    true,
  ]);
  expect(asked()).toBe(1);
  const other = utf8('another token');
  expect([1, 2].map(() => remembering.verify(publicKey, other, signature))).toEqual([false, false]);
  expect(asked()).toBe(3);
});

test('no other key, message or signature passes for one that was good', () => {
  const remembering = rememberingSignatures(real, rememberedSignaturesMax);
  const [publicKey, message, signature] = signed('a token');
  expect(remembering.verify(publicKey, message, signature)).toBe(true);
  const bent = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte));
  expect(remembering.verify(publicKey, bent(message), signature)).toBe(false);
  expect(remembering.verify(publicKey, message, bent(signature))).toBe(false);
  expect(remembering.verify(real.publicKey(bent(seed)), message, signature)).toBe(false);
});

test('what was not used for longest is forgotten first, and verified again', () => {
  const { crypto, asked } = counting();
  const remembering = rememberingSignatures(crypto, 2);
  for (const text of ['a', 'b', 'c', 'c', 'b', 'a']) {
    expect(remembering.verify(...signed(text))).toBe(true);
  }
  expect(asked()).toBe(4);
});
