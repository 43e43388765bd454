import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { refusal } from '../../testkit/store-fixture.ts';
import { lockFolder } from './folder-lock.ts';
import { openLmdbStore } from './lmdb-store.ts';
import { describeProcess, isSameProcess } from './process-identity.ts';

/** Any process; it waits for its input to end. */
async function startProcess(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' });
  await once(child, 'spawn');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('the lock of a data folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-lock-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test('is held by one, who is named to the next, until it is released', async () => {
    const lock = await lockFolder(folder);
    const error = await refusal(lockFolder(folder), 'FOLDER_LOCKED');
    expect(error.facts).toEqual({ pid: process.pid });
    expect(error.message).toContain(String(process.pid));
    await lock.release();
    await lock.release();
    const next = await lockFolder(folder);
    await next.release();
  });

  test('is respected while its process runs, and not when it was killed', async () => {
    const child = await startProcess();
    await writeFile(join(folder, 'holder.1'), JSON.stringify(await describeProcess(child.pid)));
    const error = await refusal(lockFolder(folder), 'FOLDER_LOCKED');
    expect(error.facts).toEqual({ pid: child.pid });
    await kill(child);
    const lock = await lockFolder(folder);
    await lock.release();
  });

  test('does not belong to another process that has the same pid now', async () => {
    const self = await describeProcess(process.pid);
    expect(await isSameProcess(self)).toBe(true);
    await writeFile(
      join(folder, 'holder.7'),
      JSON.stringify({ ...self, started: `${self.started}0` }),
    );
    const lock = await lockFolder(folder);
    await lock.release();
  });

  test('is free where its file was cut short by a power cut', async () => {
    await writeFile(join(folder, 'holder.3'), '{"pid":');
    const lock = await lockFolder(folder);
    await lock.release();
  });

  test('goes to exactly one of many who ask at once, also over a dead holder', async () => {
    const child = await startProcess();
    await writeFile(join(folder, 'holder.1'), JSON.stringify(await describeProcess(child.pid)));
    await kill(child);
    for (let round = 0; round < 20; round += 1) {
      const asked = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder)));
      const won = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(won).toHaveLength(1);
      for (const lock of won) {
        await lock.release();
      }
    }
    // The last holder's file and its predecessor's, nothing else.
    expect(await readdir(folder)).toHaveLength(2);
  });

  test('keeps a second store out of an open one’s folder', async () => {
    const clock = createHandClock();
    const store = await openLmdbStore({ folder, clock });
    const error = await refusal(openLmdbStore({ folder, clock }), 'FOLDER_LOCKED');
    expect(error.facts).toEqual({ pid: process.pid });
    await store.close();
    const again = await openLmdbStore({ folder, clock });
    await again.close();
  });
});
