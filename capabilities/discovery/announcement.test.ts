import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, fromHex, nodeIdSchema, toHex } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  hashByHand,
  hashLayout,
  layOut,
  readVectors,
  signByHand,
  verifyByHand,
} from '../../testkit/by-hand.ts';
import { clusterOf, createTestSigner, nodeOf } from '../../testkit/test-cluster.ts';
import {
  announcementBytes,
  announcementHash,
  makeAnnouncement,
  requireInTime,
  requireSigned,
} from './announcement.ts';
import {
  announcedAppBytesMax,
  announcementAheadMaxMs,
  announcementBytesMax,
  announcementSchema,
  announcementValidityMs,
  type Announcement,
} from './contract.ts';
import { itemBytesMax, itemSalt, readItem, writeItem } from './item.ts';
import { firstKeys } from './first-keys.suite.ts';

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const signer = createTestSigner(crypto, 1, 'lubeck');
const nowMs = 1_700_000_000_000;
const given = {
  counter: nowMs,
  nowMs,
  gossip: true,
  endpoints: [{ node: nodeOf(crypto, 2), addresses: ['192.0.2.7:4433', '[2001:db8::7]:4433'] }],
  apps: ['forge'],
};
const announcement = makeAnnouncement(signer, given);

const hex = z.string();
const vectors = z
  .object({
    announcements: z.array(
      z.object({
        name: z.string(),
        seed: hex,
        announcement: z.object({
          cluster: clusterIdSchema,
          keyIndex: z.number(),
          name: z.string(),
          counter: z.number(),
          asOfMs: z.number(),
          expiresMs: z.number(),
          gossip: z.boolean(),
          endpoints: z.array(z.object({ node: nodeIdSchema, addresses: z.array(z.string()) })),
          apps: z.array(z.string()),
          appsLeftOut: z.number(),
        }),
        bytes: hex,
        hash: hex,
        signature: hex,
        salt: hex,
        item: hex,
      }),
    ),
  })
  .parse(readVectors('discovery'));

describe('the bytes of an announcement', () => {
  test.each(vectors.announcements)('vector: $name', (vector) => {
    const said = vector.announcement;
    expect(toHex(announcementBytes(said))).toBe(vector.bytes);
    const byHand = layOut(
      'hansa/announcement/1',
      { hex: said.cluster },
      said.keyIndex,
      said.name,
      said.counter,
      said.asOfMs,
      said.expiresMs,
      said.gossip ? 1 : 0,
      said.endpoints.length,
      ...said.endpoints.flatMap(({ node, addresses }) => [
        { hex: node },
        addresses.length,
        ...addresses,
      ]),
      said.apps.length,
      ...said.apps,
      said.appsLeftOut,
    );
    expect(byHand).toBe(vector.bytes);
    expect(hashByHand(byHand)).toBe(vector.hash);
    expect(toHex(announcementHash(crypto, said))).toBe(vector.hash);
    expect(signByHand(vector.seed, byHand)).toBe(vector.signature);
    expect(verifyByHand(said.cluster, byHand, vector.signature)).toBe(true);
    expect(hashLayout('hansa/directory/1', { hex: said.cluster }).slice(0, 40)).toBe(vector.salt);
    expect(toHex(itemSalt(crypto, said.cluster))).toBe(vector.salt);
    const whole = { ...said, signature: fromHex(vector.signature) };
    expect(toHex(writeItem({ codec, crypto }, whole).value)).toBe(vector.item);
  });
});

