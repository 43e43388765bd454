import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  emptyTrie,
  federatedIdSchema,
  fromHex,
  toHex,
  type Hlc,
} from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  hashByHand,
  hashLayout,
  keyByHand,
  layOut,
  merkleByHand,
  readVectors,
  trieByHand,
  verifyByHand,
  type HandField,
  type HandLeaf,
} from '../../testkit/by-hand.ts';
import type { BlobReference, Change, ChangeOp, Head } from './contract.ts';
import { changeBytes, createHistory, headBytes, headLeaf, tickBytes } from './history.ts';

const crypto = createNodeCrypto();
const history = createHistory(crypto);
const hex = z.string();
const blob = z.object({ id: blobIdSchema, sizeBytes: z.number(), manifest: blobIdSchema });
const hlc = z.tuple([z.number(), z.number()]);
const op = z.union([
  z.object({ put: z.object({ key: hex, value: hex, blobs: z.array(blob) }) }),
  z.object({ delete: z.object({ key: hex }) }),
]);
const change = z.object({
  epoch: z.number(),
  previous: z.number(),
  hlc,
  author: z.string(),
  ops: z.array(op),
});
const step = z.object({
  sequence: z.number(),
  change,
  bytes: hex,
  chain: hex,
  digest: hex,
});
const head = z.object({
  epoch: z.number(),
  sequence: z.number(),
  chain: hex,
  digest: hex,
  hlc,
  resource: federatedIdSchema,
  salt: hex,
  bytes: hex,
  leaf: hex,
  path: z.array(z.object({ side: z.enum(['left', 'right']), hash: hex })),
});
const vectors = z
  .object({
    seed: hex,
    resource: federatedIdSchema,
    firstChain: hex,
    values: z.array(z.object({ value: hex, blobs: z.array(blob), hash: hex })),
    steps: z.tuple([step, step, step]),
    heads: z.tuple([head, head, head]),
    tick: z.object({
      root: hex,
      asOfMs: z.number(),
      keyIndex: z.number(),
      bytes: hex,
      signature: hex,
    }),
  })
  .parse(readVectors('history'));

function ours(given: z.infer<typeof change>): Change {
  const ops = given.ops.map((each): ChangeOp => {
    if ('delete' in each) {
      return { delete: { key: fromHex(each.delete.key) } };
    }
    const { key, value, blobs } = each.put;
    return { put: { key: fromHex(key), value: fromHex(value), blobs } };
  });
  return { ...given, ops };
}

function referencesByHand(blobs: readonly BlobReference[]): HandField {
  const fields = blobs.flatMap(({ id, sizeBytes, manifest }): HandField[] => [
    { hex: id },
    sizeBytes,
    { hex: manifest },
  ]);
  return { hex: layOut('hansa/blob-references/1', ...fields) };
}

function changeByHand({ epoch, previous, hlc: time, author, ops }: z.infer<typeof change>): string {
  const fields = ops.flatMap((each): HandField[] => {
    if ('delete' in each) {
      return ['delete', { hex: each.delete.key }];
    }
    const { key, value, blobs } = each.put;
    return ['put', { hex: key }, { hex: value }, referencesByHand(blobs)];
  });
  return layOut('hansa/change/1', epoch, previous, ...time, author, ...fields);
}

function headOf(given: z.infer<typeof head>): Head {
  const { root, asOfMs, keyIndex, signature } = vectors.tick;
  return {
    epoch: given.epoch,
    sequence: given.sequence,
    chain: fromHex(given.chain),
    digest: fromHex(given.digest),
    hlc: given.hlc,
    resource: given.resource,
    salt: fromHex(given.salt),
    path: given.path.map(({ side, hash }) => ({ side, hash: fromHex(hash) })),
    tick: { root: fromHex(root), asOfMs, keyIndex, signature: fromHex(signature) },
  };
}

const ownerKey = fromHex(keyByHand(vectors.seed));

