import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { fromUtf8, utf8 } from '../bytes.ts';
import { rowsAt, type RowRange } from './rows-at.ts';
import type { KeyValueStore, Revision } from './store.ts';
import { table, type Table } from './table.ts';

let store: KeyValueStore;
let fruits: Table<string>;

beforeEach(() => {
  store = createMemoryStore({ clock: createHandClock() });
  fruits = table({ store, codec: createMsgpackCodec(), name: 'fruit', schema: z.string() });
});

async function put(key: string, value: string, shelf = 'a'): Promise<Revision> {
  const { revision } = await store.batchWrite([fruits.put([shelf, utf8(key)], value)]);
  return revision;
}

async function shown(revision: Revision, range?: RowRange): Promise<readonly string[]> {
  const rows = await collect(rowsAt(store, fruits, { parts: ['a'], revision }).rows(range));
  return rows.map(({ key, value }) => `${fromUtf8(key)}=${value}`);
}

describe('rows at a revision', () => {
  test('are as they were, whatever was written since, also while they are read', async () => {
    for (const key of ['kiwi', 'lime', 'plum']) {
      await put(key, 'ripe');
    }
    const revision = await put('other', 'shelf', 'b');
    await put('lime', 'rotten');
    await store.delete(fruits.key('a', utf8('plum')));
    expect(await shown(revision)).toEqual(['kiwi=ripe', 'lime=ripe', 'plum=ripe']);
    const read: string[] = [];
    const at = rowsAt(store, fruits, { parts: ['a'], revision });
    for await (const { key } of at.rows({ readAtOnce: 1 })) {
      await put('apple', 'new');
      read.push(fromUtf8(key));
    }
    expect(read).toEqual(['kiwi', 'lime', 'plum']);
    await expect(at.row(utf8('plum'))).resolves.toMatchObject({ value: 'ripe' });
    await expect(at.row(utf8('apple'))).resolves.toBeUndefined();
  });

  test('say when each was made and last written', async () => {
    const createRevision = await put('lime', 'green');
    const modRevision = await put('lime', 'ripe');
    const row = await rowsAt(store, fruits, { parts: ['a'], revision: modRevision }).row(
      utf8('lime'),
    );
    expect(row).toMatchObject({ createRevision, modRevision });
  });

  test('are read from a key on and before another, forward and back', async () => {
    let revision = 0;
    for (const key of ['fig', 'kiwi', 'lime', 'plum']) {
      revision = await put(key, 'ripe');
    }
    const keys = async (range: RowRange): Promise<readonly string[]> =>
      (await shown(revision, range)).map((each) => each.slice(0, -5));
    const [start, end] = [utf8('kiwi'), utf8('plum')];
    expect(await keys({ start, end })).toEqual(['kiwi', 'lime']);
    expect(await keys({ start, end, reverse: true })).toEqual(['lime', 'kiwi']);
    expect(await keys({ start })).toEqual(['kiwi', 'lime', 'plum']);
    expect(await keys({ end: utf8('kiwi\u0000') })).toEqual(['fig', 'kiwi']);
    expect(await keys({ reverse: true, readAtOnce: 1 })).toEqual(['plum', 'lime', 'kiwi', 'fig']);
    expect(await keys({ start: end, end: start })).toEqual([]);
    expect(await keys({ start, end: start })).toEqual([]);
  });

  test('that the store has let go are STORE_COMPACTED', async () => {
    const revision = await put('lime', 'green');
    await store.compact(await put('lime', 'ripe'));
    await expect(shown(revision)).rejects.toMatchObject({ code: 'STORE_COMPACTED' });
  });
});
