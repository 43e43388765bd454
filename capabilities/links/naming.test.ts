import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import type { ClusterId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import type { LinkRecord } from './keys.ts';
import { createLinkRecords, uniqueName, type LinkRecords } from './records.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);

async function open(): Promise<LinkRecords> {
  const store = createMemoryStore({ clock: createHandClock() });
  const records = createLinkRecords({ store, codec, crypto });
  await records.links.start(new AbortController().signal);
  return records;
}

describe('the name that we give a peer', () => {
  const record = (peer: ClusterId, name: string): LinkRecord => ({
    peer,
    name,
    epoch: 1,
    mine: true,
    theirs: true,
    invitedByUs: true,
    inviterNonce: new Uint8Array(32),
    accepterNonce: new Uint8Array(32),
    confirmedHere: true,
    confirmedThere: true,
    endpoints: [],
    createdMs: 0,
    closed: false,
  });

  async function named(records: LinkRecords, peer: ClusterId, wanted: string): Promise<string> {
    const name = uniqueName(records, wanted, peer);
    await records.put(record(peer, name));
    return name;
  }

  test('is what it calls itself, and a little longer where another has that name', async () => {
    const records = await open();
    expect(await named(records, bergen, 'bergen')).toBe('bergen');
    expect(await named(records, bergen, 'bergen')).toBe('bergen');
    expect(await named(records, visby, 'bergen')).toBe(`bergen-${visby.slice(0, 8)}`);
  });

  test('is one that a path and a prompt can hold', async () => {
    const records = await open();
    expect(await named(records, bergen, 'Bérgen/../x y')).toBe('B-rgen-..-x-y');
    expect(await named(records, visby, '')).toBe(visby.slice(0, 8));
  });

  test('never passes for the id of another cluster', async () => {
    const records = await open();
    for (const wanted of [bergen, bergen.slice(0, 8), bergen.slice(0, 4)]) {
      const name = uniqueName(records, wanted, visby);
      expect(bergen.startsWith(name)).toBe(false);
    }
    expect(uniqueName(records, bergen.slice(0, 8), bergen)).toBe(bergen.slice(0, 8));
  });

  test('is never our own name, which stands for our own resources', async () => {
    const { links } = await open();
    expect(uniqueName({ links, ownName: 'hansa' }, 'hansa', visby)).toBe(
      `hansa-${visby.slice(0, 8)}`,
    );
  });

  test('is nobody else’s, whatever the others call themselves to take it', async () => {
    const clusters = Array.from({ length: 6 }, (_, index) => clusterOf(crypto, 21 + index));
    const [target = bergen] = clusters;
    const wanted = fc.constantFrom(
      'bergen',
      ...[8, 16, 32, 63].map((length) => `bergen-${target.slice(0, length)}`),
      'x'.repeat(64),
      `${'x'.repeat(64)}y`,
      target,
    );
    const claims = fc.array(wanted, { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        claims,
        fc.shuffledSubarray(clusters, { minLength: 6 }),
        async (all, order) => {
          const records = await open();
          const names: string[] = [];
          for (const [index, cluster] of order.entries()) {
            names.push(await named(records, cluster, all[index] ?? 'bergen'));
          }
          expect(new Set(names).size).toBe(names.length);
          names.forEach((name) => expect(name.length).toBeLessThanOrEqual(128));
        },
      ),
      { numRuns: 200 },
    );
  });
});
