import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { utf8 } from '../bytes.ts';
import type { KeyValueStore } from './store.ts';
import { table, type Table } from './table.ts';
import type { TuplePart } from './tuple.ts';
import { watchedTable, type WatchedTable } from './watched-table.ts';

const codec = createMsgpackCodec();
let store: KeyValueStore;
let sizes: Table<{ size: number }>;
let cache: WatchedTable<{ size: number }>;
let stop: AbortController;

beforeEach(() => {
  const history = { revisions: 1, ms: 0 };
  store = createMemoryStore({ clock: createHandClock(), history });
  sizes = table({ store, codec, name: 'size', schema: z.object({ size: z.number() }) });
  cache = watchedTable(store, sizes);
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await store.close();
});

async function put(name: string, size: number): Promise<number> {
  return (await store.batchWrite([sizes.put([name], { size })])).revision;
}

describe('a table held in memory', () => {
  test('is filled when it has started, however many pages it has', async () => {
    for (let at = 0; at < 2_500; at += 100) {
      const page = Array.from({ length: 100 }, (_, i) => sizes.put([`n${at + i}`], { size: i }));
      await store.batchWrite(page);
    }
    await cache.start(stop.signal);
    expect(cache.rows.size).toBe(2_500);
    expect(cache.find('n2499')?.value).toEqual({ size: 99 });
  });

  test('shows a write once its revision is reached, and a deletion likewise', async () => {
    await cache.start(stop.signal);
    await cache.reached(await put('a', 1));
    expect(cache.find('a')?.value.size).toBe(1);
    await cache.reached((await store.batchWrite([sizes.delete(['a'])])).revision);
    expect(cache.find('a')).toBeUndefined();
  });

  test('is told of the key that changed, and of everything at once when it is read anew', async () => {
    const told: (readonly TuplePart[] | undefined)[] = [];
    cache.subscribe((key) => told.push(key));
    await cache.start(stop.signal);
    expect(told).toEqual([undefined]);
    await cache.reached(await put('a', 1));
    expect(told).toEqual([undefined, ['a']]);
  });

  test('rises in generation with every change, and only then', async () => {
    await cache.start(stop.signal);
    const before = cache.generation;
    await store.set(utf8('elsewhere'), utf8('x'));
    await cache.reached(await put('a', 1));
    expect(cache.generation).toBe(before + 1);
  });

  test('finds rows of several parts, of numbers and of bytes, and what a deletion leaves', async () => {
    const keys = [
      ['a'],
      ['a', 'b'],
      ['a', 1],
      ['a', 'b', 'c'],
      ['a', Uint8Array.of(1)],
      [1],
      ['1'],
    ];
    await store.batchWrite(keys.map((parts, size) => sizes.put(parts, { size })));
    await cache.start(stop.signal);
    const found = (): unknown[] => keys.map((parts) => cache.find(...parts)?.value.size);
    expect(found()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(cache.find('a', 'c')).toBeUndefined();
    expect(cache.find()).toBeUndefined();
    const gone = [['a'], ['a', 'b', 'c'], ['a', Uint8Array.of(1)], [1]];
    await cache.reached(
      (await store.batchWrite(gone.map((parts) => sizes.delete(parts)))).revision,
    );
    expect(found()).toEqual([undefined, 1, 2, undefined, undefined, undefined, 6]);
    expect(cache.rows.size).toBe(3);
  });

  test('does not take a neighbour table whose name begins alike', async () => {
    const near = table({ store, codec, name: 'sizes', schema: z.object({ size: z.number() }) });
    await store.batchWrite([near.put(['a'], { size: 1 })]);
    await cache.start(stop.signal);
    await cache.reached(await put('b', 2));
    expect(cache.rows.size).toBe(1);
  });

  test('starts with an error where a stored record does not fit its schema', async () => {
    await store.set(sizes.key('bad'), codec.encode({ size: 'large' }));
    await expect(cache.start(stop.signal)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  test('tells nobody who has left', async () => {
    let told = 0;
    const leave = cache.subscribe(() => {
      told += 1;
    });
    await cache.start(stop.signal);
    leave();
    const before = told;
    await cache.reached(await put('a', 1));
    expect(told).toBe(before);
  });

  test('many who wait for the same revision all go on', async () => {
    await cache.start(stop.signal);
    const writes = await Promise.all(['a', 'b', 'c'].map((name) => put(name, 1)));
    const last = Math.max(...writes);
    await Promise.all(Array.from({ length: 10 }, () => cache.reached(last)));
    expect(cache.rows.size).toBe(3);
  });

  test('lets nobody wait for what it will never show, after its end or after damage', async () => {
    await cache.start(stop.signal);
    stop.abort();
    // Nobody who asked has cancelled anything, and what was written is there.
    const doubtful = { code: 'STORE_UNKNOWN_OUTCOME' };
    await expect(cache.reached(await put('a', 1))).rejects.toMatchObject(doubtful);
    const other = watchedTable(store, sizes);
    await other.start(new AbortController().signal);
    const { revision } = await store.set(sizes.key('bad'), codec.encode({ size: 'large' }));
    await expect(other.reached(revision)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(other.reached(revision + 1)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });
});
