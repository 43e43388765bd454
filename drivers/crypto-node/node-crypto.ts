// Ed25519 by Node's OpenSSL and BLAKE3 by its Rust implementation (short inputs in WebAssembly),
// for every node and every test that wants real proofs.
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { Crypto, Hasher } from '@hansa/foundation';
import { blake3, Blake3Hasher } from '@napi-rs/blake-hash';
import { boundedCache, type BoundedCache } from './bounded-cache.ts';
import { shortBlake3 } from './short-blake3.ts';

const keyBytes = 32;
const signatureBytes = 64;
// A node signs with a handful of keys; it verifies those of linked clusters and their nodes.
const privateKeysMax = 64;
const publicKeysMax = 1_024; // as many as there may be links; beyond, a key is made again
// RFC 8410: the DER that stands before a raw Ed25519 key in PKCS#8 and in SubjectPublicKeyInfo.
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');

// The encodings of the points of order 1, 2, 4 and 8, sign bit cleared. Under such a "key" one
// signature holds for many messages, so it can never be anybody's key. OpenSSL accepts them.
const smallOrderKeys: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

export function createNodeCrypto(): Crypto {
  const privateKeys = boundedCache<OwnKey>(privateKeysMax);
  const publicKeys = boundedCache<KeyObject | undefined>(publicKeysMax);
  return {
    hash: (bytes) => shortBlake3(bytes) ?? new Uint8Array(blake3(bytes)),
    hasher: createHasher,
    publicKey(seed) {
      const own = ownKeyOf(privateKeys, seed);
      own.publicKey ??= publicKeyOf(own.privateKey);
      return own.publicKey.slice();
    },
    sign: (seed, message) =>
      new Uint8Array(sign(null, message, ownKeyOf(privateKeys, seed).privateKey)),
    verify(publicKey, message, signature) {
      if (publicKey.length !== keyBytes || signature.length !== signatureBytes) {
        return false;
      }
      const name = Buffer.from(publicKey).toString('hex');
      const key = publicKeys.get(name, () => parsePublicKey(name));
      return key !== undefined && verifies(key, message, signature);
    },
  };
}

function createHasher(): Hasher {
  const state = new Blake3Hasher();
  const hasher: Hasher = {
    update(bytes) {
      state.update(bytes);
      return hasher;
    },
    digest: () => new Uint8Array(state.digestBuffer()),
  };
  return hasher;
}

interface OwnKey {
  readonly privateKey: KeyObject;
  /** Once somebody has asked for it. */
  publicKey?: Uint8Array;
}

// The cache knows a seed by its hash, so that no text of a secret lies in the heap.
function ownKeyOf(cache: BoundedCache<OwnKey>, seed: Uint8Array): OwnKey {
  if (seed.length !== keyBytes) {
    throw new RangeError(`an Ed25519 seed is ${keyBytes} bytes, not ${seed.length}`);
  }
  return cache.get(blake3(seed).toString('hex'), () => ({
    privateKey: createPrivateKey({
      key: Buffer.concat([privatePrefix, seed]),
      format: 'der',
      type: 'pkcs8',
    }),
  }));
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(publicPrefix.length));
}

function parsePublicKey(hex: string): KeyObject | undefined {
  const raw = Buffer.from(hex, 'hex');
  const unsigned = Buffer.from(raw);
  unsigned.writeUInt8(raw.readUInt8(keyBytes - 1) & 0x7f, keyBytes - 1);
  if (smallOrderKeys.has(unsigned.toString('hex'))) {
    return undefined;
  }
  try {
    return createPublicKey({
      key: Buffer.concat([publicPrefix, raw]),
      format: 'der',
      type: 'spki',
    });
  } catch {
    return undefined;
  }
}

function verifies(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}
