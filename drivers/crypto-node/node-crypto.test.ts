import { concatBytes, fromHex, toHex, utf8 } from '@hansa/foundation';
import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createNodeCrypto } from './index.ts';
import { shortBytesMax } from './short-blake3.ts';

const crypto = createNodeCrypto();

// RFC 8032, section 7.1.
const signatures = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
];

// The first 32 bytes of "hash" in the BLAKE3 authors' test_vectors.json: byte i of the input is i
// mod 251.
const hashes: readonly (readonly [length: number, hash: string])[] = [
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
  [1_023, '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11'],
  [1_024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
  [1_025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
  [4_096, '015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969'],
  [4_097, '9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995'],
  [8_193, 'bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b'],
  [31_744, '62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47'],
  [102_400, 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085'],
];

function counted(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

describe('Ed25519', () => {
  test.each(signatures)('signs message "$message" as RFC 8032 prints it', (vector) => {
    const seed = fromHex(vector.seed);
    const message = fromHex(vector.message);
    expect(toHex(crypto.publicKey(seed))).toBe(vector.key);
    expect(toHex(crypto.sign(seed, message))).toBe(vector.signature);
    expect(crypto.verify(fromHex(vector.key), message, fromHex(vector.signature))).toBe(true);
  });

  test('a changed message, signature or key does not verify', () => {
    const seed = crypto.hash(utf8('a seed'));
    const key = crypto.publicKey(seed);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(63),
        fc.nat(31),
        fc.nat(7),
        (message, signatureAt, keyAt, bit) => {
          const signature = crypto.sign(seed, message);
          expect(crypto.verify(key, message, signature)).toBe(true);
          expect(crypto.verify(key, concatBytes([message, utf8('.')]), signature)).toBe(false);
          expect(crypto.verify(key, message, flipped(signature, signatureAt, bit))).toBe(false);
          expect(crypto.verify(flipped(key, keyAt, bit), message, signature)).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('malformed keys and signatures verify to false and never throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        (key, signature) => crypto.verify(key, utf8('message'), signature) === false,
      ),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (key, signature) => crypto.verify(key, utf8('message'), signature) === false,
      ),
      { numRuns: 1_000 },
    );
  });

  test('a point of small order is nobody’s key', () => {
    // With the neutral element as key and as R, and S = 0, the equation holds for every message.
    for (const last of [0x00, 0x80]) {
      const neutral = new Uint8Array(32);
      neutral[0] = 1;
      neutral[31] = last;
      const forged = concatBytes([fromHex('01'), new Uint8Array(63)]);
      expect(crypto.verify(neutral, utf8('anything'), forged)).toBe(false);
    }
  });

  test('a seed of another length is a fault of the caller', () => {
    expect(() => crypto.publicKey(new Uint8Array(31))).toThrow(RangeError);
    expect(() => crypto.sign(new Uint8Array(33), utf8(''))).toThrow(RangeError);
  });

  test('more keys than the cache holds still sign and verify', () => {
    for (let i = 0; i < 1_100; i += 1) {
      const seed = crypto.hash(utf8(`seed ${i}`));
      const signature = crypto.sign(seed, utf8('m'));
      expect(crypto.verify(crypto.publicKey(seed), utf8('m'), signature)).toBe(true);
    }
  });

  test('a public key that somebody writes over is whole for whoever asks next', () => {
    const seed = crypto.hash(utf8('seed'));
    const before = toHex(crypto.publicKey(seed));
    crypto.publicKey(seed).fill(0);
    expect(toHex(crypto.publicKey(seed))).toBe(before);
  });

  test('everything handed out is a plain Uint8Array', () => {
    const seed = crypto.hash(utf8('seed'));
    const made = [seed, crypto.publicKey(seed), crypto.sign(seed, seed), crypto.hasher().digest()];
    expect(made.map((bytes) => bytes.constructor)).toEqual(made.map(() => Uint8Array));
  });
});

describe('BLAKE3', () => {
  test.each(hashes)('hashes %i counted bytes as its authors publish', (length, hash) => {
    expect(toHex(crypto.hash(counted(length)))).toBe(hash);
  });

  test.each(hashes)('hashes %i bytes in pieces to the same', (length, hash) => {
    const bytes = counted(length);
    const hasher = crypto.hasher();
    for (let at = 0; at < length; at += 1_000) {
      hasher.update(bytes.subarray(at, at + 1_000));
    }
    expect(toHex(hasher.digest())).toBe(hash);
  });

  test.each([-1, 0, 1, 1_024])(
    'is one, by whom ever it is computed (%i beside the bound)',
    (by) => {
      const bytes = counted(shortBytesMax + by);
      const kept = crypto.hash(bytes);
      crypto.hash(counted(7)); // whoever has a hash keeps it
      expect(toHex(kept)).toBe(toHex(nobleBlake3(bytes)));
    },
  );

  test('two implementations agree on any bytes, also on a view into a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(50), (bytes, skip) => {
        const view = bytes.subarray(Math.min(skip, bytes.length));
        expect(toHex(crypto.hash(view))).toBe(toHex(nobleBlake3(view)));
      }),
      { numRuns: 1_000 },
    );
  });
});

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
