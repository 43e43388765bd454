// Tokens for tests: made by keys that a test holds, in the proper way and past every check.
import {
  issuerRefused,
  proofHash,
  readChain,
  type Judging,
} from '@hansa/capabilities/tokens/chain';
import { writeJws, type Issuer, type Signing } from '@hansa/capabilities/tokens/jws';
import {
  attenuateToken,
  mintToken,
  type Made,
  type Making,
  type Wish,
} from '@hansa/capabilities/tokens/making';
import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex, utf8, type ClusterId, type Crypto, type Random } from '@hansa/foundation';
import { expect } from 'vitest';
import { clusterOf, seedOf } from './test-cluster.ts';

export const crypto: Crypto = createNodeCrypto();
export const nowMs: number = 1_800_000_000_000;
export const cluster: ClusterId = clusterOf(crypto, 1);
let drawn = 0;
const random: Random = {
  bytes: (length) => {
    drawn += 1;
    return crypto.hash(utf8(`draw ${drawn}`)).subarray(0, length);
  },
  fraction: () => 0.5,
};

export function keyOf(byte: number): Issuer {
  return `key:${clusterOf(crypto, byte)}`;
}

export function signing(byte: number, issuer: Issuer): Signing {
  return {
    issuer,
    sign: (message) => ({ keyIndex: 0, signature: crypto.sign(seedOf(byte), message) }),
  };
}

export const issuer: Making = { crypto, random, signing: signing(1, `cluster:${cluster}`) };

export function holder(byte: number): Making {
  return { crypto, random, signing: signing(byte, keyOf(byte)) };
}

export function wish(given: Partial<Wish> = {}): Wish {
  return {
    subject: 'ada',
    audience: [keyOf(2)],
    caps: ['pull:git:team-a/*', 'api:kv.*'],
    nowMs,
    expiresMs: nowMs + 3_600_000,
    delegable: true,
    facts: [],
    ...given,
  };
}

export function judging(given: Partial<Judging> = {}): Judging {
  return {
    crypto,
    nowMs,
    keyOf: (id, { keyIndex }) => {
      if (keyIndex > 0) {
        throw new Error('no such key');
      }
      return fromHex(id);
    },
    ceiling(root) {
      if (root !== cluster) {
        throw issuerRefused(`cluster:${root}`, 'nobody honours it');
      }
      return 'all';
    },
    isRevoked: () => false,
    ...given,
  };
}

export function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

export const root: Made = mintToken(issuer, wish());
export const child: Made = attenuateToken(
  holder(2),
  root.text,
  wish({ audience: [keyOf(3)], caps: ['pull:git:team-a/one'] }),
);

/** A child that nobody's checks have seen: what a thief with the holder's key would sign. */
export function forge(
  parentText: string,
  claims: Readonly<Record<string, unknown>>,
  by: Making = holder(2),
): string {
  const [parent] = readChain(parentText);
  const payload = {
    iss: by.signing.issuer,
    sub: 'thief',
    aud: [keyOf(3)],
    exp: parent?.claims.exp,
    nbf: parent?.claims.nbf,
    iat: parent?.claims.iat,
    jti: 'x'.repeat(22),
    caps: ['pull:git:team-a/one'],
    depth: (parent?.claims.depth ?? 0) + 1,
    del: false,
    prf: [proofHash(crypto, parent?.jws.text ?? '')],
    ...claims,
  };
  return `${writeJws(by.signing, 'hansa-cap+jwt', payload)}~${parentText}`;
}

export function forgeRoot(claims: Readonly<Record<string, unknown>>, by: Making = issuer): string {
  const payload = {
    iss: by.signing.issuer,
    sub: 'ada',
    aud: [keyOf(2)],
    exp: nowMs / 1_000 + 60,
    nbf: nowMs / 1_000,
    iat: nowMs / 1_000,
    jti: 'r'.repeat(22),
    caps: ['api:*'],
    depth: 0,
    del: true,
    prf: [],
    ...claims,
  };
  return writeJws(by.signing, 'hansa-cap+jwt', payload);
}
