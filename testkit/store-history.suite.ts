// Scans in pages, reads in the past, and what compaction takes away.
import { storeLimits, type KeyValueStore, type ScanOptions } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { k, put, refusal, showAll, valueOf, type Current } from './store-fixture.ts';

async function fill(store: KeyValueStore, names: readonly string[]): Promise<number> {
  let last = 0;
  for (const name of names) {
    last = (await store.set(k(name), k('1'))).revision;
  }
  return last;
}

async function pages(
  store: KeyValueStore,
  prefix: string,
  options: ScanOptions,
): Promise<string[][]> {
  const all: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await store.scan(
      { prefix: k(prefix) },
      cursor === undefined ? options : { ...options, cursor },
    );
    all.push(showAll(page.entries));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return all;
}

export function historyIsKept(current: Current): void {
  test('a scan is in the order of bytes, forwards and backwards', async () => {
    const { store } = current();
    const keys = [[0], [0, 0], [0, 1], [1], [127], [128], [255], [255, 255]];
    for (const key of keys.toReversed()) {
      await store.set(Uint8Array.from(key), k('1'));
    }
    const forwards = await store.scan({ prefix: k('') });
    expect(forwards.entries.map((entry) => [...entry.key])).toEqual(keys);
    const backwards = await store.scan({ prefix: k('') }, { reverse: true });
    expect(backwards.entries.map((entry) => [...entry.key])).toEqual(keys.toReversed());
  });

  test('a range begins at its start and ends before its end', async () => {
    const { store } = current();
    await fill(store, ['a', 'b', 'b1', 'c', 'd']);
    const range = { start: k('b'), end: k('d') };
    expect(showAll((await store.scan(range)).entries)).toEqual(['b=1', 'b1=1', 'c=1']);
    const reverse = await store.scan(range, { reverse: true });
    expect(showAll(reverse.entries)).toEqual(['c=1', 'b1=1', 'b=1']);
    const none = await store.scan({ start: k('d'), end: k('b') });
    expect(none.entries).toEqual([]);
  });

  test('pages hold at most their limit and miss nothing between them', async () => {
    const { store } = current();
    await fill(store, ['p/1', 'p/2', 'p/3', 'p/4', 'p/5', 'q']);
    expect(await pages(store, 'p/', { limit: 2 })).toEqual([
      ['p/1=1', 'p/2=1'],
      ['p/3=1', 'p/4=1'],
      ['p/5=1'],
    ]);
    expect(await pages(store, 'p/', { limit: 5 })).toHaveLength(1);
    const reverse = await pages(store, 'p/', { limit: 3, reverse: true });
    expect(reverse).toEqual([
      ['p/5=1', 'p/4=1', 'p/3=1'],
      ['p/2=1', 'p/1=1'],
    ]);
  });

  test('later pages show the revision of the first, whatever is written meanwhile', async () => {
    const { store } = current();
    await fill(store, ['p/1', 'p/2', 'p/3', 'p/4']);
    const first = await store.scan({ prefix: k('p/') }, { limit: 2 });
    await store.batchWrite([put('p/0', '2'), put('p/3', '2'), { delete: { key: k('p/4') } }]);
    await store.batchWrite([put('p/9', '2'), put('p/3', '3')]);
    const { cursor = '' } = first;
    const second = await store.scan({ prefix: k('p/') }, { cursor });
    expect(second.revision).toBe(first.revision);
    expect(showAll(second.entries)).toEqual(['p/3=1', 'p/4=1']);
    expect(await pages(store, 'p/', {})).toEqual([['p/0=2', 'p/1=1', 'p/2=1', 'p/3=3', 'p/9=2']]);
  });

  test('a page ends before its bytes are over the limit', async () => {
    const { store } = current();
    const value = 'x'.repeat(storeLimits.valueBytesMax);
    for (let i = 0; i < 9; i += 1) {
      await store.set(k(`big/${i}`), k(value));
    }
    const sizes = (await pages(store, 'big/', {})).map((page) => page.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(9);
    expect(Math.max(...sizes) * value.length).toBeLessThanOrEqual(storeLimits.scanBytesMax);
    const keys = await store.scan({ prefix: k('big/') }, { keysOnly: true });
    expect(keys.entries.map((entry) => entry.value.length)).toEqual(Array(9).fill(0));
  });

  test('a limit that is none and a cursor that is none are refused', async () => {
    const { store } = current();
    const prefix = k('');
    await refusal(store.scan({ prefix }, { limit: 0 }), 'INPUT_INVALID');
    await refusal(store.scan({ prefix }, { limit: 1_001 }), 'STORE_LIMIT');
    await refusal(store.scan({ prefix }, { cursor: 'zzz' }), 'INPUT_INVALID');
    await refusal(
      store.transact({ if: [], then: [{ scan: { prefix, limit: 1_001 } }] }),
      'STORE_LIMIT',
    );
  });

  test('a key is read as it was at an older revision, deletions included', async () => {
    const { store } = current();
    const steps = [await store.set(k('z'), k('0'))];
    steps.push(await store.set(k('a'), k('1')));
    steps.push(await store.set(k('a'), k('2')));
    steps.push(await store.delete(k('a')));
    steps.push(await store.set(k('a'), k('3')));
    const then = async (revision: number): Promise<string[]> => {
      const { entry } = await store.get(k('a'), { revision });
      const { entries } = await store.scan({ prefix: k('a') }, { revision });
      expect(showAll(entries)).toEqual(entry === null ? [] : showAll([entry]));
      return showAll([entry]);
    };
    const seen = await Promise.all(steps.map(({ revision }) => then(revision)));
    expect(seen).toEqual([['absent'], ['a=1'], ['a=2'], ['absent'], ['a=3']]);
  });

  test('a revision that is not there yet is refused', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    const future = { revision: revision + 1_000 };
    await refusal(store.get(k('a'), future), 'STORE_FUTURE_REVISION');
    await refusal(store.scan({ prefix: k('') }, future), 'STORE_FUTURE_REVISION');
    await refusal(store.compact(future.revision), 'STORE_FUTURE_REVISION');
  });

  test('after compaction, the revision itself is readable and what is older is not', async () => {
    const { store } = current();
    const first = await store.batchWrite([put('a', '1'), put('b', '1'), put('c', '1')]);
    const second = await store.batchWrite([put('a', '2'), { delete: { key: k('b') } }]);
    const third = await store.batchWrite([put('a', '3'), put('b', '3')]);
    await store.compact(second.revision);
    const old = { revision: first.revision };
    const error = await refusal(store.get(k('a'), old), 'STORE_COMPACTED');
    expect(error.facts).toMatchObject({ compactRevision: second.revision });
    await refusal(store.scan({ prefix: k('') }, old), 'STORE_COMPACTED');
    const page = await store.scan({ prefix: k('') }, { revision: second.revision });
    expect(showAll(page.entries)).toEqual(['a=2', 'c=1']);
    const now = await store.scan({ prefix: k('') }, { revision: third.revision });
    expect(showAll(now.entries)).toEqual(['a=3', 'b=3', 'c=1']);
    expect((await store.get(k('a'))).entry).toMatchObject({
      version: 3,
      createRevision: first.revision,
    });
    await store.compact(first.revision);
    expect((await store.status()).compactRevision).toBe(second.revision);
  });

  test('a cursor whose revision was compacted says so', async () => {
    const { store } = current();
    await fill(store, ['a', 'b', 'c']);
    const { cursor = '' } = await store.scan({ prefix: k('') }, { limit: 1 });
    const { revision } = await store.set(k('d'), k('1'));
    await store.compact(revision);
    await refusal(store.scan({ prefix: k('') }, { cursor }), 'STORE_COMPACTED');
  });

  test('a history of 700 revisions is compacted in steps, and the newest entries stay', async () => {
    const { store } = current();
    const writes = Array.from({ length: 700 }, (_, i) => store.set(k(`k${i % 7}`), k(String(i))));
    const revisions = (await Promise.all(writes)).map(({ revision }) => revision);
    await store.compact(Math.max(...revisions) - 1);
    expect(await valueOf(store, 'k6')).toBe('k6=699');
    const before = { revision: Math.max(...revisions) - 1 };
    expect(showAll([(await store.get(k('k6'), before)).entry])).toEqual(['k6=692']);
  });
}
