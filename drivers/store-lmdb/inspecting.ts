// Looking at every record of the file, and taking out what the disk has changed: into a file beside
// the store, line by line, so that nothing is lost that somebody may still want to look at.
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex, type Clock, type StoreInspection } from '@hansa/foundation';
import type { GroupCommit } from './group-commit.ts';
import type { LmdbShelf } from './lmdb-shelf.ts';

const asideFile = 'set-aside.jsonl';

export function createInspection(needs: {
  readonly folder: string;
  readonly shelf: LmdbShelf;
  readonly commits: Pick<GroupCommit, 'write'>;
  readonly clock: Clock;
}): StoreInspection {
  const { folder, shelf, commits, clock } = needs;
  return {
    inspect: async (after) => shelf.inspect(after),
    async setAside(record) {
      const found = shelf.damaged(record);
      if (found === undefined) {
        return false;
      }
      const line = { atMs: clock.now(), record: toHex(record), value: toHex(found) };
      const path = join(folder, asideFile);
      await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
      return commits.write(() => {
        const isStill = shelf.damaged(record) !== undefined;
        if (isStill) {
          shelf.dropRecord(record);
        }
        return isStill;
      });
    },
  };
}
