import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { fromUtf8, utf8 } from '../bytes.ts';
import type { Codec } from '../codec.ts';
import type { KeyValueStore } from './store.ts';
import { table, type Row, type Table } from './table.ts';

interface Boat {
  readonly name: string;
  readonly masts: number;
}

const codec: Codec = {
  encode: (value) => utf8(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(fromUtf8(bytes)),
};

describe('a table', () => {
  let store: KeyValueStore;
  let boats: Table<Boat>;
  beforeEach(() => {
    store = createMemoryStore({ clock: createHandClock() });
    const schema = z.object({ name: z.string(), masts: z.number() });
    boats = table({ store, codec, name: 'boats', schema });
  });

  const rows = async (...parts: Parameters<typeof boats.rows>): Promise<Row<Boat>[]> => {
    const all: Row<Boat>[] = [];
    for await (const row of boats.rows(...parts)) {
      all.push(row);
    }
    return all;
  };

  test('gives back what was put, under its own key parts', async () => {
    const { revision } = await store.batchWrite([boats.put(['kiel', 7], { name: 'A', masts: 2 })]);
    expect(await boats.get('kiel', 7)).toEqual({
      key: ['kiel', 7],
      value: { name: 'A', masts: 2 },
      modRevision: revision,
    });
    expect(await boats.get('kiel', 8)).toBeUndefined();
    await store.batchWrite([boats.delete(['kiel', 7])]);
    expect(await boats.get('kiel', 7)).toBeUndefined();
  });

  test('lists the rows from a part onwards, whether or not one is there', async () => {
    const boat = { name: 'A', masts: 1 };
    await store.batchWrite(
      [
        ['kiel', 7],
        ['kiel', 9],
        ['kiel', 300],
        ['kiel2', 9],
      ].map((parts) => boats.put(parts, boat)),
    );
    const from = async (part: number): Promise<unknown[]> => {
      const keys: unknown[] = [];
      for await (const { key } of boats.rowsFrom(['kiel'], part)) {
        keys.push(key[1]);
      }
      return keys;
    };
    expect(await from(9)).toEqual([9, 300]);
    expect(await from(8)).toEqual([9, 300]);
    expect(await from(301)).toEqual([]);
  });

  test('lists the rows under some parts, in the order of the rest, and no neighbour’s', async () => {
    const boat = { name: 'A', masts: 1 };
    await store.batchWrite(
      [
        ['kiel', 10],
        ['kiel', 9],
        ['kie', 1],
        ['kiel2', 1],
      ].map((parts) => boats.put(parts, boat)),
    );
    await store.set(utf8('boats-and-more'), utf8('x'));
    expect((await rows('kiel')).map(({ key }) => key)).toEqual([
      ['kiel', 9],
      ['kiel', 10],
    ]);
    expect(await rows()).toHaveLength(4);
  });

  test('lists more rows than one page holds, all of one revision', async () => {
    const count = 1_234;
    for (let first = 0; first < count; first += 100) {
      const some = Array.from({ length: Math.min(100, count - first) }, (_, i) =>
        boats.put([first + i], { name: 'A', masts: first + i }),
      );
      await store.batchWrite(some);
    }
    const seen: number[] = [];
    for await (const row of boats.rows()) {
      if (seen.length === 0) {
        await store.batchWrite([boats.put([count + 1], { name: 'late', masts: 0 })]);
      }
      seen.push(row.value.masts);
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  test('says that a record is damaged where it does not fit the schema', async () => {
    await store.set(boats.key('kiel', 1), utf8('{"name":"A"}'));
    await expect(boats.get('kiel', 1)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(rows('kiel')).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });
});
