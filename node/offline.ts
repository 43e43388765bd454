// What is done to a cluster's data while no node runs on it: a backup checked or restored, its
// store moved into another one. The command line calls these; nothing here listens or dials.
import { access, copyFile, mkdir, rename, rm } from 'node:fs/promises';
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
import { openEtcdStore } from '@hansa/store-etcd';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { sealFile } from './backup/manifest.ts';
import { requireFreshData, restoreBackup, restoreKeys, type Restored } from './backup/restoring.ts';
import { requireWhole, verifyBackup, type BackupReport } from './backup/verifying.ts';
import type { Config } from './config.ts';
import { accessOf } from './member-ground.ts';
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
  /** Opens what is not the data folder's own; `openShared` of this file, but for tests. */
  open(choice: EtcdChoice): Promise<KeyValueStore>;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

type EtcdChoice = Extract<StoreChoice, { kind: 'etcd' }>;

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
  given: { readonly folder: string; readonly data: string },
): Promise<Restored & { readonly keys: number; readonly name: string }> {
  const { folder, data } = given;
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
  const opened = await openFolder(needs, building);
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
): Promise<{ readonly store: KeyValueStore; readonly sealer: Sealer | undefined }> {
  const sealing = await openSealing({ ...needs, data, clock, log: silentLog });
  return { store: await sealing.openStore(), sealer: sealing.folder?.sealer };
}

/** With the certificates and the user that etcd asks for, as `hansa up` is told of them. */
export async function openShared(store: EtcdChoice, etcd: Config['etcd']): Promise<KeyValueStore> {
  return openEtcdStore({ ...(await accessOf({ store, etcd })), clock });
}

export interface MigrationPlan {
  readonly to: EtcdChoice;
  readonly revision: number;
  /** In plain there, where it is sealed here. */
  readonly sealed: boolean;
}

export interface Migrated extends Copied {
  readonly to: EtcdChoice;
  /** Where the store of before lies now. */
  readonly kept: string;
}

/** FOLDER_LOCKED while a node runs on it; CONFLICT where it is on etcd already. */
export async function planMigration(
  needs: Offline,
  { data, to }: { readonly data: string; readonly to: EtcdChoice },
): Promise<MigrationPlan> {
  await requireOwnStore(data);
  const { store, sealer } = await openFolder(needs, data);
  try {
    const { revision } = await (await settledStore(store)).status();
    return { to, revision, sealed: sealer !== undefined };
  } finally {
    await store.close();
  }
}

/** Nothing is switched before all was compared; broken off, it goes on where it was. */
export async function migrateStore(
  needs: Offline,
  move: {
    readonly data: string;
    readonly to: EtcdChoice;
    /** What is sealed here may lie in plain there. */
    readonly unsealed: boolean;
  },
): Promise<Migrated> {
  const { data, to } = move;
  await requireOwnStore(data);
  const { store, sealer } = await openFolder(needs, data);
  try {
    requireAgreed(sealer, move.unsealed);
    const target = await needs.open(to);
    let copied: Copied;
    try {
      copied = await copyInto(needs, await settledStore(store), target);
    } finally {
      await target.close();
    }
    await writeStoreChoice(data, to);
    await store.close();
    const kept = join(data, `store.before-${clock.now()}`);
    await rename(join(data, 'store'), kept);
    return { ...copied, to, kept };
  } finally {
    await store.close().catch(() => undefined);
  }
}

async function requireOwnStore(data: string): Promise<void> {
  await access(join(data, 'store')).catch(() => {
    throw new HansaError('USAGE', `no cluster has its store in ${data}`);
  });
  if ((await readStoreChoice(data)).kind !== 'lmdb') {
    throw new HansaError('CONFLICT', 'the cluster’s store is on etcd already');
  }
}

function requireAgreed(sealer: Sealer | undefined, unsealed: boolean): void {
  if (sealer !== undefined && !unsealed) {
    throw new HansaError(
      'STORE_UNSEALED',
      'the store is sealed here, and would be in plain there',
      {
        fix: 'encrypt the disks of etcd, and say so: --unsealed',
      },
    );
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
export async function abandonMigration(needs: Offline, to: EtcdChoice): Promise<number> {
  const target = await needs.open(to);
  try {
    return await abandonCopy(target);
  } finally {
    await target.close();
  }
}
