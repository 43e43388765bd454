import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { clusterIdSchema, HansaError, silentLog } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { refusal } from '../../testkit/store-fixture.ts';
import type { BackupProgress, BackupSummary, BackupWriter } from './contract.ts';
import { createBackups } from './service.ts';

const backup: BackupSummary = {
  path: '/backups/lubeck',
  cluster: clusterIdSchema.parse('ab'.repeat(32)),
  name: 'lubeck',
  createdMs: 1,
  revision: 7,
  records: 3,
  storeBytes: 100,
  blobs: 0,
  blobBytes: 0,
  copiedBlobs: 0,
  copiedBytes: 0,
  keys: false,
  sealed: false,
};

function backupsWith(writer: BackupWriter) {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  return createBackups({ store, codec: createMsgpackCodec(), clock, log: silentLog, writer });
}

async function all(said: AsyncIterable<BackupProgress>): Promise<BackupProgress[]> {
  const found: BackupProgress[] = [];
  for await (const each of said) {
    found.push(each);
  }
  return found;
}

test('a backup is followed to its end, and remembered', async () => {
  const { backups } = backupsWith({
    async write({ progress }) {
      await new Promise((resolve) => setImmediate(resolve));
      progress({ stage: 'store', done: 1 });
      await new Promise((resolve) => setImmediate(resolve));
      return backup;
    },
  });
  expect(await backups.status({})).toEqual({ running: false });
  await backups.begin({ to: '/backups/lubeck' });
  expect((await backups.status({})).running).toBe(true);
  const said = await all(backups.follow({}));
  expect(said).toEqual([
    { type: 'progress', stage: 'store', done: 1 },
    { type: 'done', backup },
  ]);
  expect(await backups.status({})).toEqual({ running: false, last: backup });
  expect(await all(backups.follow({}))).toEqual([{ type: 'done', backup }]);
});

test('there is one at a time, and a stop ends it', async () => {
  const { backups, stop } = backupsWith({
    write: ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  });
  await backups.begin({ to: '/a' });
  await refusal(backups.begin({ to: '/b' }), 'CONFLICT');
  await stop();
  await refusal(all(backups.follow({})), 'SHUTTING_DOWN');
});

test('what went wrong is told to whoever follows, and the next one may begin', async () => {
  const { backups } = backupsWith({
    async write() {
      throw new HansaError('BACKUP_TARGET', 'not there');
    },
  });
  await backups.begin({ to: '/a' });
  await refusal(all(backups.follow({})), 'BACKUP_TARGET');
  await backups.begin({ to: '/a' });
});
