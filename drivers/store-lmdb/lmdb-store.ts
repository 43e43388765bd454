// The store engine over LMDB: one process, one file, every acknowledged write on the disk.
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createStoreEngine,
  HansaError,
  silentLog,
  type Clock,
  type HistoryKept,
  type KeyValueStore,
  type Log,
  type Sealer,
  type StoreInspection,
} from '@hansa/foundation';
import { open, type RootDatabase } from 'lmdb';
import { checkHeader } from './file-header.ts';
import { lockFolder } from './folder-lock.ts';
import { GroupCommit } from './group-commit.ts';
import { createInspection } from './inspecting.ts';
import { commitFailure } from './lmdb-failure.ts';
import { LmdbShelf } from './lmdb-shelf.ts';
import { finishSealing, sealFile } from './sealing-file.ts';

const dataFile = 'data.mdb'; // LMDB's own names
const lockFile = 'lock.mdb';
const ownMode = 0o600; // LMDB lets everybody read what it makes

export interface LmdbStoreNeeds {
  /** Made where it is missing; no other process may have it open (FOLDER_LOCKED). */
  readonly folder: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** Tests of compaction keep less than a store does. */
  readonly history?: HistoryKept;
}

export interface SealedLmdbNeeds extends LmdbStoreNeeds {
  readonly sealer: Sealer;
  /** Whether a file in plain is one of before, to be sealed now; else it is damage. */
  readonly sealsFirst: boolean;
  /** Called once nobody else has the folder, and before anything is sealed. */
  readonly establish: () => Promise<void>;
}

/** A piece of a store sealed anew. */
export interface Resealed {
  readonly looked: number;
  /** Of all that there are. */
  readonly records: number;
  /** Where to go on; absent at the end. */
  readonly after?: Uint8Array;
}

/** A store that can tell of the disk that it lies on. */
export interface InspectedStore extends KeyValueStore {
  readonly inspection: StoreInspection;
}

export interface SealedLmdbStore {
  readonly store: InspectedStore;
  /** Seals anew, after that record, what is not under the current data key. */
  reseal(after: Uint8Array | undefined): Promise<Resealed>;
}

export async function openLmdbStore(needs: LmdbStoreNeeds): Promise<InspectedStore> {
  return (await openLocked(needs)).store;
}

export async function openSealedLmdbStore(needs: SealedLmdbNeeds): Promise<SealedLmdbStore> {
  const { store, shelf, commits } = await openLocked(needs);
  return {
    store,
    async reseal(after) {
      const done = await commits.write(() => shelf.reseal(after));
      return { ...done, records: shelf.records() };
    },
  };
}

async function openLocked(needs: LmdbStoreNeeds | SealedLmdbNeeds): Promise<{
  readonly store: InspectedStore;
  readonly shelf: LmdbShelf;
  readonly commits: GroupCommit;
}> {
  const { folder, log = silentLog } = needs;
  const sealer = 'sealer' in needs ? needs.sealer : undefined;
  const lock = await lockFolder(folder);
  try {
    await checkHeader(join(folder, dataFile));
    await finishSealing(folder);
    if ('sealer' in needs) {
      await needs.establish();
    }
    if ('sealer' in needs && needs.sealsFirst) {
      await sealFile({ folder, sealer: needs.sealer, open: openDatabase, log });
    }
    const isNew = (await stat(join(folder, dataFile)).catch(() => undefined)) === undefined;
    const db = openDatabase(folder);
    if (isNew) {
      const made = [dataFile, lockFile].map((name) => join(folder, name));
      await Promise.all(made.map((path) => chmod(path, ownMode)));
    }
    const shelf = await shelfOf(db, sealer);
    const explain = (error: unknown): Promise<HansaError> => commitFailure(error, folder);
    const commits = new GroupCommit({ db, shelf, log, explain });
    const store = createStoreEngine({
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
    const inspection = createInspection({ folder, shelf, commits, clock: needs.clock });
    return { store: Object.assign(store, { inspection }), shelf, commits };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function shelfOf(
  db: RootDatabase<Buffer, Buffer>,
  sealer: Sealer | undefined,
): Promise<LmdbShelf> {
  try {
    return new LmdbShelf(db, sealer);
  } catch (error) {
    await db.close();
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
