// Writing a backup while the node serves: the store at one revision, the blobs beside it, the keys
// where that was asked for. What is in the folder already is not copied again; the manifest comes
// last, so that a backup that was broken off leaves the one before it as it was.
import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { BackupStep, BackupSummary } from '@hansa/capabilities/backups/contract';
import {
  HansaError,
  isHansaError,
  toHex,
  type BlobId,
  type BlobInfo,
  type Blobs,
  type Clock,
  type ClusterId,
  type Codec,
  type Crypto,
  type Entry,
  type KeyValueStore,
  type LeaseId,
  type Sealer,
} from '@hansa/foundation';
import type { KeySeeds } from '@hansa/capabilities/identity/capability';
import { writeSecret } from '../key-folder.ts';
import { entriesAt } from '../store-copying.ts';
import {
  blobsFolder,
  keysFolder,
  readManifest,
  sealFile,
  writeManifest,
  type BackupFile,
  type BackupManifest,
} from './manifest.ts';
import { digestOfFile, writeRecords, type BackupRecord } from './record-file.ts';

export interface BackupWriterNeeds {
  readonly store: KeyValueStore;
  readonly blobs: Blobs;
  readonly crypto: Crypto;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly data: string;
  readonly version: string;
  /** What seals the data folder; absent where nothing is sealed. */
  readonly sealer: Sealer | undefined;
  readonly cluster: ClusterId;
  readonly name: string;
  /** The cluster's keys; undefined where they cannot be used. */
  readonly seeds: KeySeeds | undefined;
}

export interface BackupWork {
  /** Absolute. */
  readonly to: string;
  readonly keys: boolean;
  readonly signal: AbortSignal;
  progress(step: BackupStep): void;
}

const attemptsMax = 3; // a store that forgets what is being read is begun anew
const progressEvery = 1_000; // records or blobs: some lines a second

export async function writeBackup(
  needs: BackupWriterNeeds,
  work: BackupWork,
): Promise<BackupSummary> {
  const { crypto, clock, cluster, name, version } = needs;
  const before = await prepare(needs, work);
  const held = await holdBlobs(needs.blobs);
  try {
    const { store, revision } = await writeStore(needs, work);
    await held.again();
    const blobs = await writeBlobs(needs, work, held.all());
    const keys = work.keys ? await copyKeys(needs, work.to) : [];
    const seal = needs.sealer === undefined ? {} : { seal: await copySeal(needs, work.to) };
    const createdMs = clock.now();
    const about = { format: 1, version, cluster, name, createdMs, revision } as const;
    const { copied, ...list } = blobs;
    const manifest: BackupManifest = { ...about, store, blobs: list, keys, ...seal };
    await writeManifest(crypto, work.to, manifest);
    await removeOthers(work.to, before, manifest);
    return summaryOf(work.to, manifest, copied);
  } finally {
    held.release();
  }
}

function summaryOf(
  path: string,
  manifest: BackupManifest,
  copied: { readonly count: number; readonly bytes: number },
): BackupSummary {
  const { cluster, name, createdMs, revision, store, blobs, keys, seal } = manifest;
  return {
    path,
    cluster,
    name,
    createdMs,
    revision,
    records: store.records,
    storeBytes: store.bytes,
    blobs: blobs.count,
    blobBytes: blobs.blobBytes,
    copiedBlobs: copied.count,
    copiedBytes: copied.bytes,
    keys: keys.length > 0,
    sealed: seal !== undefined,
  };
}

/** BACKUP_TARGET where something else lies there. */
async function prepare(
  { crypto, cluster, data }: BackupWriterNeeds,
  { to }: BackupWork,
): Promise<BackupManifest | undefined> {
  if (!isAbsolute(to) || `${to}/`.startsWith(`${data}/`)) {
    throw new HansaError('BACKUP_TARGET', `${to} is no place for a backup of ${data}`);
  }
  await mkdir(to, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new HansaError('BACKUP_TARGET', `no folder can be made at ${to}`, { cause: error });
  });
  const held = await readManifest(crypto, to);
  const others = await readdir(to);
  const isOurs = held === undefined ? others.every(isPart) : held.cluster === cluster;
  if (!isOurs) {
    throw new HansaError(
      'BACKUP_TARGET',
      `${to} holds something that is no backup of this cluster`,
    );
  }
  await mkdir(join(to, blobsFolder), { recursive: true, mode: 0o700 });
  return held;
}

