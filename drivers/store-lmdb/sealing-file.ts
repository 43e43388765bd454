// A store that was kept in plain is sealed as a whole: record by record into a new file, which then
// takes the old one's place. In the old file free pages would go on holding what was written in
// plain.
import { open as openFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSealed, type Log, type Sealer } from '@hansa/foundation';
import type { RootDatabase } from 'lmdb';
import { unchecked } from './checked-record.ts';

const dataFile = 'data.mdb'; // LMDB's own name
const newFolder = 'sealing';
const batchBytesMax = 8 * 1_024 * 1_024; // dirty pages of a commit, in memory until it ends

export interface SealFileNeeds {
  readonly folder: string;
  readonly sealer: Sealer;
  readonly open: (folder: string) => RootDatabase<Buffer, Buffer>;
  readonly log: Log;
}

/** Removes what a copy that was broken off has left: the old file still counts. */
export async function finishSealing(folder: string): Promise<void> {
  await rm(join(folder, newFolder), { recursive: true, force: true });
}

/** Nothing where there is no store yet, or a sealed one: then a crash came after the last step. */
export async function sealFile({ folder, sealer, open, log }: SealFileNeeds): Promise<void> {
  const file = join(folder, dataFile);
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size === 0) {
    return;
  }
  const plain = open(folder);
  let records = 0;
  try {
    const [first] = plain.getRange({ limit: 1 });
    if (first === undefined || isSealed(first.value)) {
      return;
    }
    log.event('store.sealing', { bytes: size });
    const sealed = open(join(folder, newFolder));
    try {
      records = await copySealed(plain, sealed, sealer);
    } finally {
      await sealed.close();
    }
  } finally {
    await plain.close();
  }
  await replace(folder);
  log.event('store.sealed', { records });
}

async function copySealed(
  plain: RootDatabase<Buffer, Buffer>,
  sealed: RootDatabase<Buffer, Buffer>,
  sealer: Sealer,
): Promise<number> {
  let records = 0;
  let batch: { readonly key: Buffer; readonly value: Buffer }[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const taken = batch;
    await sealed.transaction(() => {
      for (const { key, value } of taken) {
        sealed.putSync(key, value, { append: true });
      }
    });
    batch = [];
    bytes = 0;
  };
  for (const { key, value } of plain.getRange({})) {
    const plainValue = unchecked(key, value);
    batch.push({ key: Buffer.from(key), value: Buffer.from(sealer.seal(key, plainValue)) });
    bytes += value.length;
    records += 1;
    if (bytes >= batchBytesMax) {
      await flush();
    }
  }
  await flush();
  await sealed.flushed;
  return records;
}

/** The old file's readers are gone with it; its lock file belongs to no data and may stay. */
async function replace(folder: string): Promise<void> {
  await syncPath(join(folder, newFolder, dataFile));
  await rename(join(folder, newFolder, dataFile), join(folder, dataFile));
  await syncPath(folder);
  await finishSealing(folder);
}

async function syncPath(path: string): Promise<void> {
  const handle = await openFile(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
