// One at a time for each blob: a file that is put in place and a file that is removed must not
// cross.
import type { BlobId } from '@hansa/foundation';

export interface IdLocks {
  /** Runs `act` when whatever was begun for this id before is over. */
  alone<T>(id: BlobId, act: () => Promise<T>): Promise<T>;
}

export function createIdLocks(): IdLocks {
  const last = new Map<BlobId, Promise<unknown>>();
  return {
    async alone(id, act) {
      const turn = (last.get(id) ?? Promise.resolve()).then(act);
      const over = turn.then(
        () => undefined,
        () => undefined,
      );
      last.set(id, over);
      try {
        return await turn;
      } finally {
        if (last.get(id) === over) {
          last.delete(id);
        }
      }
    },
  };
}
