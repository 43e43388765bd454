import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, fromHex, isHansaError, nodeIdSchema, toHex } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { keyByHand, layOut, readVectors, verifyByHand } from '../../testkit/by-hand.ts';
import { clusterOf, nodeOf, seedOf } from '../../testkit/test-cluster.ts';
import { readToken, writeToken, type LinkToken } from './token.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const hex = z.string();
const vectors = z
  .object({
    tokens: z.array(
      z.object({
        name: z.string(),
        seed: hex,
        token: z.object({
          cluster: clusterIdSchema,
          name: z.string(),
          endpoints: z.array(z.object({ node: nodeIdSchema, addresses: z.array(z.string()) })),
          nonce: hex,
          expiresMs: z.number(),
          serveOnly: z.boolean(),
        }),
        payload: hex,
        bytes: hex,
        signature: hex,
        text: z.string(),
      }),
    ),
  })
  .parse(readVectors('link')).tokens;

const token: LinkToken = {
  cluster: clusterOf(crypto, 1),
  name: 'lubeck',
  endpoints: [{ node: nodeOf(crypto, 2), addresses: ['192.0.2.7:4433', '[2001:db8::7]:4433'] }],
  nonce: seedOf(5),
  expiresMs: 1_700_000_000_000,
  serveOnly: false,
};

function write(given: Partial<LinkToken> = {}, seed = 1): string {
  const sign = (message: Uint8Array): Uint8Array => crypto.sign(seedOf(seed), message);
  return writeToken(codec, sign, { ...token, ...given });
}

function codeOf(text: string): string {
  try {
    readToken(codec, crypto, text);
    return 'read';
  } catch (error) {
    return isHansaError(error) ? error.code : `not ours: ${String(error)}`;
  }
}

describe('a link token', () => {
  test.each(vectors)('vector: $name', ({ seed, token: said, payload, bytes, signature, text }) => {
    const mine = { ...said, nonce: fromHex(said.nonce) };
    const sign = (message: Uint8Array): Uint8Array => crypto.sign(fromHex(seed), message);
    expect(writeToken(codec, sign, mine)).toBe(text);
    expect(readToken(codec, crypto, text)).toEqual(mine);
    expect(toHex(codec.encode(mine))).toBe(payload);
    expect(layOut('hansa/link-token/1', { hex: payload })).toBe(bytes);
    expect(verifyByHand(keyByHand(seed), bytes, signature)).toBe(true);
    const carried = Buffer.from(payload + signature, 'hex').toString('base64url');
    expect(`hansa-link-1.${carried}`).toBe(text);
  });

  test('says what its maker wrote, whatever that was', () => {
    const anyToken = fc.record({
      name: fc.string({ maxLength: 128 }),
      expiresMs: fc.nat(),
      serveOnly: fc.boolean(),
      nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      endpoints: fc.array(
        fc.record({
          node: fc.constantFrom(nodeOf(crypto, 2), nodeOf(crypto, 3)),
          addresses: fc.array(fc.string({ maxLength: 60 }), { maxLength: 8 }),
        }),
        { maxLength: 16 },
      ),
    });
    fc.assert(
      fc.property(anyToken, (given) => {
        expect(readToken(codec, crypto, write(given))).toEqual({ ...token, ...given });
      }),
      { numRuns: 1_000 },
    );
  });

  test('may be pasted with the line breaks that a terminal or a letter put into it', () => {
    const broken = write().replaceAll(/(.{72})/g, '$1\r\n  ');
    expect(readToken(codec, crypto, broken)).toEqual(token);
  });

  test('may be pasted with space around it', () => {
    expect(codeOf(`  ${write()}\n`)).toBe('read');
  });

  test('with any character changed, left out or doubled is refused as changed or as no token', () => {
    const text = write();
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ';
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom(...Array.from(digits)),
        fc.constantFrom('replace', 'insert', 'drop'),
        (at, digit, how) => {
          const rest = text.slice(how === 'insert' ? at : at + 1);
          const damaged = text.slice(0, at) + (how === 'drop' ? '' : digit) + rest;
          fc.pre(damaged.replaceAll(/\s+/g, '') !== text);
          expect(codeOf(damaged)).toBe(
            damaged.replaceAll(/\s+/g, '').startsWith('hansa-link-1.')
              ? 'LINK_TOKEN_TAMPERED'
              : 'LINK_TOKEN_MALFORMED',
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('at every single place, changed to its neighbour, is refused', () => {
    const text = write();
    for (let at = 0; at < text.length; at += 1) {
      const other = text.charAt(at) === 'A' ? 'B' : 'A';
      const damaged = text.slice(0, at) + other + text.slice(at + 1);
      expect(codeOf(damaged)).toMatch(/^LINK_TOKEN_(?:TAMPERED|MALFORMED)$/);
    }
  });

  test('that anybody but the cluster it names has signed is LINK_TOKEN_TAMPERED', () => {
    expect(codeOf(write({}, 2))).toBe('LINK_TOKEN_TAMPERED');
    expect(codeOf(write({ cluster: clusterOf(crypto, 9) }))).toBe('LINK_TOKEN_TAMPERED');
  });

  test.each(['', 'hansa', 'hansa-link-2.AAAA', 'HANSA-LINK-1.AAAA', 'eyJhbGciOiJFZERTQSJ9.e30.x'])(
    'is not "%s": that is LINK_TOKEN_MALFORMED, with what to do',
    (text) => {
      expect(codeOf(text)).toBe('LINK_TOKEN_MALFORMED');
    },
  );

  test('of nothing, of a signature alone and of random bytes is refused, and nothing worse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = `hansa-link-1.${Buffer.from(bytes).toString('base64url')}`;
        expect(codeOf(text)).toBe('LINK_TOKEN_TAMPERED');
      }),
      { numRuns: 1_000 },
    );
  });

  test('with more nodes than a link keeps, or a nonce of another length, is refused though signed', () => {
    const many = Array.from({ length: 17 }, () => ({ node: nodeOf(crypto, 2), addresses: [] }));
    expect(codeOf(write({ endpoints: many }))).toBe('LINK_TOKEN_TAMPERED');
    expect(codeOf(write({ nonce: new Uint8Array(31) }))).toBe('LINK_TOKEN_TAMPERED');
    expect(codeOf(write({ name: 'x'.repeat(129) }))).toBe('LINK_TOKEN_TAMPERED');
  });
});
