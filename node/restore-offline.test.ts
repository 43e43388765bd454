import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodesScope } from '@hansa/capabilities/nodes/capability';
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { packTuple, scopeStore, utf8, type ClusterId, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHandClock } from '../testkit/hand-clock.ts';
import { refusal } from '../testkit/store-fixture.ts';
import { writeBackup } from './backup/writing.ts';
import type { EtcdChoice, Offline } from './offline.ts';
import { abandonRestore, planRestore, restoreFolder } from './restore-offline.ts';
import { settledStore } from './store-base.ts';
import { readStoreChoice } from './store-choice.ts';

const clock = createHandClock();
const [codec, crypto] = [createMsgpackCodec(), createNodeCrypto()];
const to: EtcdChoice = { kind: 'etcd', url: 'etcd://one', endpoints: ['http://one'] };
const some = (index: number): Uint8Array => packTuple(['some', index]);
const records = 150; // several transactions

let place: string;
let shared: KeyValueStore;
let backup: { readonly folder: string; readonly revision: number };

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'hansa-restore-'));
  shared = scopeStore(createMemoryStore({ clock }), 'etcd');
  backup = await backupOf(createMemoryStore({ clock }));
});
afterEach(() => rmSync(place, { recursive: true }));

async function backupOf(store: KeyValueStore): Promise<typeof backup> {
  for (let index = 0; index < records; index += 1) {
    await store.set(some(index), codec.encode(index));
  }
  const data = join(place, 'before');
  mkdirSync(join(data, 'keys'), { recursive: true });
  writeFileSync(join(data, 'keys', 'cluster.key'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
  const blobs = createMemoryBlobs({ crypto });
  await blobs.put(pieces('a blob'));
  const needs = { store, blobs, crypto, codec, clock, data, sealer: undefined, seeds: undefined };
  const about = { version: '1.0.0', cluster: 'ab'.repeat(32) as ClusterId, name: 'lubeck' };
  const order = { keys: true, signal: new AbortController().signal, progress: () => undefined };
  const folder = join(place, 'backup');
  const { revision } = await writeBackup({ ...needs, ...about }, { ...order, to: folder });
  return { folder, revision };
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}

function offline(open: () => KeyValueStore = () => shared): Offline {
  return {
    sealKeyFile: undefined,
    sealAgeIdentity: undefined,
    environment: {},
    open: async () => open(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
}

const data = (): string => join(place, 'data');
const given = () => ({ folder: backup.folder, data: data(), to });

/** Writes so many batches, then loses its connection. */
function failingAfter(batches: number): KeyValueStore {
  let left = batches;
  return {
    ...shared,
    async batchWrite(ops) {
      left -= 1;
      if (left < 0) {
        throw new Error('the connection is gone');
      }
      return shared.batchWrite(ops);
    },
  };
}

async function sizeOf(store: KeyValueStore): Promise<number> {
  const range = { start: Uint8Array.of(0), end: Uint8Array.of(0xff, 0xff) };
  return (await store.scan(range)).entries.length;
}

test('a backup becomes a cluster on etcd: records there, keys and blobs in the data folder', async () => {
  const restored = await restoreFolder(offline(), given());
  expect(restored).toMatchObject({ name: 'lubeck', blobs: 1, keys: 1 });
  const settled = await settledStore(shared);
  expect((await settled.get(some(7))).entry?.value).toEqual(codec.encode(7));
  expect((await settled.status()).revision).toBeGreaterThan(backup.revision + 2 ** 32);
  expect(await readStoreChoice(data())).toEqual(to);
  expect(readdirSync(data()).toSorted()).toEqual(['blobs', 'keys', 'store.json']);
  expect(readFileSync(join(data(), 'keys', 'cluster.key'), 'utf8')).toContain('abab');
});

test('one that was broken off at any step is no cluster, begins anew, and gives no revision again', async () => {
  let before = 0;
  for (const batches of [0, 3]) {
    const failing = offline(() => failingAfter(batches));
    await expect(restoreFolder(failing, given())).rejects.toThrow('the connection is gone');
    if (batches > 0) {
      await refusal(settledStore(shared), 'STORE_UNFINISHED');
    }
    expect(readdirSync(place)).not.toContain('data');
  }
  for (const folder of ['data', 'again']) {
    const { base } = await restoreFolder(offline(), { ...given(), data: join(place, folder) });
    expect(base).toBeGreaterThan(before);
    before = base;
    const settled = await settledStore(shared);
    expect((await settled.get(some(records - 1))).entry).not.toBeNull();
  }
});

test('a store that holds anything, or that a node has started on, is refused as it is', async () => {
  await shared.set(utf8('x'), utf8('1'));
  await refusal(restoreFolder(offline(), given()), 'STORE_NOT_EMPTY');
  await refusal(abandonRestore(offline(), given()), 'STORE_NOT_EMPTY');
  expect(await sizeOf(shared)).toBe(1);
  shared = scopeStore(createMemoryStore({ clock }), 'etcd');
  await restoreFolder(offline(), given());
  await shared.set(packTuple([nodesScope, 'seeds', 'cluster']), utf8('1'));
  const size = await sizeOf(shared);
  const elsewhere = { ...given(), data: join(place, 'elsewhere') };
  await refusal(restoreFolder(offline(), elsewhere), 'STORE_NOT_EMPTY');
  await refusal(abandonRestore(offline(), elsewhere), 'STORE_NOT_EMPTY');
  expect(await sizeOf(shared)).toBe(size);
});

test('a restore of another backup, or one that came to its end, is not taken for one that was broken off', async () => {
  await restoreFolder(offline(), given());
  const size = await sizeOf(shared);
  await refusal(abandonRestore(offline(), given()), 'BACKUP_TARGET'); // its data folder is there
  const other = createMemoryStore({ clock });
  await other.set(utf8('another'), codec.encode(1));
  rmSync(backup.folder, { recursive: true });
  backup = await backupOf(other);
  const elsewhere = { ...given(), data: join(place, 'elsewhere') };
  await refusal(restoreFolder(offline(), elsewhere), 'STORE_NOT_EMPTY');
  await refusal(abandonRestore(offline(), elsewhere), 'STORE_NOT_EMPTY');
  expect(await sizeOf(shared)).toBe(size);
});

test('one that was broken off is given up: nothing of it is left', async () => {
  const failing = offline(() => failingAfter(3));
  await expect(restoreFolder(failing, given())).rejects.toThrow('the connection is gone');
  expect(await abandonRestore(offline(), given())).toBeGreaterThan(100);
  expect(await sizeOf(shared)).toBe(0);
  expect(readdirSync(place).toSorted()).toEqual(['backup', 'before']);
  expect(await abandonRestore(offline(), given())).toBe(0);
});

test('a plan refuses what the restore would refuse, and writes nothing', async () => {
  const failing = offline(() => failingAfter(3));
  await expect(restoreFolder(failing, given())).rejects.toThrow('the connection is gone');
  const size = await sizeOf(shared);
  await planRestore(offline(), given()); // it would begin anew
  expect(await sizeOf(shared)).toBe(size);
  shared = scopeStore(createMemoryStore({ clock }), 'etcd');
  expect((await planRestore(offline(), given())).name).toBe('lubeck');
  await shared.set(utf8('x'), utf8('1'));
  await refusal(planRestore(offline(), given()), 'STORE_NOT_EMPTY');
  mkdirSync(data());
  writeFileSync(join(data(), 'something'), '');
  await refusal(planRestore(offline(), { folder: backup.folder, data: data() }), 'BACKUP_TARGET');
  expect(readdirSync(place).toSorted()).toEqual(['backup', 'before', 'data']);
});

test('a restore that fails leaves no keys beside its data folder', async () => {
  await shared.set(utf8('x'), utf8('1'));
  await refusal(restoreFolder(offline(), given()), 'STORE_NOT_EMPTY');
  expect(readdirSync(place).toSorted()).toEqual(['backup', 'before']);
});
