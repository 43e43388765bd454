import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  emptyTrie,
  fromHex,
  localId,
  packTuple,
  toHex,
  utf8,
} from '@hansa/foundation';
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
import { batchBytesMax, batchChangesMax, type ChangeOp, type ResourceLog } from './contract.ts';
import { createHistory } from './history.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

function blobNamed(digit: string) {
  const id = blobIdSchema.parse(digit.repeat(64));
  return { id, sizeBytes: 4, manifest: id };
}

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

  test('is the same on every node of the owner, whoever appended and whoever wrote pages', async () => {
    const [one, two] = [await bench.started(), await bench.started()];
    await one.log.create({ kind: 'git', name: 'hansa' });
    for (let round = 0; round < 6; round += 1) {
      const { log, rest } = round % 2 === 0 ? one : two;
      for (let i = 0; i < 10; i += 1) {
        await log.append(hansa, [put(`key-${i % 7}`, `${round} ${i}`)], by);
      }
      const sequence = log.point(hansa)?.sequence;
      await expect.poll(() => one.log.point(hansa)?.sequence).toBe(sequence);
      await expect.poll(() => two.log.point(hansa)?.sequence).toBe(sequence);
      const digests = await Promise.all([one, two].map((each) => each.log.position(hansa)));
      expect(digests[0]).toEqual(digests[1]);
      await rest();
    }
  });

  test('of very many entries that come at once is cut into pages in time', async () => {
    const log = await bench.openWith('hansa');
    let trie = emptyTrie(crypto);
    for (let at = 0; at < 23_000; at += 90) {
      const ops = Array.from({ length: 90 }, (_, i) => put(`key-${at + i}`, 'x'));
      await log.append(hansa, ops, by);
    }
    const position = await log.position(hansa);
    for await (const entry of log.entries(hansa)) {
      const { key, version } = entry;
      trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
    }
    expect(toHex(position?.digest ?? new Uint8Array())).toBe(toHex(trie.root));
  });

  test('of damaged pages is computed anew from the entries', async () => {
    const { log, rest } = await bench.started();
    await log.create({ kind: 'git', name: 'hansa' });
    await log.append(hansa, [put('a'), put('b')], by);
    const before = await log.position(hansa);
    await rest();
    const { entries } = await bench.store.scan({ prefix: packTuple(['digest-page']) });
    for (const { key, value } of entries) {
      await bench.store.set(key, codec.encode(value.fill(7)));
    }
    const restarted = await bench.open();
    expect(await restarted.position(hansa)).toEqual(before);
  });
});

describe('compaction', () => {
  const fill = async (log: ResourceLog, changes: number): Promise<void> => {
    for (let i = 0; i < changes; i += 1) {
      await log.append(hansa, [put(`key-${i % 50}`, String(i))], by);
    }
  };

  test('keeps as much as was promised, whole batches, and the digest', async () => {
    const kept = { changes: 1_500, bytes: 1 };
    const { log, compact } = await bench.started({ kept });
    await log.create({ kind: 'git', name: 'hansa' });
    await fill(log, 2_100);
    expect(await compact(new AbortController().signal)).toBe(0);
    await fill(log, 1_000);
    const before = await log.position(hansa);
    expect(await compact(new AbortController().signal)).toBe(batchChangesMax);
    const after = await log.keptAfter(hansa);
    const changes = await collect(log.changes(hansa, { epoch: 1, sequence: after }));
    expect(changes).toHaveLength(2_100);
    expect(changes[0]?.change.previous).toBe(after);
    expect(await log.position(hansa)).toEqual(before);
    const ends = await collect(log.checkpoints(hansa, { epoch: 1, sequence: 0 }));
    expect(ends.map(({ sequence }) => sequence >= after)).toEqual([true, true, true]);
    const restarted = await bench.open();
    expect(await restarted.position(hansa)).toEqual(before);
    await log.remove(hansa);
    expect((await bench.store.scan({ prefix: packTuple(['kept']) })).entries).toEqual([]);
  });

  test('releases blobs that only old changes name, and no others', async () => {
    const kept = { changes: 1, bytes: 1 };
    const { log, compact } = await bench.started({ kept });
    await log.create({ kind: 'git', name: 'hansa' });
    const named = (key: string, ...digits: string[]): ChangeOp => ({
      put: { key: utf8(key), value: utf8(key), blobs: digits.map((digit) => blobNamed(digit)) },
    });
    await log.append(hansa, [named('a', '1', '2'), named('b', '2', '3'), named('c', '4')], by);
    await log.append(hansa, [drop('a'), drop('c')], by);
    await fill(log, batchChangesMax);
    await log.append(hansa, [named('d', '4')], by);
    await fill(log, batchChangesMax);
    expect(await compact(new AbortController().signal)).toBeGreaterThan(0);
    const left = await collect(log.blobs(hansa));
    expect(left.map(({ id }) => id.slice(0, 1)).toSorted()).toEqual(['2', '3', '4']);
  });
});

describe('checkpoints', () => {
  test('stand at least every 1,000 changes, at positions that the log really had', async () => {
    const log = await bench.openWith('hansa');
    const positions = new Map<number, unknown>();
    for (let i = 0; i < 2 * batchChangesMax + 10; i += 1) {
      await log.append(hansa, [put('a', String(i))], by);
      const position = await log.position(hansa);
      positions.set(position?.sequence ?? 0, position);
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
      expect(batch.length * large.length).toBeLessThanOrEqual(batchBytesMax);
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
    expect(bench.clock.now() - (heads[0]?.tick.asOfMs ?? 0)).toBeLessThanOrEqual(10);
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
