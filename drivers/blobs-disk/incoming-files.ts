// What has arrived of a blob, on disk. Nothing of it is synced before the end: on resume every
// chunk that is said to be there is hashed again, so what a crash took is simply missing.
import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { blobChunkBytes, type BlobId } from '@hansa/foundation';
import { createFile, ifThere, readAt, writeAt } from './durable-file.ts';
import { idOfName, incomingPath, type Depot } from './layout.ts';
import { readPlan, samePlan, writePlan, type Plan } from './plan-file.ts';

export interface IncomingFiles {
  /** The file that becomes the blob. */
  readonly content: string;
  /** Indexes of chunks that may be there, ascending. */
  claimed(): Promise<readonly number[]>;
  /** Up to `length` bytes where a chunk lies. */
  read(index: number, length: number): Promise<Uint8Array>;
  write(index: number, bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

const indexBytes = 4;
const singleSuffix = '.one';

/** Opens what has arrived under this very plan, or starts anew. */
export function openIncoming(depot: Depot, plan: Plan): Promise<IncomingFiles> {
  return plan.chunks.length === 1 ? openSingle(depot, plan) : openFolder(depot, plan);
}

export async function removeIncoming(depot: Depot, id: BlobId): Promise<void> {
  const path = incomingPath(depot.folder, id);
  await rm(path, { recursive: true, force: true });
  await rm(`${path}${singleSuffix}`, { force: true });
}

/** Every blob of which something has arrived; strange names are removed. */
export async function incomingIds(depot: Depot): Promise<readonly BlobId[]> {
  const folder = join(depot.folder, 'incoming');
  const ids = new Set<BlobId>();
  for (const name of await readdir(folder)) {
    const id = idOfName(name.endsWith(singleSuffix) ? name.slice(0, -singleSuffix.length) : name);
    if (id === undefined) {
      await rm(join(folder, name), { recursive: true, force: true });
    } else {
      ids.add(id);
    }
  }
  return [...ids];
}

// A blob of one chunk is one file and needs no plan: its id says it all. Most blobs are small, and
// a folder with three files would cost them more than their bytes.
async function openSingle(depot: Depot, plan: Plan): Promise<IncomingFiles> {
  const content = `${incomingPath(depot.folder, plan.info.id)}${singleSuffix}`;
  const known = await ifThere(open(content, 'r+'));
  const file = known ?? (await createFile(content));
  return {
    content,
    async claimed() {
      const whole = (await file.stat()).size === plan.info.sizeBytes;
      return known !== undefined && whole ? [0] : [];
    },
    read: (_, length) => readAt(file, 0, length),
    async write(_, bytes) {
      await file.truncate(bytes.length);
      await writeAt(file, bytes, 0);
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

// A folder of three: `plan`, `data` (sparse, at its final size) and `arrived`, to which the index
// of every chunk is appended after its bytes, so that a resume need not read the holes.
async function openFolder(depot: Depot, plan: Plan): Promise<IncomingFiles> {
  const folder = incomingPath(depot.folder, plan.info.id);
  const content = join(folder, 'data');
  const known = await readPlan(depot.crypto, join(folder, 'plan'), plan.info.id);
  if (known === undefined || !samePlan(known, plan)) {
    await startFolder(depot, plan);
  }
  const data = await open(content, 'r+');
  let arrived: FileHandle;
  try {
    await data.truncate(plan.info.sizeBytes);
    arrived = await open(join(folder, 'arrived'), 'a');
  } catch (error) {
    await data.close();
    throw error;
  }
  return {
    content,
    claimed: async () => claimedIndexes(await readFile(join(folder, 'arrived')), plan),
    read: (index, length) => readAt(data, index * blobChunkBytes, length),
    async write(index, bytes) {
      await writeAt(data, bytes, index * blobChunkBytes);
      const entry = Buffer.alloc(indexBytes);
      entry.writeUInt32BE(index);
      await arrived.write(entry);
    },
    sync: () => data.sync(),
    async close() {
      await data.close();
      await arrived.close();
    },
  };
}

async function startFolder(depot: Depot, plan: Plan): Promise<void> {
  const folder = incomingPath(depot.folder, plan.info.id);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  await (await createFile(join(folder, 'data'))).close();
  await (await createFile(join(folder, 'arrived'))).close();
  // Last: without a plan the folder counts for nothing.
  await writePlan(depot.crypto, join(folder, 'plan'), plan);
}

function claimedIndexes(entries: Buffer, plan: Plan): readonly number[] {
  const claimed = new Set<number>();
  for (let at = 0; at + indexBytes <= entries.length; at += indexBytes) {
    claimed.add(entries.readUInt32BE(at));
  }
  return [...claimed].filter((index) => index < plan.chunks.length).sort((a, b) => a - b);
}
