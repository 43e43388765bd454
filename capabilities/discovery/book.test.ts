import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, type ClusterId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, createTestPeers, linked } from '../../testkit/test-cluster.ts';
import { createBook, type Word } from './book.ts';
import { trackedMax } from './contract.ts';
import { discoveryTables } from './keys.ts';

const crypto = createNodeCrypto();

function word(cluster: ClusterId): Word {
  const times = { asOfMs: 1, expiresMs: 1_000_000 };
  return { cluster, name: 'somebody', counter: 1, ...times, endpoints: [], apps: [] };
}

test('the book holds so many clusters: the stranger longest unheard goes, a linked one never', async () => {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const peers = createTestPeers();
  const friend = clusterOf(crypto, 1);
  peers.set(linked(friend, 'bergen'));
  const tables = discoveryTables(store, createMsgpackCodec());
  const book = createBook({ store, tables, clock, peers });
  await book.rows.start(new AbortController().signal);
  const stranger = (at: number): ClusterId =>
    clusterIdSchema.parse(at.toString(16).padStart(64, '0'));
  await book.take(word(friend), { source: 'mdns' });
  for (let at = 0; at < trackedMax; at += 1) {
    clock.advance(1);
    await book.take(word(stranger(at)), { source: 'mdns' });
  }
  expect(book.all()).toHaveLength(trackedMax);
  expect(book.find(friend)).toBeDefined();
  expect(book.find(stranger(0))).toBeUndefined();
  expect(book.find(stranger(trackedMax - 1))).toBeDefined();
});