describe('vectors of a history', () => {
  test.each(vectors.values)('the hash of value "$value"', ({ value, blobs, hash }) => {
    expect(toHex(history.valueHash({ value: fromHex(value), blobs }))).toBe(hash);
    expect(hashLayout('hansa/value/1', { hex: value }, referencesByHand(blobs))).toBe(hash);
  });

  test('the bytes, chain and digest after every change', () => {
    const { resource, firstChain, steps } = vectors;
    let chain = history.firstChain(resource, 1);
    expect(toHex(chain)).toBe(firstChain);
    expect(hashLayout('hansa/chain-first/1', resource, 1)).toBe(firstChain);
    let chainByHand = firstChain;
    let trie = emptyTrie(crypto);
    const versions = new Map<string, number>();
    const leaves = new Map<string, HandLeaf>();
    for (const each of steps) {
      const mine = ours(each.change);
      expect(toHex(changeBytes(mine))).toBe(each.bytes);
      expect(changeByHand(each.change)).toBe(each.bytes);
      chain = history.nextChain(chain, mine);
      chainByHand = hashLayout('hansa/chain/1', { hex: chainByHand }, { hex: each.bytes });
      expect([toHex(chain), chainByHand]).toEqual([each.chain, each.chain]);
      for (const one of each.change.ops) {
        if ('delete' in one) {
          versions.delete(one.delete.key);
          leaves.delete(one.delete.key);
          trie = trie.remove(fromHex(one.delete.key));
          continue;
        }
        const { key, value, blobs } = one.put;
        const version = (versions.get(key) ?? 0) + 1;
        versions.set(key, version);
        const valueHash = hashLayout('hansa/value/1', { hex: value }, referencesByHand(blobs));
        leaves.set(key, { key, version, valueHash });
        trie = trie.set({ key: fromHex(key), version, valueHash: fromHex(valueHash) });
        const leaf = hashLayout('hansa/trie-leaf/1', { hex: key }, version, { hex: valueHash });
        const changed = { put: { key: fromHex(key), value: fromHex(value), blobs } };
        const [made] = history.trieChanges([changed], [version]);
        expect(toHex(made?.hash ?? new Uint8Array())).toBe(leaf);
      }
      expect(toHex(trie.root)).toBe(each.digest);
      expect(trieByHand([...leaves.values()])).toBe(each.digest);
    }
  });

  test.each(vectors.heads)('the head at sequence $sequence', (vector) => {
    const { resource, epoch, sequence, chain, digest, hlc: time, salt, bytes, leaf } = vector;
    const mine = headOf(vector);
    expect(toHex(headBytes(resource, mine))).toBe(bytes);
    const fields = [resource, epoch, sequence, { hex: chain }, { hex: digest }, ...time];
    expect(layOut('hansa/head/1', ...fields)).toBe(bytes);
    expect(toHex(headLeaf(crypto, fromHex(salt), fromHex(bytes)))).toBe(leaf);
    expect(hashLayout('hansa/head-leaf/1', { hex: salt }, { hex: bytes })).toBe(leaf);
    expect(() => history.verifyHead(mine, ownerKey)).not.toThrow();
  });

  test('the tick that signs them all', () => {
    const { root, asOfMs, keyIndex, bytes, signature } = vectors.tick;
    expect(merkleByHand(vectors.heads.map(({ leaf }) => leaf))).toBe(root);
    expect(toHex(tickBytes({ root: fromHex(root), asOfMs, keyIndex }))).toBe(bytes);
    expect(layOut('hansa/tick/1', { hex: root }, asOfMs, keyIndex)).toBe(bytes);
    expect(verifyByHand(toHex(ownerKey), bytes, signature)).toBe(true);
  });
});

