// Single keys: what is written is read, with the versions and revisions of etcd, within the limits.
import { storeLimits, utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { k, put, refusal, show, showAll, valueOf, type Current } from './store-fixture.ts';

export function recordsAreKept(current: Current): void {
  test('a key is absent until it is set, and again after it is deleted', async () => {
    const { store } = current();
    expect((await store.get(k('a'))).entry).toBeNull();
    await store.set(k('a'), k('1'));
    expect(await valueOf(store, 'a')).toBe('a=1');
    expect(await store.delete(k('a'))).toMatchObject({ deleted: 1 });
    expect((await store.get(k('a'))).entry).toBeNull();
  });

  test('a version counts puts since the creation, and begins anew after a deletion', async () => {
    const { store } = current();
    const first = await store.set(k('a'), k('1'));
    const second = await store.set(k('a'), k('2'));
    expect((await store.get(k('a'))).entry).toMatchObject({
      version: 2,
      createRevision: first.revision,
      modRevision: second.revision,
    });
    await store.delete(k('a'));
    const third = await store.set(k('a'), k('3'));
    expect((await store.get(k('a'))).entry).toMatchObject({
      version: 1,
      createRevision: third.revision,
      modRevision: third.revision,
    });
  });

  test('every change has a greater revision, and what changes nothing uses none up', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    expect((await store.delete(k('b'))).revision).toBe(revision);
    expect((await store.compareAndSet(k('a'), { modRevision: 0 }, k('2'))).revision).toBe(revision);
    expect((await store.batchWrite([])).revision).toBe(revision);
    expect((await store.get(k('a'))).revision).toBe(revision);
    expect((await store.set(k('a'), k('1'))).revision).toBeGreaterThan(revision);
  });

  test('a write is seen by the reads that begin after it was acknowledged', async () => {
    const { store } = current();
    for (let i = 0; i < 20; i += 1) {
      const { revision } = await store.set(k('a'), k(String(i)));
      const found = await store.get(k('a'));
      expect(show(found.entry)).toBe(`a=${i}`);
      expect(found.revision).toBeGreaterThanOrEqual(revision);
    }
  });

  test('of 64 writers at once, every write is there, at the revision its writer was told', async () => {
    const { store } = current();
    const names = Array.from({ length: 64 }, (_, i) => `w${i}`);
    const written = await Promise.all(names.map((name) => store.set(k(name), k(name))));
    const { entries } = await store.batchRead(names.map(utf8));
    expect(showAll(entries)).toEqual(names.map((name) => `${name}=${name}`));
    entries.forEach((entry, i) => expect(entry?.modRevision).toBe(written[i]?.revision));
  });

  test('compareAndSet creates only what is absent, and replaces only what it expects', async () => {
    const { store } = current();
    const created = await store.compareAndSet(k('a'), { modRevision: 0 }, k('1'));
    expect(created.ok).toBe(true);
    const late = await store.compareAndSet(k('a'), { modRevision: 0 }, k('x'));
    expect(late).toMatchObject({ ok: false, current: { modRevision: created.revision } });
    const expected = { modRevision: created.revision };
    const replaced = await store.compareAndSet(k('a'), expected, k('2'));
    expect(replaced.ok).toBe(true);
    expect((await store.compareAndSet(k('a'), expected, k('x'))).ok).toBe(false);
    expect(await valueOf(store, 'a')).toBe('a=2');
  });

  test('of 32 that swap the same entry at once, one succeeds', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('start'));
    const tries = Array.from({ length: 32 }, (_, i) =>
      store.compareAndSet(k('a'), { modRevision: revision }, k(String(i))),
    );
    const outcomes = await Promise.all(tries);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
  });

  test('compareAndDelete deletes only what it expects', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    const wrong = await store.compareAndDelete(k('a'), { modRevision: revision - 1 });
    expect(wrong).toMatchObject({ ok: false, current: { modRevision: revision } });
    expect(await store.compareAndDelete(k('a'), { modRevision: revision })).toMatchObject({
      ok: true,
    });
    expect(await valueOf(store, 'a')).toBe('absent');
  });

  test('a batch is read at one revision, in the order asked', async () => {
    const { store } = current();
    await store.batchWrite([put('a', '1'), put('b', '2')]);
    const { entries } = await store.batchRead([k('b'), k('x'), k('a')]);
    expect(showAll(entries)).toEqual(['b=2', 'absent', 'a=1']);
  });

  test('keys and values are any bytes, and come back as plain Uint8Arrays', async () => {
    const { store } = current();
    const key = Uint8Array.of(0, 255, 0, 1, 254);
    const value = Uint8Array.from({ length: 256 }, (_, i) => i);
    await store.set(key, value);
    const { entry } = await store.get(key);
    expect(entry?.key).toStrictEqual(key);
    expect(entry?.value).toStrictEqual(value);
    const page = await store.scan({ prefix: Uint8Array.of(0, 255) });
    expect(page.entries[0]?.key).toStrictEqual(key);
    await store.set(key, new Uint8Array(0));
    expect((await store.get(key)).entry?.value).toStrictEqual(new Uint8Array(0));
  });

  test('the caller may reuse its buffers at once', async () => {
    const { store } = current();
    const key = k('a');
    const value = k('1');
    const writing = store.set(key, value);
    key.fill(120);
    value.fill(120);
    await writing;
    expect(await valueOf(store, 'a')).toBe('a=1');
    expect(await valueOf(store, 'x')).toBe('absent');
  });

  test('the longest key and the largest value fit, and one byte more does not', async () => {
    const { store } = current();
    const key = new Uint8Array(store.limits.keyBytesMax).fill(7);
    const value = new Uint8Array(storeLimits.valueBytesMax).fill(9);
    await store.set(key, value);
    expect((await store.get(key)).entry?.value).toStrictEqual(value);
    const longKey = new Uint8Array(store.limits.keyBytesMax + 1);
    await refusal(store.set(longKey, k('')), 'STORE_LIMIT');
    await refusal(store.get(longKey), 'STORE_LIMIT');
    await refusal(store.set(k('a'), new Uint8Array(value.length + 1)), 'STORE_LIMIT');
  });

  test('an empty key is refused', async () => {
    const { store } = current();
    await refusal(store.set(k(''), k('1')), 'INPUT_INVALID');
    await refusal(store.get(k('')), 'INPUT_INVALID');
  });

  test('the status tells the engine, the revision and the size', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('1'));
    const status = await store.status();
    expect(status).toMatchObject({ revision, durability: store.durability });
    expect(status.engine).not.toBe('');
    expect(status.sizeBytes).toBeGreaterThan(0);
    expect(status.compactRevision).toBeLessThan(revision);
  });
}
