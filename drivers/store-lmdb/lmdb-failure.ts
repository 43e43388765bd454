// What LMDB reports, in the words of the register. A disk that is full takes nothing of a transaction;
// after any other failure to write, nobody can say what is on the disk.
import { HansaError } from '@hansa/foundation';

const noSpaceErrno = 28; // ENOSPC, as LMDB passes it on
const fullCodes: readonly unknown[] = [noSpaceErrno, 'ENOSPC', 'EDQUOT', -30_792]; // MDB_MAP_FULL
const fullWords = /MDB_MAP_FULL|No space left|ENOSPC|Disk quota|mapsize limit/i;

/** The error and what it was made of: LMDB's own often stands one level down. */
function* causes(error: unknown): Generator<object, void, undefined> {
  let current = error;
  for (let depth = 0; depth < 4 && typeof current === 'object' && current !== null; depth += 1) {
    yield current;
    current = 'commitError' in current ? current.commitError : Reflect.get(current, 'cause');
  }
}

function isFull(error: unknown): boolean {
  for (const one of causes(error)) {
    const told = 'message' in one ? String(one.message) : '';
    if (fullCodes.includes(Reflect.get(one, 'code')) || fullWords.test(told)) {
      return true;
    }
  }
  return false;
}

export function commitFailure(error: unknown): HansaError {
  if (isFull(error)) {
    return new HansaError('DISK_FULL', 'the disk is full: nothing was written', { cause: error });
  }
  return error instanceof HansaError
    ? error
    : new HansaError('STORE_UNKNOWN_OUTCOME', 'the store failed while it wrote', { cause: error });
}
