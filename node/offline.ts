// What is done to a cluster's data while no node runs on it: a backup checked or restored, its store
// moved into another one. The command line calls these; nothing here listens or dials.
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { carriedValue } from '@hansa/capabilities/resources/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  silentLog,
  unpackTuple,
  type Codec,
  type Entry,
  type KeyValueStore,
  type Sealer,
} from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { sealFile } from './backup/manifest.ts';
import { requireFreshData, restoreBackup, restoreKeys, type Restored } from './backup/restoring.ts';
import { requireWhole, verifyBackup, type BackupReport } from './backup/verifying.ts';
import { openSealing } from './sealing.ts';
import { settledStore } from './store-base.ts';
import { readStoreChoice, writeStoreChoice, type StoreChoice } from './store-choice.ts';
import {
  abandonCopy,
  entriesAt,
  fillStore,
  type Copied,
  type CopiedEntry,
} from './store-copying.ts';

export interface Offline {
  readonly sealKeyFile: string | undefined;
  readonly sealAgeIdentity: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens a store that is not the data folder's own. */
  open(choice: Extract<StoreChoice, { kind: 'etcd' }>): Promise<KeyValueStore>;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

const clock = createSystemClock();
const crypto = createNodeCrypto();

export function checkBackup(
  folder: string,
  progress: (line: string) => void,
): Promise<BackupReport> {
  return verifyBackup(crypto, folder, progress);
}

/** Beside the folder first, so that what was broken off is never taken for a cluster. */
export async function restoreFolder(
  needs: Offline,
  given: { readonly folder: string; readonly data: string; readonly store: StoreChoice },
): Promise<Restored & { readonly keys: number; readonly name: string }> {
  const { folder, data, store: choice } = given;
  const report = await verifyBackup(crypto, folder, needs.progress);
  requireWhole(report);
  const { manifest } = report;
  await requireFreshData(data);
  const building = `${data}.restoring`;
  await rm(building, { recursive: true, force: true });
  await mkdir(dirname(data), { recursive: true });
  await mkdir(building, { mode: 0o700 });
  if (manifest.seal !== undefined) {
    await copyFile(join(folder, manifest.seal.file), join(building, sealFile));
  }
  const keys = await restoreKeys(folder, manifest, building);
  const opened = await openFolder(needs, building, choice);
  try {
    const random = createSystemRandom();
    const blobs = await openDiskBlobs({ folder: join(building, 'blobs'), crypto, random });
    const restored = await restoreBackup({
      ...needs,
      folder,
      manifest,
      target: opened.store,
      blobs,
      crypto,
      codec: createMsgpackCodec(),
      sealer: opened.sealer,
      nowMs: clock.now(),
    });
    await opened.store.close();
    if (choice.kind !== 'lmdb') {
      await writeStoreChoice(building, choice);
    }
    await rm(data, { recursive: true, force: true }); // empty, as was found above
    await rename(building, data);
    return { ...restored, keys, name: manifest.name };
  } catch (error) {
    await opened.store.close().catch(() => undefined);
    throw error;
  }
}

async function openFolder(
  needs: Offline,
  data: string,
  choice: StoreChoice,
): Promise<{
  readonly store: KeyValueStore;
  readonly sealer: Sealer | undefined;
  readonly sealed: boolean;
}> {
  const sealing = await openSealing({ ...needs, data, clock, log: silentLog });
  const sealer = sealing.folder?.sealer;
  const store = choice.kind === 'lmdb' ? await sealing.openStore() : await needs.open(choice);
  return { store, sealer, sealed: sealer !== undefined };
}

export interface MigrationPlan {
  readonly from: StoreChoice;
  readonly to: StoreChoice;
  readonly revision: number;
  readonly sealed: boolean;
}

export interface Migrated extends Copied {
  readonly from: StoreChoice;
  readonly to: StoreChoice;
}

interface Move {
  readonly data: string;
  readonly to: StoreChoice;
  /** What is sealed here may lie in plain there. */
  readonly unsealed: boolean;
}

/** FOLDER_LOCKED while a node runs on it. */
export async function planMigration(needs: Offline, { data, to }: Move): Promise<MigrationPlan> {
  const from = await readStoreChoice(data);
  const { store, sealed } = await openFolder(needs, data, from);
  try {
    const { revision } = await (await settledStore(store)).status();
    return { from, to, revision, sealed };
  } finally {
    await store.close();
  }
}

/** Nothing is switched before all was compared; broken off, it goes on where it was. */
export async function migrateStore(needs: Offline, move: Move): Promise<Migrated> {
  const { data, to } = move;
  const from = await readStoreChoice(data);
  requireOther(from, to);
  const source = await openFolder(needs, data, from);
  try {
    if (source.sealed && to.kind !== 'lmdb' && !move.unsealed) {
      throw new HansaError(
        'STORE_UNSEALED',
        'the store is sealed here, and would be in plain there',
        {
          fix: 'seal the disks below etcd, and say so: --unsealed',
        },
      );
    }
    const target =
      to.kind === 'lmdb' ? (await openFolder(needs, data, to)).store : await needs.open(to);
    try {
      const copied = await copyInto(needs, await settledStore(source.store), target);
      await target.close();
      await writeStoreChoice(data, to);
      await source.store.close();
      if (from.kind === 'lmdb') {
        await rename(join(data, 'store'), join(data, `store.before-${clock.now()}`));
      }
      return { ...copied, from, to };
    } finally {
      await target.close().catch(() => undefined);
    }
  } finally {
    await source.store.close().catch(() => undefined);
  }
}

function requireOther(from: StoreChoice, to: StoreChoice): void {
  const isSame = JSON.stringify(from) === JSON.stringify(to);
  if (isSame || (from.kind === 'lmdb' && to.kind === 'lmdb')) {
    throw new HansaError('CONFLICT', 'the cluster is on that store already');
  }
}

async function copyInto(
  needs: Offline,
  source: KeyValueStore,
  target: KeyValueStore,
): Promise<Copied> {
  const codec = createMsgpackCodec();
  const { revision } = await source.status();
  return fillStore({
    target,
    crypto,
    id: `migration at ${revision}`,
    base: revision,
    entries: () => carriedEntries(codec, source, revision),
    async leaseSeconds(id) {
      const left = await source.leaseTimeToLive(id).catch(() => undefined);
      return left?.ttlSeconds;
    },
    progress: (done) => needs.progress(`${done} records`),
    signal: needs.signal,
  });
}

async function* carriedEntries(
  codec: Codec,
  source: KeyValueStore,
  revision: number,
): AsyncIterable<CopiedEntry> {
  for await (const entry of entriesAt(source, revision)) {
    yield { ...entry, value: carriedValue(codec, tupleOf(entry), entry) };
  }
}

function tupleOf({ key }: Entry): ReturnType<typeof unpackTuple> {
  try {
    return unpackTuple(key);
  } catch {
    return [];
  }
}

/** Gives up a copy that was broken off: the target is empty again. */
export async function abandonMigration(needs: Offline, to: StoreChoice): Promise<number> {
  if (to.kind === 'lmdb') {
    throw new HansaError('USAGE', 'a copy into a data folder is given up by removing its folder');
  }
  const target = await needs.open(to);
  try {
    return await abandonCopy(target);
  } finally {
    await target.close();
  }
}
