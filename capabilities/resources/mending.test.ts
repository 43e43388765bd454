import { createMsgpackCodec } from '@hansa/codec-msgpack';
import {
  equalBytes,
  localId,
  packTuple,
  raiseStore,
  unpackKey,
  utf8,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createResourceBench,
  drop,
  put,
  type ResourceBench,
} from '../../testkit/resource-bench.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { carriedValue } from './carrying.ts';
import type { InspectionOrder, ResourceEntry, ResourceLog } from './contract.ts';
import { resourceTables } from './keys.ts';

const codec = createMsgpackCodec();
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };
const order: InspectionOrder = {
  spend: async () => undefined,
  signal: new AbortController().signal,
};

let bench: ResourceBench;
let log: ResourceLog;

beforeEach(async () => {
  bench = createResourceBench();
  log = await bench.openWith('hansa');
  for (let index = 0; index < 20; index += 1) {
    await log.append(hansa, [put(`key-${index}`, `value ${index}`)], by);
  }
});

async function* none(): AsyncIterable<ResourceEntry> {
  // nobody has anything
}

async function without(...names: readonly string[]): Promise<void> {
  const tables = resourceTables(bench.store, codec);
  for (const name of names) {
    await bench.store.delete(tables.entries.key(hansa, 1, utf8(name)));
  }
}

describe('an inspection', () => {
  test('finds nothing in what was written', async () => {
    const found = await log.inspect(hansa, order);
    expect(found).toMatchObject({ entries: 20, problems: [] });
    expect(found?.bytes).toBeGreaterThan(100);
  });

  test('finds an entry that is gone, and one that says something else', async () => {
    const tables = resourceTables(bench.store, codec);
    await without('key-3');
    const other = { value: utf8('false'), version: 1, blobs: [] };
    await bench.store.batchWrite([tables.entries.put([hansa, 1, utf8('key-5')], other)]);
    const found = await log.inspect(hansa, order);
    const keys = found?.problems.map(({ key }) => new TextDecoder().decode(key)).toSorted();
    expect(keys).toEqual(['key-3', 'key-5']);
  });

  test('finds a change that is gone, at either end and in the middle', async () => {
    for (const at of [0, 9, 19]) {
      bench = createResourceBench();
      log = await bench.openWith('hansa');
      for (let index = 0; index < 20; index += 1) {
        await log.append(hansa, [put(`key-${index}`)], by);
      }
      await log.position(hansa); // whoever kept digests has come by every change
      const changes = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
      const tables = resourceTables(bench.store, codec);
      await bench.store.delete(tables.changes.key(hansa, 1, changes[at]?.change.previous ?? 0));
      const found = await log.inspect(hansa, order);
      expect(found?.problems.map(({ what }) => what)).toContain('change');
      await log.mend(hansa, { problems: found?.problems ?? [], candidates: none });
      expect((await log.inspect(hansa, order))?.problems).toEqual([]);
    }
  });
});

describe('mending', () => {
  test('takes entries from the resource’s own history', async () => {
    await without('key-3', 'key-4');
    const problems = (await log.inspect(hansa, order))?.problems ?? [];
    expect(await log.mend(hansa, { problems, candidates: none })).toEqual({
      mended: 2,
      missing: 0,
    });
    expect((await log.inspect(hansa, order))?.problems).toEqual([]);
  });

  test('believes no candidate that does not hash to the leaf', async () => {
    const tables = resourceTables(bench.store, codec);
    await log.position(hansa);
    const right = await log.entry(hansa, utf8('key-3'));
    await without('key-3');
    await bench.store.batchWrite([{ delete: { prefix: tables.changes.prefix(hansa, 1) } }]);
    const problems = ((await log.inspect(hansa, order))?.problems ?? []).filter(
      ({ what }) => what === 'entry',
    );
    async function* liars(): AsyncIterable<ResourceEntry> {
      yield { key: utf8('key-3'), value: utf8('false'), version: 1, blobs: [] };
      yield { key: utf8('key-3'), value: utf8('value 3'), version: 2, blobs: [] };
    }
    const none_ = await log.mend(hansa, { problems, candidates: liars });
    expect(none_).toEqual({ mended: 0, missing: 1 });
    async function* honest(): AsyncIterable<ResourceEntry> {
      yield* liars();
      if (right !== undefined) {
        yield right;
      }
    }
    expect(await log.mend(hansa, { problems, candidates: honest })).toMatchObject({ mended: 1 });
    expect((await log.entry(hansa, utf8('key-3')))?.value).toEqual(right?.value);
  });
});

/** As a migration does it. */
async function carriedTo(base: number): Promise<KeyValueStore> {
  const inner = createMemoryStore({ clock: bench.clock });
  const { entries } = await bench.store.scan({ prefix: new Uint8Array(0) });
  for (const entry of entries) {
    await inner.set(entry.key, carriedValue(codec, ['resources', ...unpackKey(entry.key)], entry));
  }
  return raiseStore(inner, base);
}

describe('a resource that was carried into another store', () => {
  test.each([1_000, 1_790_000_000_000_000])(
    'stands where it stood, and goes on above it (base %i)',
    async (base) => {
      await log.append(hansa, [drop('key-0')], by);
      const before = await log.position(hansa);
      const changes = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
      const carried = await bench.open({ store: await carriedTo(base) });
      expect(await carried.position(hansa)).toEqual(before);
      expect(await collect(carried.changes(hansa, { epoch: 1, sequence: 0 }))).toEqual(changes);
      expect((await carried.inspect(hansa, order))?.problems).toEqual([]);
      const point = await carried.append(hansa, [put('key-1', 'later')], by);
      expect(point.sequence).toBeGreaterThan(base);
      const after = await collect(carried.changes(hansa, { epoch: 1, sequence: 0 }));
      expect(after.at(-1)?.change.previous).toBe(before?.sequence);
      expect((await carried.inspect(hansa, order))?.problems).toEqual([]);
      const snapshot = await carried.snapshot(hansa);
      expect(await snapshot?.entry(utf8('key-5'))).toBeDefined();
    },
  );

  test('is begun anew, and made anew, above the floor that a restore has left', async () => {
    const store = await carriedTo(1_000);
    const tables = resourceTables(store, codec);
    await store.batchWrite([tables.floor.put([], 1_790_000_000)]);
    const carried = await bench.open({ store });
    const { epoch } = await carried.renew(hansa, { above: 0, author: 'recovery' });
    expect(epoch).toBe(1_790_000_001);
    expect((await carried.create({ kind: 'git', name: 'other' })).epoch).toBe(1_790_000_001);
    expect((await carried.inspect(hansa, order))?.entries).toBe(20);
  });
});

test('a snapshot of a resource that stands still is readable though its sequence is compacted away', async () => {
  const head = await log.position(hansa);
  for (let index = 0; index < 5; index += 1) {
    await bench.store.set(packTuple(['other']), utf8(String(index)));
  }
  await bench.store.compact((await bench.store.status()).revision);
  const snapshot = await log.snapshot(hansa);
  expect(snapshot?.position.sequence).toBe(head?.sequence);
  const entry = await snapshot?.entry(utf8('key-7'));
  expect(equalBytes(entry?.value ?? new Uint8Array(0), utf8('value 7'))).toBe(true);
});
