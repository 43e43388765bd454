// Putting a blob: a file of its own is filled and synced, then moved in place under its hash.
import { rename, rm, type FileHandle } from 'node:fs/promises';
import { blobIdSchema, toHex, type BlobId, type BlobInfo } from '@hansa/foundation';
import { chunksOf } from './chunk-cutter.ts';
import { createFile, onDisk, syncFolder, writeAt } from './durable-file.ts';
import { contentPath, idOf, planPath, shelfPath, writingPath, type Depot } from './layout.ts';
import { writePlan, type Plan } from './plan-file.ts';

export async function putBlob(
  depot: Depot,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BlobInfo> {
  const path = writingPath(depot);
  try {
    return await onDisk(async () => {
      const plan = await writeContent(depot, path, chunksOf(source, signal));
      signal?.throwIfAborted();
      await placeBlob(depot, plan, path);
      return plan.info;
    });
  } finally {
    // After a success it has moved away.
    await rm(path, { force: true });
  }
}

async function writeContent(
  depot: Depot,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Plan> {
  const file = await createFile(path);
  try {
    const plan = await writePieces(depot, file, pieces);
    await file.sync();
    return plan;
  } finally {
    await file.close();
  }
}

async function writePieces(
  { crypto }: Depot,
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Plan> {
  const whole = crypto.hasher();
  const chunks: BlobId[] = [];
  let sizeBytes = 0;
  for await (const chunk of pieces) {
    const written = writeAt(file, chunk, sizeBytes);
    // Hashed while the disk writes.
    chunks.push(idOf(crypto, chunk));
    whole.update(chunk);
    sizeBytes += chunk.length;
    await written;
  }
  return { info: { id: blobIdSchema.parse(toHex(whole.digest())), sizeBytes }, chunks };
}

/**
 * Moves synced content in place, durably. The plan is there before the content, because a blob is
 * visible by its content alone. A blob that was there is replaced: its bytes are the same, or they
 * were damaged.
 */
export async function placeBlob(depot: Depot, plan: Plan, content: string): Promise<void> {
  const { id } = plan.info;
  const shelf = shelfPath(depot.folder, id);
  await depot.locks.alone(id, async () => {
    if (plan.chunks.length > 1) {
      await placePlan(depot, plan);
      await syncFolder(shelf);
    }
    await rename(content, contentPath(depot.folder, id));
    depot.keeping.touch(id);
    await syncFolder(shelf);
  });
}

async function placePlan(depot: Depot, plan: Plan): Promise<void> {
  const path = writingPath(depot);
  await writePlan(depot.crypto, path, plan);
  await rename(path, planPath(depot.folder, plan.info.id));
}