describe('a signed head', () => {
  const refused = expect.objectContaining({ code: 'HEAD_INVALID' });
  const whole = headOf(vectors.heads[1]);
  const flip = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 1 : byte));

  test.each<[string, (head: Head, at: number) => Head]>([
    ['chain', (h, at) => ({ ...h, chain: flip(h.chain, at) })],
    ['digest', (h, at) => ({ ...h, digest: flip(h.digest, at) })],
    ['salt', (h, at) => ({ ...h, salt: flip(h.salt, at) })],
    ['tick’s root', (h, at) => ({ ...h, tick: { ...h.tick, root: flip(h.tick.root, at) } })],
    [
      'tick’s signature',
      (h, at) => ({
        ...h,
        tick: { ...h.tick, signature: flip(h.tick.signature, at) },
      }),
    ],
    [
      'path',
      (h, at) => ({
        ...h,
        path: h.path.map((s, i) =>
          i === at % h.path.length ? { ...s, hash: flip(s.hash, at) } : s,
        ),
      }),
    ],
  ])('with any byte of its %s altered is HEAD_INVALID', (_, alter) => {
    fc.assert(
      fc.property(fc.nat(63), (at) => {
        expect(() => history.verifyHead(alter(whole, at), ownerKey)).toThrow(refused);
      }),
    );
  });

  test.each<[string, Partial<Head>]>([
    ['sequence', { sequence: whole.sequence + 1 }],
    ['epoch', { epoch: whole.epoch + 1 }],
    ['hybrid time', { hlc: [whole.hlc[0] + 1, whole.hlc[1]] satisfies Hlc }],
    ['resource', { resource: federatedIdSchema.parse(`${whole.resource}2`) }],
    ['path, cut', { path: whole.path.slice(1) }],
    ['path, emptied', { path: [] }],
    [
      'path, mirrored',
      {
        path: whole.path.map((s) => ({ ...s, side: s.side === 'left' ? 'right' : 'left' })),
      },
    ],
    ['time of signing', { tick: { ...whole.tick, asOfMs: whole.tick.asOfMs + 1 } }],
    ['key index', { tick: { ...whole.tick, keyIndex: 1 } }],
  ])('with another %s is HEAD_INVALID', (_, other) => {
    expect(() => history.verifyHead({ ...whole, ...other }, ownerKey)).toThrow(refused);
  });

  test('of another’s key is HEAD_INVALID', () => {
    const other = fromHex(keyByHand('07'.repeat(32)));
    expect(() => history.verifyHead(whole, other)).toThrow(refused);
  });

  test('betrays nothing of another head that shares its tick: leaves are salted', () => {
    const { bytes, leaf } = vectors.heads[0];
    expect(hashByHand(bytes)).not.toBe(leaf);
    const guess = toHex(headLeaf(crypto, new Uint8Array(32), fromHex(bytes)));
    expect(guess).not.toBe(leaf);
  });
});

describe('the chain', () => {
  const base = ours(vectors.steps[0].change);
  const start = history.firstChain(vectors.resource, 1);

  test('differs for every difference between two changes', () => {
    const others: Change[] = [
      base,
      { ...base, epoch: 2 },
      { ...base, previous: base.previous + 1 },
      { ...base, author: 'x' },
      { ...base, hlc: [base.hlc[0], base.hlc[1] + 1] },
      { ...base, ops: base.ops.slice(1) },
      { ...base, ops: base.ops.toReversed() },
      { ...base, ops: [] },
    ];
    const chains = others.map((each) => toHex(history.nextChain(start, each)));
    expect(new Set(chains).size).toBe(others.length);
  });

  test('begins elsewhere in every epoch and for every resource', () => {
    const other = federatedIdSchema.parse(`${vectors.resource}2`);
    const firsts = [
      history.firstChain(vectors.resource, 1),
      history.firstChain(vectors.resource, 2),
      history.firstChain(other, 1),
    ];
    expect(new Set(firsts.map(toHex)).size).toBe(3);
  });

  test('tells a key named "delete" from a deletion', () => {
    const bytes = new TextEncoder();
    const key = bytes.encode('k');
    const put: ChangeOp = { put: { key: bytes.encode('delete'), value: key, blobs: [] } };
    const deletion: ChangeOp = { delete: { key } };
    const chains = [[put], [deletion], [deletion, put], [put, deletion]].map((ops) =>
      toHex(history.nextChain(start, { ...base, ops })),
    );
    expect(new Set(chains).size).toBe(4);
  });
});
