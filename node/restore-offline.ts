// A backup made into a cluster again while no node runs on it: into a data folder of its own, or
// into one whose store is on etcd. The command line calls these.
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { nodesScope } from '@hansa/capabilities/nodes/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { packTuple, type KeyValueStore } from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { requireManifest, sealFile, type BackupManifest } from './backup/manifest.ts';
import {
  attemptOf,
  requireFreshData,
  restoreBackup,
  restoreKeys,
  type Restored,
} from './backup/restoring.ts';
import { requireWhole, verifyBackup } from './backup/verifying.ts';
import { requireAgreed, sealingOf, unsealKeys, type EtcdChoice, type Offline } from './offline.ts';
import type { OpenSealing } from './sealing.ts';
import { readMark, type CopyMark } from './store-base.ts';
import { writeStoreChoice } from './store-choice.ts';
import { emptyCopy, requireEmpty } from './store-copying.ts';

const clock = createSystemClock();
const crypto = createNodeCrypto();
const random = createSystemRandom();

export interface RestoreGiven {
  readonly folder: string;
  readonly data: string;
  /** Absent: the store is to lie in the data folder. */
  readonly to?: EtcdChoice | undefined;
  /** What is sealed in the backup may lie in plain there. */
  readonly unsealed?: boolean;
}

/** Reads all of the backup, and refuses what `restoreFolder` would; writes nothing. */
export async function planRestore(needs: Offline, given: RestoreGiven): Promise<BackupManifest> {
  const { data, to } = given;
  const manifest = await wholeBackup(needs, given);
  await requireFreshData(data);
  if (to !== undefined) {
    const target = await needs.open(to);
    try {
      if ((await attemptIn(target, manifest)) === undefined) {
        await requireEmpty(target);
      }
    } finally {
      await target.close();
    }
  }
  return manifest;
}

async function wholeBackup(needs: Offline, { folder }: RestoreGiven): Promise<BackupManifest> {
  const report = await verifyBackup(crypto, folder, needs.progress);
  requireWhole(report);
  return report.manifest;
}

/** Beside the folder first, so that what was broken off is never taken for a cluster. */
export async function restoreFolder(
  needs: Offline,
  given: RestoreGiven,
): Promise<Restored & { readonly keys: number; readonly name: string }> {
  const { data } = given;
  const manifest = await wholeBackup(needs, given);
  await requireFreshData(data);
  const building = buildingOf(data);
  await rm(building, { recursive: true, force: true });
  await mkdir(dirname(data), { recursive: true });
  await mkdir(building, { mode: 0o700 });
  try {
    const restored = await build(needs, given, manifest);
    await rm(data, { recursive: true, force: true }); // empty, as was found above
    await rename(building, data);
    return { ...restored, name: manifest.name };
  } catch (error) {
    await rm(building, { recursive: true, force: true }); // the cluster's keys are in it
    throw error;
  }
}

function buildingOf(data: string): string {
  return `${data}.restoring`;
}

async function build(
  needs: Offline,
  given: RestoreGiven,
  manifest: BackupManifest,
): Promise<Restored & { readonly keys: number }> {
  const { folder, data } = given;
  const building = buildingOf(data);
  if (manifest.seal !== undefined) {
    await copyFile(join(folder, manifest.seal.file), join(building, sealFile));
  }
  const keys = await restoreKeys(folder, manifest, building);
  const sealing = await sealingOf(needs, building);
  const target = await openTarget(needs, given, sealing);
  try {
    const restored = await fill(needs, given, { manifest, sealing, target });
    await target.close();
    if (given.to !== undefined) {
      await unsealKeys(building, sealing);
      await rm(join(building, sealFile), { force: true });
      await writeStoreChoice(building, given.to);
    }
    return { ...restored, keys };
  } catch (error) {
    await target.close().catch(() => undefined);
    throw error;
  }
}

async function openTarget(
  needs: Offline,
  { to, unsealed = false }: RestoreGiven,
  sealing: OpenSealing,
): Promise<KeyValueStore> {
  if (to === undefined) {
    return sealing.openStore();
  }
  requireAgreed(sealing, unsealed);
  return needs.open(to);
}

async function fill(
  needs: Offline,
  { folder, data, to }: RestoreGiven,
  given: {
    readonly manifest: BackupManifest;
    readonly sealing: OpenSealing;
    readonly target: KeyValueStore;
  },
): Promise<Restored> {
  const { manifest, sealing, target } = given;
  if (to !== undefined) {
    await removeAttempt(target, manifest);
    await requireEmpty(target); // before the blobs, which may take hours
  }
  const blobs = await openDiskBlobs({ folder: join(buildingOf(data), 'blobs'), crypto, random });
  return restoreBackup({
    ...needs,
    folder,
    manifest,
    target,
    blobs,
    crypto,
    codec: createMsgpackCodec(),
    sealer: sealing.folder?.sealer,
    nowMs: clock.now(),
  });
}

/** It is not gone on with: every attempt has a base and a floor of its own. */
async function removeAttempt(target: KeyValueStore, manifest: BackupManifest): Promise<number> {
  const mark = await attemptIn(target, manifest);
  return mark === undefined ? 0 : emptyCopy(target, mark);
}

/**
 * What a restore of this backup that was broken off has left on etcd; nothing where a node has
 * started on it.
 */
async function attemptIn(
  target: KeyValueStore,
  manifest: BackupManifest,
): Promise<CopyMark | undefined> {
  const mark = await readMark(target);
  const isAttempt = mark?.id.startsWith(attemptOf(manifest)) === true;
  return isAttempt && !(await hasNodes(target)) ? mark : undefined;
}

async function hasNodes(target: KeyValueStore): Promise<boolean> {
  const range = { prefix: packTuple([nodesScope]) };
  return (await target.scan(range, { limit: 1, keysOnly: true })).entries.length > 0;
}

/** Gives up a restore that was broken off: its target is empty again. */
export async function abandonRestore(
  needs: Offline,
  { folder, data, to }: RestoreGiven & { readonly to: EtcdChoice },
): Promise<number> {
  const manifest = await requireManifest(crypto, folder);
  await requireFreshData(data);
  const target = await needs.open(to);
  try {
    const removed = await removeAttempt(target, manifest);
    await requireEmpty(target); // what else is there is somebody's
    await rm(buildingOf(data), { recursive: true, force: true });
    return removed;
  } finally {
    await target.close();
  }
}
