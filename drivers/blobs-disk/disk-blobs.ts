// Blobs in a folder of this machine's disk. The folder belongs to one process, whose lock is the
// node's.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog, type Blobs, type Crypto, type Log, type Random } from '@hansa/foundation';
import { blobChunks, blobInfo, readBlob } from './blob-reading.ts';
import { putBlob } from './blob-writing.ts';
import { createCollector, listBlobs, removeBlob, setBlobAside } from './collection.ts';
import { syncFolder } from './durable-file.ts';
import { createIdLocks } from './id-locks.ts';
import { incomingIds, removeIncoming } from './incoming-files.ts';
import { createKeeping } from './keeping.ts';
import { shelfNames, type Depot } from './layout.ts';
import { createReceiving } from './receiving.ts';

export interface DiskBlobsNeeds {
  /** Made where it is not there. */
  readonly folder: string;
  readonly crypto: Crypto;
  /** Names of files while they are written. */
  readonly random: Random;
  readonly log?: Log;
}

const folderMode = 0o700; // blobs are nobody else's on this machine

export async function openDiskBlobs(needs: DiskBlobsNeeds): Promise<Blobs> {
  const { folder, crypto, random, log = silentLog } = needs;
  const locks = createIdLocks();
  const depot: Depot = { folder, crypto, random, log, locks, keeping: createKeeping() };
  await makeFolders(folder);
  await removeLeftovers(depot);
  const receiving = createReceiving(depot);
  const collector = createCollector(depot, receiving);
  return {
    put: (source, signal) => putBlob(depot, source, signal),
    info: (id) => blobInfo(depot, id),
    read: (id, options = {}) => readBlob(depot, id, options),
    chunks: (id) => blobChunks(depot, id),
    receive: (info, chunks) => receiving.receive(info, chunks),
    async delete(id) {
      // A transfer that is just committing ends first, so that nothing of the blob stays.
      await receiving.discard(id);
      await locks.alone(id, () => removeBlob(depot, id));
    },
    setAside: (id) => locks.alone(id, () => setBlobAside(depot, id)),
    list: () => listBlobs(depot),
    collect: (isLive) => collector.collect(isLive),
    protect: (id) => depot.keeping.hold(id),
  };
}

async function makeFolders(folder: string): Promise<void> {
  await rm(join(folder, 'writing'), { recursive: true, force: true });
  await mkdir(join(folder, 'writing'), { recursive: true, mode: folderMode });
  await mkdir(join(folder, 'incoming'), { recursive: true, mode: folderMode });
  for (const shelf of shelfNames) {
    await mkdir(join(folder, 'blobs', shelf), { recursive: true, mode: folderMode });
  }
  await syncFolder(join(folder, 'blobs'));
  await syncFolder(folder);
}

// A crash after the content moved in place leaves the rest of its transfer.
async function removeLeftovers(depot: Depot): Promise<void> {
  for (const id of await incomingIds(depot)) {
    if ((await blobInfo(depot, id)) !== undefined) {
      await removeIncoming(depot, id);
    }
  }
}
