import { HansaError, silentLog } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { refusal } from '../../testkit/store-fixture.ts';
import { GroupCommit } from './group-commit.ts';
import { commitFailure } from './lmdb-failure.ts';

interface Disk {
  /** Thrown by every commit while it is there. */
  failure: Error | undefined;
  commits: number;
}

function makeCommits(): { commits: GroupCommit; disk: Disk; shelf: { written: number } } {
  const disk: Disk = { failure: undefined, commits: 0 };
  const shelf = { written: 0, begin: () => undefined, finish: () => undefined };
  const childTransaction = async <T>(callback: () => T): Promise<T> => {
    await Promise.resolve(); // the lock of the writer comes later than the call
    const result = callback();
    disk.commits += 1;
    if (disk.failure !== undefined) {
      throw disk.failure;
    }
    return result;
  };
  const commits = new GroupCommit({
    db: { childTransaction, resetReadTxn: () => undefined },
    shelf,
    log: silentLog,
    explain: (error) => commitFailure(error, '.'),
  });
  return { commits, disk, shelf };
}

describe('a group commit', () => {
  test('does in one commit what was asked for while the one before was under way', async () => {
    const { commits, disk } = makeCommits();
    const done: number[] = [];
    const asked = Array.from({ length: 64 }, (_, i) =>
      commits.write(() => i).then((value) => done.push(value)),
    );
    await Promise.all(asked);
    expect(done).toEqual(Array.from({ length: 64 }, (_, i) => i));
    expect(disk.commits).toBeLessThanOrEqual(2);
  });

  test('refuses alone what failed before it wrote', async () => {
    const { commits } = makeCommits();
    const refused = commits.write(() => {
      throw new HansaError('STORE_LIMIT', 'too much');
    });
    const kept = commits.write(() => 'kept');
    await refusal(refused, 'STORE_LIMIT');
    expect(await kept).toBe('kept');
  });

  test('takes everybody back where work failed after it wrote, and goes on', async () => {
    const { commits, shelf } = makeCommits();
    const neighbour = commits.write(() => 'neighbour');
    const half = commits.write(() => {
      shelf.written += 1;
      throw new HansaError('STORE_DAMAGED', 'half done');
    });
    await Promise.all([refusal(neighbour, 'STORE_DAMAGED'), refusal(half, 'STORE_DAMAGED')]);
    expect(await commits.write(() => 'later')).toBe('later');
  });

  test('says that a disk is full, and writes again when it is not', async () => {
    const { commits, disk } = makeCommits();
    disk.failure = Object.assign(new Error('No space left on device'), { code: 28 });
    await refusal(
      commits.write(() => 1),
      'DISK_FULL',
    );
    disk.failure = undefined;
    expect(await commits.write(() => 2)).toBe(2);
  });

  test('writes no more after a failure that leaves the disk unknown', async () => {
    const { commits, disk } = makeCommits();
    const reason = Object.assign(new Error('Input/output error'), { code: 5 });
    const commitError = Promise.reject(reason);
    disk.failure = Object.assign(new Error('Commit failed'), { commitError });
    const first = await refusal(
      commits.write(() => 1),
      'STORE_UNKNOWN_OUTCOME',
    );
    expect(first.cause).toBe(reason);
    disk.failure = undefined;
    await refusal(
      commits.write(() => 2),
      'STORE_UNAVAILABLE',
    );
    await commits.drained();
    expect(disk.commits).toBe(1);
  });
});