/** What a backup that was broken off may have left. */
function isPart(name: string): boolean {
  const parts = [blobsFolder, keysFolder, sealFile];
  return parts.includes(name) || /^(?:store|blobs)-[0-9a-f]+\.|\.new$/.test(name);
}

interface HeldBlobs {
  all(): readonly BlobInfo[];
  /** Those that came meanwhile. */
  again(): Promise<void>;
  release(): void;
}

/** Nothing that the store may name at the revision that is about to be read goes meanwhile. */
async function holdBlobs(blobs: Blobs): Promise<HeldBlobs> {
  const held = new Map<BlobId, { readonly info: BlobInfo; release(): void }>();
  const again = async (): Promise<void> => {
    for await (const info of blobs.list()) {
      if (!held.has(info.id)) {
        const { release } = blobs.protect(info.id);
        held.set(info.id, { info, release });
      }
    }
  };
  await again();
  return {
    again,
    all: () => [...held.values()].map(({ info }) => info),
    release: () => held.forEach(({ release }) => release()),
  };
}

async function writeStore(
  needs: BackupWriterNeeds,
  work: BackupWork,
): Promise<{ readonly store: BackupManifest['store']; readonly revision: number }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await writeStoreOnce(needs, work);
    } catch (error) {
      if (!isHansaError(error, 'STORE_COMPACTED') || attempt >= attemptsMax) {
        throw error;
      }
    }
  }
}

async function writeStoreOnce(
  { store, crypto, codec, sealer }: BackupWriterNeeds,
  { to, signal, progress }: BackupWork,
): Promise<{ readonly store: BackupManifest['store']; readonly revision: number }> {
  const { revision } = await store.status();
  const path = join(to, 'store.new');
  let records = 0;
  async function* all(): AsyncIterable<BackupRecord> {
    const leases = new Set<LeaseId>();
    for await (const entry of entriesAt(store, revision)) {
      signal.throwIfAborted();
      yield* leaseOf(entry, leases);
      yield { entry };
      records += 1;
      if (records % progressEvery === 0) {
        progress({ stage: 'store', done: records });
      }
    }
  }
  async function* leaseOf({ lease }: Entry, known: Set<LeaseId>): AsyncIterable<BackupRecord> {
    if (lease !== undefined && !known.has(lease)) {
      known.add(lease);
      const left = await store.leaseTimeToLive(lease).catch(() => undefined);
      yield { lease, ttlSeconds: left?.ttlSeconds ?? 0 };
    }
  }
  const written = await writeRecords({ path, crypto, codec, sealer }, all());
  const file = `store-${written.digest.slice(0, 16)}.records`;
  await rename(path, join(to, file));
  return { store: { file, ...written }, revision };
}

async function writeBlobs(
  { blobs, crypto }: BackupWriterNeeds,
  work: BackupWork,
  all: readonly BlobInfo[],
): Promise<BackupManifest['blobs'] & { readonly copied: { count: number; bytes: number } }> {
  const { to, signal } = work;
  const lines: string[] = [];
  const shelves = new Set<string>();
  const copied = { count: 0, bytes: 0 };
  let [count, blobBytes] = [0, 0];
  for (const { id, sizeBytes } of all.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    signal.throwIfAborted();
    if (!(await isThere(to, { id, sizeBytes }))) {
      if (!(await copyBlob(blobs, to, { id, signal }))) {
        continue; // removed by name while the backup was written
      }
      copied.count += 1;
      copied.bytes += sizeBytes;
      shelves.add(dirname(blobPath(to, id)));
    }
    lines.push(`${id} ${sizeBytes}\n`);
    count += 1;
    blobBytes += sizeBytes;
    if (count % progressEvery === 0) {
      work.progress({ stage: 'blobs', done: count, total: all.length });
    }
  }
  for (const shelf of [...shelves, join(to, blobsFolder)]) {
    await syncFolder(shelf);
  }
  const path = join(to, 'blobs.new');
  await writeSynced(path, lines.join(''));
  const written = await digestOfFile(crypto, path);
  const file = `blobs-${written.digest.slice(0, 16)}.list`;
  await rename(path, join(to, file));
  return { file, ...written, count, blobBytes, copied };
}

