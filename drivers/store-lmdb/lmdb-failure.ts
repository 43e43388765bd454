// What a failed commit or read means, in the words of the register. On a disk that is full, a
// transaction leaves nothing behind; after any other failure to write, nobody can say what is on
// the disk.
import { statfs } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { HansaError } from '@hansa/foundation';

const fullCodes: readonly unknown[] = [28, 'ENOSPC', 122, 'EDQUOT', -30_792]; // MDB_MAP_FULL
// MDB_PAGE_NOTFOUND, MDB_CORRUPTED and MDB_INVALID: pages are not what LMDB wrote.
const damageCodes: readonly unknown[] = [-30_797, -30_796, -30_793];
const inputOutputCode = 5; // EIO: also what LMDB makes of a write that the disk took only in part
const fullBelowBytes = 1_024 * 1_024; // the part that was taken has used up what there was
const causeWaitMs = 1_000; // the binding tells the cause right after the failure, or never

export async function commitFailure(error: unknown, folder: string): Promise<HansaError> {
  if (error instanceof HansaError) {
    return error;
  }
  const cause = await causeOf(error);
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (fullCodes.includes(code) || (code === inputOutputCode && (await isFull(folder)))) {
    return new HansaError('DISK_FULL', 'the disk is full: nothing was written', { cause });
  }
  return new HansaError('STORE_UNKNOWN_OUTCOME', 'the store failed while it wrote', { cause });
}

/** STORE_DAMAGED where the file's own structure is broken; anything else as it is. */
export function readFailure(error: unknown): unknown {
  const isDamage = error instanceof Error && 'code' in error && damageCodes.includes(error.code);
  return isDamage
    ? new HansaError('STORE_DAMAGED', 'a page of the store’s file is not what was written', {
        cause: error,
        fix: 'restore the data folder from a backup',
      })
    : error;
}

/**
 * The binding rejects with an error that says to look at a promise, which rejects with the reason.
 */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) {
    return error;
  }
  const told = Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
  return Promise.race([told, setTimeout(causeWaitMs, error, { ref: false })]);
}

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < fullBelowBytes;
}