describe('an announcement', () => {
  test('verifies with the key of the cluster that it names', () => {
    expect(() => requireSigned(crypto, firstKeys, announcement)).not.toThrow();
    expect(announcementSchema.parse(announcement)).toEqual(announcement);
  });

  test.each<[string, Partial<Announcement>]>([
    ['another cluster', { cluster: clusterOf(crypto, 3) }],
    ['another counter', { counter: announcement.counter + 1 }],
    ['another end', { expiresMs: announcement.expiresMs + 1 }],
    ['another address', { endpoints: [{ node: nodeOf(crypto, 2), addresses: ['192.0.2.8:1'] }] }],
    ['another wish about gossip', { gossip: false }],
    ['another app', { apps: ['forgery'] }],
    ['another signature', { signature: new Uint8Array(64) }],
  ])('with %s does not verify', (_, change) => {
    const changed = { ...announcement, ...change };
    expect(() => requireSigned(crypto, firstKeys, changed)).toThrow(
      expect.objectContaining({ code: 'ANNOUNCEMENT_INVALID' }),
    );
  });

  test('has other bytes where the same words stand in other lists', () => {
    const moved = { ...announcement, apps: ['a', 'b'], appsLeftOut: 0 };
    const other = { ...announcement, apps: ['a'], appsLeftOut: 0, name: 'b' };
    expect(toHex(announcementBytes(moved))).not.toBe(toHex(announcementBytes(other)));
  });

  test('fits, whatever the cluster has: the largest legal one stays under its bound', () => {
    const endpoints = Array.from({ length: 16 }, (_, node) => ({
      node: nodeOf(crypto, node + 1),
      addresses: Array.from({ length: 8 }, (_unused, at) => `${at}`.padEnd(80, 'x')),
    }));
    const apps = Array.from({ length: 32 }, (_, at) => `${at}`.padEnd(announcedAppBytesMax, 'x'));
    const large = createTestSigner(crypto, 1, 'n'.repeat(128));
    const made = makeAnnouncement(large, { ...given, endpoints, apps: [...apps, 'one more'] });
    expect(() => requireSigned(crypto, firstKeys, made)).not.toThrow();
    expect(announcementSchema.safeParse(made).success).toBe(true);
    expect(announcementBytes(made).length + 64).toBeGreaterThan(announcementBytesMax * 0.9);
    expect(made.appsLeftOut).toBe(1);
    expect(made.endpoints).toHaveLength(4);
    expect(made.endpoints[0]?.addresses).toHaveLength(4);
  });

  test('leaves out what is longer than its bound, and says how many apps', () => {
    const long = 'x'.repeat(announcedAppBytesMax + 1);
    const address = `https://${'x'.repeat(80)}.example`;
    const endpoints = [{ node: nodeOf(crypto, 2), addresses: [address, '192.0.2.7:1'] }];
    const made = makeAnnouncement(signer, { ...given, endpoints, apps: [long, 'forge'] });
    expect(made).toMatchObject({ apps: ['forge'], appsLeftOut: 1 });
    expect(made.endpoints[0]?.addresses).toEqual(['192.0.2.7:1']);
  });

  test('over its size is refused although it is signed', () => {
    const apps = Array.from({ length: 32 }, () => '€'.repeat(64));
    const body = { ...announcement, apps };
    const { signature } = signer.sign(announcementBytes(body));
    expect(() => requireSigned(crypto, firstKeys, { ...body, signature })).toThrow(
      expect.objectContaining({ code: 'ANNOUNCEMENT_INVALID' }),
    );
  });

  test('holds from a minute before its moment until its end, and for a day at most', () => {
    const said = { asOfMs: nowMs, expiresMs: nowMs + announcementValidityMs };
    const refused = (at: number, change = {}): unknown => {
      try {
        requireInTime({ ...said, ...change }, at);
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(refused(nowMs - announcementAheadMaxMs)).toBeUndefined();
    expect(refused(said.expiresMs - 1)).toBeUndefined();
    expect(refused(nowMs - announcementAheadMaxMs - 1)).toBe('ANNOUNCEMENT_INVALID');
    expect(refused(said.expiresMs)).toBe('ANNOUNCEMENT_STALE');
    expect(refused(nowMs, { expiresMs: said.expiresMs + 1 })).toBe('ANNOUNCEMENT_INVALID');
  });
});

describe('the word in a directory', () => {
  test('is read as it was written', () => {
    const item = writeItem({ codec, crypto }, announcement);
    const { cluster, name, counter, asOfMs, expiresMs, endpoints } = announcement;
    expect(readItem(codec, cluster, item)).toEqual({
      cluster,
      name,
      counter,
      asOfMs,
      expiresMs,
      endpoints,
      apps: [],
      hash: announcementHash(crypto, announcement),
    });
  });

  test('on another cluster than the one asked for is refused, and so is another counter', () => {
    const item = writeItem({ codec, crypto }, announcement);
    const refused = expect.objectContaining({ code: 'ANNOUNCEMENT_INVALID' });
    expect(() => readItem(codec, clusterOf(crypto, 3), item)).toThrow(refused);
    const other = { ...item, sequence: item.sequence + 1 };
    expect(() => readItem(codec, announcement.cluster, other)).toThrow(refused);
    const noise = { ...item, value: new Uint8Array(40).fill(0xc1) };
    expect(() => readItem(codec, announcement.cluster, noise)).toThrow(refused);
  });

  test('fits into BEP-44’s bound however long the addresses are: the last ones are left out', () => {
    const endpoints = Array.from({ length: 4 }, (_, node) => ({
      node: nodeOf(crypto, node + 1),
      addresses: Array.from({ length: 4 }, (_unused, at) => `${at}`.padEnd(80, 'x')),
    }));
    const large = createTestSigner(crypto, 1, 'n'.repeat(128));
    const made = makeAnnouncement(large, { ...given, endpoints });
    const item = writeItem({ codec, crypto }, made);
    expect(item.value.length).toBeLessThanOrEqual(itemBytesMax);
    const word = readItem(codec, made.cluster, item);
    expect(word.endpoints).toHaveLength(4);
    expect(word.endpoints.every(({ addresses }) => addresses.length >= 1)).toBe(true);
  });
});
