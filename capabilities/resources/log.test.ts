import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { emptyTrie, fromHex, localId, toHex, utf8, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createResourceBench,
  drop,
  put,
  type ResourceBench,
} from '../../testkit/resource-bench.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { batchChangesMax } from './contract.ts';
import { createHistory } from './history.ts';
import { resourceTables } from './keys.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

let bench: ResourceBench;

beforeEach(() => {
  bench = createResourceBench();
});

describe('the digest', () => {
  const write = fc.record({ key: fc.integer({ min: 0, max: 12 }), drop: fc.boolean() });

  test('kept while appending is the one that a restart computes from the store', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 8 }),
        async (all) => {
          const own = createMemoryStore({ clock: bench.clock });
          const log = await bench.open({ store: own });
          await log.create({ kind: 'git', name: 'hansa' });
          for (const writes of all) {
            const ops = new Map(
              writes.map((each) => {
                const key = `key-${each.key}`;
                return [key, each.drop ? drop(key) : put(key)];
              }),
            );
            await log.append(hansa, [...ops.values()], by);
          }
          // A fresh log has no trie in memory; its first append would find any difference.
          const restarted = await bench.open({ store: own });
          await restarted.append(hansa, [], by);
          let trie = emptyTrie(crypto);
          for await (const entry of restarted.entries(hansa)) {
            const { key, version } = entry;
            trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
          }
          const position = await restarted.position(hansa);
          expect(toHex(position?.digest ?? new Uint8Array())).toBe(toHex(trie.root));
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each<
    [
      string,
      (tables: ReturnType<typeof resourceTables>) => Parameters<KeyValueStore['batchWrite']>[0],
    ]
  >([
    [
      'changed',
      (tables) => [
        tables.entries.put([hansa, 1, utf8('a')], { value: utf8('evil'), version: 1, blobs: [] }),
      ],
    ],
    ['lost', (tables) => [tables.entries.delete([hansa, 1, utf8('a')])]],
    [
      'added',
      (tables) => [
        tables.entries.put([hansa, 1, utf8('z')], { value: utf8('z'), version: 1, blobs: [] }),
      ],
    ],
  ])('finds an entry that was %s behind its back: STORE_DAMAGED', async (_, damage) => {
    const log = await bench.openWith('hansa');
    await log.append(hansa, [put('a'), put('b')], by);
    await bench.store.batchWrite(damage(resourceTables(bench.store, codec)));
    const restarted = await bench.open();
    const appended = restarted.append(hansa, [put('c')], by);
    await expect(appended).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });
});

describe('checkpoints', () => {
  test('stand at least every 1,000 changes, at positions that the log really had', async () => {
    const log = await bench.openWith('hansa');
    const positions = new Map<number, unknown>();
    for (let i = 0; i < 2 * batchChangesMax + 10; i += 1) {
      const position = await log.append(hansa, [put('a', String(i))], by);
      positions.set(position.sequence, position);
    }
    const ends = await collect(log.checkpoints(hansa, { epoch: 1, sequence: 0 }));
    expect(ends).toHaveLength(2);
    ends.forEach((end) => expect(end).toEqual(positions.get(end.sequence)));
    const sequences = [...positions.keys()];
    const gaps = [0, ...ends.map(({ sequence }) => sequences.indexOf(sequence) + 1)];
    expect(gaps).toEqual([0, batchChangesMax, 2 * batchChangesMax]);
    const later = await collect(log.checkpoints(hansa, ends[0] ?? { epoch: 1, sequence: 0 }));
    expect(later).toEqual(ends.slice(1));
  });

  test('stand before a batch would pass 4 MiB', async () => {
    const log = await bench.openWith('hansa');
    const large = new Uint8Array(300 * 1_024);
    for (let i = 0; i < 30; i += 1) {
      await log.append(hansa, [put('a', large)], by);
    }
    const ends = await collect(log.checkpoints(hansa, { epoch: 1, sequence: 0 }));
    expect(ends).toHaveLength(2);
    const changes = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
    let from = 0;
    for (const { sequence } of ends) {
      const batch = changes.filter((each) => each.sequence > from && each.sequence <= sequence);
      expect(batch.length * large.length).toBeLessThanOrEqual(4 * 1_024 * 1_024);
      from = sequence;
    }
  });
});

describe('signing', () => {
  test('many heads costs one signature, and each verifies alone', async () => {
    const names = Array.from({ length: 33 }, (_, index) => `r${index}`);
    const log = await bench.openWith(...names);
    const heads = await bench.sign(
      log,
      names.map((name) => localId('git', name)),
    );
    const key = fromHex(bench.signer.cluster);
    heads.forEach((head) => expect(() => history.verifyHead(head, key)).not.toThrow());
    expect(new Set(heads.map(({ tick }) => toHex(tick.signature))).size).toBe(1);
    expect(new Set(heads.map(({ salt }) => toHex(salt))).size).toBe(heads.length);
    expect(heads[0]?.tick.asOfMs).toBe(bench.clock.now());
  });

  test('in the next tick is another signature over fresh salts', async () => {
    const log = await bench.openWith('hansa');
    const [first] = await bench.sign(log, [hansa]);
    const [second] = await bench.sign(log, [hansa]);
    expect(second?.digest).toEqual(first?.digest);
    expect(second?.salt).not.toEqual(first?.salt);
    expect(second?.tick.signature).not.toEqual(first?.tick.signature);
  });

  test('that is not possible fails everybody who waits for the tick', async () => {
    const signer = { ...bench.signer, sign: () => expect.fail('no key') };
    const log = await bench.open({ signer });
    await log.create({ kind: 'git', name: 'hansa' });
    const failures = Promise.allSettled([bench.sign(log, [hansa, hansa])]);
    await expect(failures).resolves.toMatchObject([
      { status: 'rejected', reason: { message: 'no key' } },
    ]);
  });
});

describe('subscribers', () => {
  test('hear of every change of the log and of the list, by id', async () => {
    const log = await bench.openWith('hansa');
    const heard: string[] = [];
    const leave = log.subscribe((id) => heard.push(id));
    await log.append(hansa, [put('a')], by);
    expect(heard).toContain(hansa);
    await log.create({ kind: 'git', name: 'other' });
    expect(heard).toContain('git/other');
    heard.length = 0;
    await log.remove(hansa);
    expect(heard).toContain(hansa);
    leave();
    heard.length = 0;
    await log.remove(localId('git', 'other'));
    expect(heard).toEqual([]);
  });

  test('find a later generation only where the list itself changed', async () => {
    const log = await bench.openWith('hansa');
    const before = log.generation;
    await log.append(hansa, [put('a')], by);
    expect(log.generation).toBe(before);
    await log.create({ kind: 'git', name: 'other' });
    expect(log.generation).toBeGreaterThan(before);
  });
});
