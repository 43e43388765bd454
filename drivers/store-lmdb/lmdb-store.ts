// The store engine over LMDB: one process, one file, every acknowledged write on the disk.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createStoreEngine,
  HansaError,
  silentLog,
  type Clock,
  type HistoryKept,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import { open, type RootDatabase } from 'lmdb';
import { checkHeader } from './file-header.ts';
import { lockFolder } from './folder-lock.ts';
import { GroupCommit } from './group-commit.ts';
import { commitFailure } from './lmdb-failure.ts';
import { LmdbShelf } from './lmdb-shelf.ts';

const dataFile = 'data.mdb'; // LMDB's own name

export interface LmdbStoreNeeds {
  /** Made where it is missing; no other process may have it open (FOLDER_LOCKED). */
  readonly folder: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** Tests of compaction keep less than a store does. */
  readonly history?: HistoryKept;
}

export async function openLmdbStore(needs: LmdbStoreNeeds): Promise<KeyValueStore> {
  const { folder, log = silentLog } = needs;
  const lock = await lockFolder(folder);
  try {
    await checkHeader(join(folder, dataFile));
    const db = openDatabase(folder);
    const shelf = new LmdbShelf(db);
    const explain = (error: unknown): Promise<HansaError> => commitFailure(error, folder);
    const commits = new GroupCommit({ db, shelf, log, explain });
    return createStoreEngine({
      ...needs,
      engine: 'lmdb',
      durability: 'fsync',
      shelf,
      write: (work) => commits.write(work),
      sizeBytes: async () => (await stat(join(folder, dataFile))).size,
      close: async () => {
        await commits.drained();
        await db.close();
        await lock.release();
      },
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function openDatabase(folder: string): RootDatabase<Buffer, Buffer> {
  try {
    return open<Buffer, Buffer>({
      path: folder,
      noSubdir: false, // else a folder with a dot in its name would be taken for a file
      maxDbs: 1,
      encoding: 'binary',
      keyEncoding: 'binary',
      // With it, a commit would be visible before it is on the disk.
      overlappingSync: false,
      // Batches are ours; the binding's own leave a promise that rejects unheard when a commit
      // fails.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw new HansaError('STORE_DAMAGED', `the store in ${folder} cannot be opened`, {
      cause: error,
      fix: 'look at the cause; restore the data folder from a backup if the file is damaged',
    });
  }
}
