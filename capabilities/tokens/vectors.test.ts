// The golden bytes of protocol/tokens.md, held against the product and against means of their own.
import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex, parseScope, scopeContains } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { hashByHand, keyByHand, readVectors, signByHand } from '../../testkit/by-hand.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { verifyChain } from './chain.ts';
import { createPossessions } from './possession.ts';

const named = { name: z.string(), text: z.string() };
const vectors = z
  .object({
    cluster: z.string(),
    holder: z.string(),
    nowMs: z.number(),
    parts: z.array(
      z.object({ ...named, seed: z.string(), header: z.string(), payload: z.string() }),
    ),
    wholes: z.array(
      z.object({
        ...named,
        speaksFor: z.string().optional(),
        clusters: z.array(z.string()).optional(),
      }),
    ),
    proof: z.object({ token: z.string(), method: z.string(), path: z.string(), text: z.string() }),
    scopes: z.array(z.object({ outer: z.string(), inner: z.string(), contains: z.boolean() })),
  })
  .parse(readVectors('tokens'));

const crypto = createNodeCrypto();
const keyOf = (id: string): Uint8Array => fromHex(id);

function base64Url(bytes: Buffer): string {
  return bytes.toString('base64url');
}

describe('the vectors of tokens', () => {
  test.each(vectors.parts)(
    '$name: encoded and signed by hand',
    ({ seed, header, payload, text }) => {
      const input = `${base64Url(Buffer.from(header))}.${base64Url(Buffer.from(payload))}`;
      const signature = signByHand(seed, Buffer.from(input).toString('hex'));
      expect(`${input}.${base64Url(Buffer.from(signature, 'hex'))}`).toBe(text);
      expect(header).toContain(keyByHand(seed));
    },
  );

  test.each(vectors.wholes)('$name: taken', ({ text, speaksFor, clusters }) => {
    const token = verifyChain(text, {
      crypto,
      nowMs: vectors.nowMs,
      keyOf,
      ceiling: () => 'all',
      isRevoked: () => false,
    });
    expect(token.root).toBe(vectors.cluster);
    expect([token.speaksFor, token.clusters]).toEqual([speaksFor, clusters]);
  });

  test('a child names the hash of its parent', () => {
    const [, whole] = vectors.wholes;
    const [, parent = ''] = whole?.text.split('~') ?? [];
    const hash = hashByHand(Buffer.from(parent).toString('hex'));
    expect(vectors.parts[1]?.payload).toContain(base64Url(Buffer.from(hash, 'hex')));
  });

  test('the proof of possession proves its holder', () => {
    const { token, method, path, text } = vectors.proof;
    const clock = createHandClock();
    clock.advance(vectors.nowMs);
    const holder = `key:${vectors.holder}` as const;
    const possessions = createPossessions({ crypto, clock, keyOf });
    expect(possessions.require(token, [holder], { proof: text, method, path })).toBe(holder);
  });

  test.each(vectors.scopes)('$outer contains $inner: $contains', ({ outer, inner, contains }) => {
    expect(scopeContains(parseScope(outer), parseScope(inner))).toBe(contains);
  });
});
