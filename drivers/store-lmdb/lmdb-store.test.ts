import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyValueStore } from '@hansa/foundation';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { inScope, storeSuite } from '../../testkit/store.suite.ts';
import {
  k,
  nextChange,
  put,
  refusal,
  showAll,
  valueOf,
  type StoreFixture,
} from '../../testkit/store-fixture.ts';
import { recordKind } from './lmdb-records.ts';
import { openLmdbStore } from './lmdb-store.ts';

async function make(): Promise<StoreFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'hansa-store-'));
  const clock = createHandClock();
  const store = await openLmdbStore({ folder, clock });
  const cleanup = async (): Promise<void> => {
    await store.close();
    await rm(folder, { recursive: true });
  };
  return { store, clock, cleanup };
}

storeSuite('the LMDB store', make);
storeSuite('a scope of the LMDB store', inScope(make));

describe('the LMDB store, closed and opened again', () => {
  let folder: string;
  let clock: HandClock;
  let store: KeyValueStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-store-'));
    clock = createHandClock();
    store = await openLmdbStore({ folder, clock });
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  const reopen = async (): Promise<void> => {
    await store.close();
    clock = createHandClock();
    store = await openLmdbStore({ folder, clock });
  };

  test('is for nobody else’s eyes, in whatever folder it lies', async () => {
    for (const name of ['data.mdb', 'lock.mdb']) {
      const { mode } = await stat(join(folder, name));
      expect([name, mode & 0o077]).toEqual([name, 0]);
    }
  });

  test('keeps entries, revisions, history and what was compacted', async () => {
    const first = await store.set(k('a'), k('1'));
    const second = await store.set(k('a'), k('2'));
    const third = await store.set(k('a'), k('3'));
    await store.compact(second.revision);
    await reopen();
    expect(await store.status()).toMatchObject({
      revision: third.revision,
      compactRevision: second.revision,
    });
    const old = await store.get(k('a'), { revision: second.revision });
    expect(showAll([old.entry])).toEqual(['a=2']);
    await refusal(store.get(k('a'), { revision: first.revision }), 'STORE_COMPACTED');
    expect((await store.set(k('a'), k('4'))).revision).toBeGreaterThan(third.revision);
    expect((await store.get(k('a'))).entry?.version).toBe(4);
  });

  test('lets a watcher resume where it was', async () => {
    const { revision } = await store.set(k('a'), k('1'));
    await store.set(k('a'), k('2'));
    await reopen();
    const { signal } = new AbortController();
    const watch = store.watch({ prefix: k('') }, { from: revision, signal });
    const { events } = await nextChange(watch[Symbol.asyncIterator]());
    expect(showAll(events.map(({ entry }) => entry))).toEqual(['a=2']);
  });

  test('gives every lease its whole time again, and no id twice', async () => {
    const { id } = await store.leaseGrant(10);
    await store.set(k('a'), k('1'), { lease: id });
    clock.advance(9_000);
    await reopen();
    clock.advance(9_999);
    await store.set(k('b'), k('1'));
    expect(await valueOf(store, 'a')).toBe('a=1');
    expect((await store.leaseTimeToLive(id)).keys).toEqual([k('a')]);
    expect((await store.leaseGrant(10)).id).not.toBe(id);
    const { revision } = await store.status();
    const { signal } = new AbortController();
    const watch = store.watch({ key: k('a') }, { from: revision, signal });
    clock.advance(1);
    const { events } = await nextChange(watch[Symbol.asyncIterator]());
    expect(events.map(({ type }) => type)).toEqual(['delete']);
  });

  test('still knows the outcome of an idempotency key', async () => {
    const once = { idempotencyKey: 'once' };
    const transaction = {
      if: [],
      then: [{ get: { key: k('a') } }, put('a', '1'), { scan: { prefix: k('') } }],
    };
    const first = await store.transact(transaction, once);
    await reopen();
    const again = await store.transact(transaction, once);
    expect(again).toStrictEqual(first);
    clock.advance(600_000);
    const run = async (): Promise<number> => (await store.transact(transaction, once)).revision;
    await expect.poll(run, { timeout: 10_000 }).toBeGreaterThan(first.revision);
  });

  test('refuses everything while it is closed, and ends its watches', async () => {
    const { signal } = new AbortController();
    const watch = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
    await watch.next();
    const ended = refusal(watch.next(), 'SHUTTING_DOWN');
    const pending = store.set(k('a'), k('1'));
    const closing = store.close();
    await pending;
    await ended;
    await closing;
    await refusal(store.set(k('a'), k('2')), 'SHUTTING_DOWN');
    await refusal(store.get(k('a')), 'SHUTTING_DOWN');
    await reopen();
    expect(await valueOf(store, 'a')).toBe('a=1');
  });

  test('keeps the longer of its history’s two bounds, and drops the rest by itself', async () => {
    await store.close();
    const history = { revisions: 2_000, ms: 60_000 };
    store = await openLmdbStore({ folder, clock, history });
    const write = async (count: number): Promise<void> => {
      await Promise.all(Array.from({ length: count }, () => store.set(k('a'), k('1'))));
    };
    await write(5_000);
    expect((await store.status()).compactRevision).toBe(0);
    clock.advance(60_001);
    await write(1_000);
    await expect
      .poll(async () => (await store.status()).compactRevision, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(3_000);
    const { revision, compactRevision } = await store.status();
    expect(revision - compactRevision).toBeGreaterThanOrEqual(2_000);
  });

  test('does not grow with what it has forgotten', async () => {
    const value = new Uint8Array(10_000);
    const size = async (): Promise<number> => (await stat(join(folder, 'data.mdb'))).size;
    const rounds: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const writes = Array.from({ length: 100 }, (_, i) => store.set(k(`k${i}`), value));
      const done = await Promise.all(writes);
      await store.compact(Math.max(...done.map(({ revision }) => revision)));
      rounds.push(await size());
    }
    expect(rounds.at(-1)).toBeLessThanOrEqual(2 * (rounds[1] ?? 0));
  });

  test('says that its file is damaged where it is', async () => {
    await store.set(k('a'), k('1'));
    await store.close();
    const file = join(folder, 'data.mdb');
    const whole = await readFile(file);
    const flipped = Uint8Array.from(whole);
    flipped[24] = 0;
    const harmed = [new Uint8Array(8_192).fill(0x5a), whole.subarray(0, 8_192), flipped];
    for (const bytes of [...harmed, whole.subarray(0, 100)]) {
      await writeFile(file, bytes);
      await refusal(openLmdbStore({ folder, clock }), 'STORE_DAMAGED');
    }
    await writeFile(file, whole);
    store = await openLmdbStore({ folder, clock });
    expect(await valueOf(store, 'a')).toBe('a=1');
  });

  test('says which format it needs where another version wrote the file', async () => {
    await store.close();
    const raw = open<Buffer, Buffer>({
      path: folder,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    const ofNoVersion = Buffer.of(0x94, 0x7f, 0x00, 0x00, 0x00); // a list: 127, 0, 0, 0
    await raw.put(Buffer.of(recordKind.meta), ofNoVersion);
    await raw.close();
    await expect(openLmdbStore({ folder, clock })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
      message: expect.stringContaining('format is 127'),
      fix: 'run the version of Hansa that wrote it',
    });
    await rm(join(folder, 'data.mdb'));
    store = await openLmdbStore({ folder, clock });
  });
});
