import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, toHex } from '@hansa/foundation';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { k, refusal, valueOf } from '../../testkit/store-fixture.ts';
import { packState } from './lmdb-records.ts';
import { openLmdbStore, type InspectedStore } from './lmdb-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-inspect-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function openStore(): Promise<InspectedStore> {
  return openLmdbStore({ folder, clock: createHandClock(), log: silentLog });
}

/** Changes a record below the store, as a disk does. */
async function inFile(key: Buffer, change: (value: Buffer) => Buffer): Promise<void> {
  const raw = open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  });
  const value = raw.getBinary(key) ?? Buffer.alloc(0);
  await raw.put(key, change(Buffer.from(value)));
  await raw.close();
}

const stateOf = (key: string): Buffer => Buffer.concat([Buffer.of(2), k(key)]);

function flipped(at: number): (value: Buffer) => Buffer {
  return (value) => {
    const index = at < 0 ? value.length + at : at;
    value[index] = (value[index] ?? 0) ^ 1;
    return value;
  };
}

test('a record with a bit that has changed is an error where it is read, whichever bit', async () => {
  const store = await openStore();
  await store.set(k('a'), k('a value of some length'));
  await store.close();
  for (const at of [0, 1, 5, 12, -1]) {
    await inFile(stateOf('a'), flipped(at));
    const damaged = await openStore();
    await refusal(damaged.get(k('a')), 'STORE_DAMAGED');
    await refusal(damaged.scan({ prefix: k('a') }), 'STORE_DAMAGED');
    await damaged.close();
    await inFile(stateOf('a'), flipped(at));
  }
  const again = await openStore();
  expect(await valueOf(again, 'a')).toBe('a=a value of some length');
  await again.close();
});

test('an inspection names damaged records, and one is set aside with all that it held', async () => {
  const store = await openStore();
  for (let index = 0; index < 200; index += 1) {
    await store.set(k(`key-${index}`), k('value'));
  }
  await store.close();
  await inFile(stateOf('key-77'), flipped(-1));
  const damaged = await openStore();
  const found = await damaged.inspection.inspect(undefined);
  expect(found.after).toBeUndefined();
  expect(found.records).toBeGreaterThan(400); // states and history
  expect(found.damaged.map(({ key }) => key && Buffer.from(key).toString())).toEqual(['key-77']);
  const [{ record } = { record: k('none') }] = found.damaged;
  expect(await damaged.inspection.setAside(record)).toBe(true);
  expect(await damaged.inspection.setAside(record)).toBe(false);
  expect(await valueOf(damaged, 'key-77')).toBe('absent');
  expect(await valueOf(damaged, 'key-78')).toBe('key-78=value');
  expect(readFileSync(join(folder, 'set-aside.jsonl'), 'utf8')).toContain(toHex(record));
  await damaged.set(k('key-77'), k('again'));
  expect((await damaged.inspection.inspect(undefined)).damaged).toEqual([]);
  await damaged.close();
});

test('a large store is inspected piece by piece, each record once', async () => {
  const store = await openStore();
  const value = new Uint8Array(64 * 1_024);
  for (let index = 0; index < 40; index += 1) {
    await store.set(k(`key-${index}`), value);
  }
  let [pieces, records] = [0, 0];
  let after: Uint8Array | undefined;
  do {
    const piece = await store.inspection.inspect(after);
    pieces += 1;
    records += piece.records;
    after = piece.after;
  } while (after !== undefined);
  expect(pieces).toBeGreaterThan(2);
  expect(records).toBe(1 + 40 + 40); // the first record, states, history
  await store.close();
});

test('what an older release wrote without checksums is read, and gets one when it is written', async () => {
  const store = await openStore();
  const { revision } = await store.set(k('a'), k('1'));
  await store.close();
  const entry = {
    key: k('a'),
    value: k('old'),
    version: 1,
    createRevision: revision,
    modRevision: revision,
  };
  await inFile(stateOf('a'), () => packState({ key: k('a'), revision, entry }));
  const again = await openStore();
  expect(await valueOf(again, 'a')).toBe('a=old');
  expect((await again.inspection.inspect(undefined)).damaged).toEqual([]);
  await again.set(k('a'), k('new'));
  await again.close();
  await inFile(stateOf('a'), flipped(-1));
  const damaged = await openStore();
  await refusal(damaged.get(k('a')), 'STORE_DAMAGED');
  await damaged.close();
});

test('a page that is of another kind than it was is damage, to whoever reads there', async () => {
  const store = await openStore();
  const names = Array.from({ length: 400 }, (_, index) => `key-${index}`);
  for (const name of names) {
    await store.set(k(name), k('some value'.repeat(20)));
  }
  await store.close();
  const file = join(folder, 'data.mdb');
  const bytes = readFileSync(file);
  const [pageBytes, flagsAt, branch, leaf, unknown] = [4_096, 18, 0x01, 0x02, 0x10];
  // Leaves only: what leads to them is as it was, so that a store can be opened at all.
  for (let at = 2 * pageBytes; at < bytes.length; at += pageBytes) {
    const flags = bytes.readUInt16LE(at + flagsAt);
    bytes.writeUInt16LE((flags & (branch | leaf)) === leaf ? unknown : flags, at + flagsAt);
  }
  writeFileSync(file, bytes);
  await expect(openStore()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});