export function blobPath(folder: string, id: BlobId): string {
  return join(folder, blobsFolder, id.slice(0, 2), id);
}

async function isThere(to: string, { id, sizeBytes }: BlobInfo): Promise<boolean> {
  const found = await stat(blobPath(to, id)).catch(() => undefined);
  return found?.size === sizeBytes;
}

/** Verified as it is read; false where it is gone. */
async function copyBlob(
  blobs: Blobs,
  to: string,
  { id, signal }: { readonly id: BlobId; readonly signal: AbortSignal },
): Promise<boolean> {
  const path = blobPath(to, id);
  await mkdir(join(to, blobsFolder, id.slice(0, 2)), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    for await (const piece of blobs.read(id, { signal })) {
      await file.writeFile(piece);
    }
    await file.sync();
  } catch (error) {
    await rm(`${path}.new`, { force: true });
    if (isHansaError(error, 'BLOB_NOT_FOUND')) {
      return false;
    }
    throw error;
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return true;
}

const seedFiles = { cluster: 'cluster.key', next: 'cluster-next.key', after: 'cluster-after.key' };

/**
 * As they lie there: sealed where the data folder is. A cluster of several nodes has its keys in
 * its store, under one that its nodes share: then they are written as those of one node.
 */
async function copyKeys(
  { data, crypto, seeds }: BackupWriterNeeds,
  to: string,
): Promise<readonly BackupFile[]> {
  await mkdir(join(to, keysFolder), { recursive: true, mode: 0o700 });
  const copied: BackupFile[] = [];
  const add = async (name: string): Promise<void> => {
    const file = `${keysFolder}/${name}`;
    copied.push({ file, ...(await digestOfFile(crypto, join(to, file))) });
  };
  const held = (await readdir(join(data, 'keys'))).filter(isCopied);
  for (const name of held) {
    await copyPrivate(join(data, 'keys', name), join(to, keysFolder, name));
    await add(name);
  }
  for (const [which, name] of Object.entries(seedFiles)) {
    const seed = held.includes('cluster.key')
      ? undefined
      : seeds?.[which as keyof typeof seedFiles];
    if (seed !== undefined) {
      await writeSecret(join(to, keysFolder, name), `${toHex(seed)}\n`);
      await add(name);
    }
  }
  return copied;
}

/** The key that the nodes of a cluster share opens nothing outside of their store. */
function isCopied(name: string): boolean {
  return name.endsWith('.key') && name !== 'shared.key';
}

async function copySeal({ data, crypto }: BackupWriterNeeds, to: string): Promise<BackupFile> {
  await copyPrivate(join(data, sealFile), join(to, sealFile));
  return { file: sealFile, ...(await digestOfFile(crypto, join(to, sealFile))) };
}

async function copyPrivate(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.new`);
  const file = await open(`${to}.new`, 'r+');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${to}.new`, to);
}

/** A rename is durable when the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true });
}

/** Files of the backup before; blobs stay for the next one. */
async function removeOthers(
  to: string,
  before: BackupManifest | undefined,
  now: BackupManifest,
): Promise<void> {
  const kept = [now.store, now.blobs, ...now.keys].map(({ file }) => file);
  const old = [before?.store, before?.blobs, ...(before?.keys ?? [])];
  for (const each of old) {
    if (each !== undefined && !kept.includes(each.file)) {
      await rm(join(to, each.file), { force: true });
    }
  }
}
