// A backup into a new data folder. What comes up from it is the cluster as it was, and knows that
// it is a restored one: it signs nothing before its peers have said what they hold of it, and no
// number that it ever gave is given again.
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { nodesScope } from '@hansa/capabilities/nodes/capability';
import { carriedValue } from '@hansa/capabilities/resources/capability';
import { restoredRow } from '@hansa/capabilities/recovery/capability';
import {
  HansaError,
  packTuple,
  startsWith,
  unpackTuple,
  type Blobs,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type LeaseId,
  type Sealer,
} from '@hansa/foundation';
import { fillStore, type Copied, type CopiedEntry } from '../store-copying.ts';
import { keysFolder, type BackupManifest } from './manifest.ts';
import { readRecords } from './record-file.ts';
import { blobPath } from './writing.ts';
import { listedBlobs } from './verifying.ts';

// A store that gave a million revisions in every second since 1970 would have come to here: what a
// cluster gave between its backup and its loss is below, and so is what another restore gave.
const revisionsPerMs = 1_000;
const revisionsAbove: number = 2 ** 32; // where the clock is wrong, more than was given since
const msPerSecond = 1_000;

// Good once, or until they were ended: what became of them after the backup is not known.
const dropped: readonly Uint8Array[] = [
  packTuple(['links', 'invite']),
  packTuple(['logins', 'session']),
  packTuple(['logins', 'code']),
  // Nodes, their tickets and election, and the keys as only they could open them.
  packTuple([nodesScope]),
];

export interface RestoreOrder {
  readonly folder: string;
  readonly manifest: BackupManifest;
  readonly target: KeyValueStore;
  readonly blobs: Blobs;
  readonly crypto: Crypto;
  readonly codec: Codec;
  readonly sealer: Sealer | undefined;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

export interface Restored extends Copied {
  readonly blobs: number;
  /** Every revision from now on is above it. */
  readonly base: number;
}

/** Blobs first: a store whose blobs are on their way is not one to start on. */
export async function restoreBackup(order: RestoreOrder): Promise<Restored> {
  const { manifest, target, crypto, codec, nowMs, signal } = order;
  const blobs = await restoreBlobs(order);
  const base = Math.max(manifest.revision + revisionsAbove, nowMs * revisionsPerMs);
  const path = join(order.folder, manifest.store.file);
  const leases = new Map<LeaseId, number>();
  async function* entries(): AsyncIterable<CopiedEntry> {
    const added = marksOf(codec, nowMs, manifest).toSorted((a, b) => compareKeys(a, b));
    for await (const record of readRecords({ path, codec, sealer: order.sealer })) {
      if ('lease' in record) {
        leases.set(record.lease, record.ttlSeconds);
        continue;
      }
      const { entry } = record;
      while (added[0] !== undefined && compareKeys(added[0], entry) < 0) {
        yield* added.splice(0, 1);
      }
      if (added[0] !== undefined && compareKeys(added[0], entry) === 0) {
        continue; // of an earlier restore
      }
      if (!dropped.some((prefix) => startsWith(entry.key, prefix))) {
        yield { ...entry, value: carriedValue(codec, tupleOf(entry.key), entry) };
      }
    }
    yield* added;
  }
  const copied = await fillStore({
    target,
    crypto,
    id: `${attemptOf(manifest)}${nowMs}`,
    base,
    entries,
    leaseSeconds: async (id) => leases.get(id),
    progress: (done) => order.progress(`${done} of ${manifest.store.records} records`),
    signal,
  });
  return { ...copied, blobs, base };
}

/** How the copies of this backup are called, each with its own moment behind. */
export function attemptOf({ store }: BackupManifest): string {
  return `backup ${store.digest} `;
}

/** What a restored cluster finds besides what it had. */
function marksOf(codec: Codec, nowMs: number, { createdMs }: BackupManifest): CopiedEntry[] {
  // Epochs rise by one; of two lives of a cluster, the later one began in a later second.
  const floor = Math.floor(nowMs / msPerSecond);
  return [
    { key: packTuple(['resources', 'floor']), value: codec.encode(floor) },
    {
      key: packTuple(['recovery', 'restored']),
      value: codec.encode(restoredRow({ restoredMs: nowMs, backupMs: createdMs })),
    },
  ];
}

function compareKeys(a: Pick<CopiedEntry, 'key'>, b: Pick<CopiedEntry, 'key'>): number {
  return Buffer.compare(a.key, b.key);
}

function tupleOf(key: Uint8Array): ReturnType<typeof unpackTuple> {
  try {
    return unpackTuple(key);
  } catch {
    return [];
  }
}

async function restoreBlobs(order: RestoreOrder): Promise<number> {
  const { folder, manifest, blobs, signal } = order;
  let count = 0;
  for await (const { id } of listedBlobs(folder, manifest)) {
    signal.throwIfAborted();
    if ((await blobs.info(id)) === undefined) {
      const put = await blobs.put(bytesOf(blobPath(folder, id)), signal);
      if (put.id !== id) {
        throw new HansaError('BACKUP_INVALID', `blob ${id} of the backup is another one`);
      }
    }
    count += 1;
  }
  return count;
}

async function* bytesOf(path: string): AsyncIterable<Uint8Array> {
  for await (const piece of createReadStream(path)) {
    const chunk: unknown = piece;
    if (chunk instanceof Uint8Array) {
      yield chunk;
    }
  }
}

/** Keys as they lie in the backup: sealed where they were. */
export async function restoreKeys(
  folder: string,
  { keys }: BackupManifest,
  data: string,
): Promise<number> {
  const to = join(data, keysFolder);
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const { file } of keys) {
    await copyFile(join(folder, file), join(to, basename(file)));
  }
  return keys.length;
}

/** BACKUP_TARGET where a node has been there already. */
export async function requireFreshData(data: string): Promise<void> {
  const held = await readdir(data).catch(() => []);
  if (held.length > 0) {
    throw new HansaError('BACKUP_TARGET', `${data} is not empty`, {
      fix: 'restore into a folder that is not there yet: --data <folder>',
    });
  }
}
