// A repository of more than 30,000 objects crosses whole, and no process grows with it. And what
// happens to what is stored: flipped bytes on either side, and caches that are gone.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { commit, gitOk, makeRepository } from './harness/git.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';
import { countObjects, makeLargeRepository } from './rooms/history.ts';
import { flipByte } from './rooms/damage.ts';
import {
  blobFiles,
  faultsOf,
  loginTo,
  mirrorRow,
  push,
  shareRepository,
  startPair,
  untilEqual,
  type Pair,
} from './rooms/pair.ts';
import { peakBytes, procIsHere, residentBytes } from './rooms/processes.ts';

const growthMax = 400 * 1_024 * 1_024; // what a daemon may need above what it had after its start
const commits = 5_500;
const filesPerCommit = 2;

describe.skipIf(!requires('git').available)('stored history', () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair();
  });

  async function clone(url: string, owner: Pair['lubeck']): Promise<string> {
    const folder = temporaryFolder('clone');
    await gitOk(folder, ...loginTo(owner), 'clone', '--quiet', url, 'it');
    return join(folder, 'it');
  }

  test.skipIf(!procIsHere)(
    'of 30,000 objects and more arrives complete, with memory bounded on both sides',
    { timeout: 180_000 },
    async () => {
      const { lubeck, bergen } = pair;
      const startBytes = [lubeck, bergen].map(({ pid }) => residentBytes(pid));
      const source = await makeLargeRepository(commits, filesPerCommit);
      const objects = await countObjects(source);
      expect(objects).toBeGreaterThan(30_000);
      const shared = await shareRepository(pair, 'large');
      await push(shared, source, 'main');
      await untilEqual(shared, 120_000);
      const copy = await clone(shared.mirrorUrl(), bergen);
      expect(await countObjects(shared.mirrorCache())).toBe(objects);
      expect(await countObjects(copy)).toBe(objects);
      expect(await faultsOf(shared.mirrorCache(), '--full')).toBe('');
      expect(await faultsOf(copy, '--full')).toBe('');
      const peaks = [lubeck, bergen].map(({ pid }) => peakBytes(pid));
      peaks.forEach((peak, at) => {
        expect(peak - (startBytes[at] ?? 0)).toBeLessThan(growthMax);
      });
    },
  );

  test('with one flipped byte at the owner is refused and named, and completes when it is back', async () => {
    const { lubeck, bergen } = pair;
    const shared = await shareRepository(pair, 'flipped');
    const work = await makeRepository('flipped');
    await push(shared, work, 'main');
    const told = await untilEqual(shared);
    const before = blobFiles(lubeck);
    bergen.pause();
    const id = await commit(work, 'What gets damaged');
    let pack: string | undefined;
    try {
      await push(shared, work, 'main');
      [pack] = blobFiles(lubeck).filter((file) => !before.includes(file));
      flipByte(pack ?? '');
    } finally {
      bergen.resume();
    }
    const refused = await until('bergen refuses the pack', async () => {
      const row = await mirrorRow(shared);
      return row.state === 'refused' ? row : undefined;
    });
    expect(refused.lastError?.code).toBe('BLOB_CORRUPT');
    expect(refused.lastError?.message).toContain(pack?.slice(-64));
    // The mirror serves what it had, and the owner serves its own: caches know nothing of packs.
    expect(
      await gitOk(bergen.home, ...loginTo(bergen), 'ls-remote', '--symref', shared.mirrorUrl()),
    ).toBe(told);
    expect(await gitOk(await clone(shared.ownUrl(), lubeck), 'rev-parse', 'HEAD')).toBe(id);
    flipByte(pack ?? '');
    expect(await untilEqual(shared)).toContain(`${id}\trefs/heads/main`);
    expect((await mirrorRow(shared)).lastError).toBeUndefined();
  });

  test('with a flipped byte in the mirror’s own blobs is served all the same', async () => {
    const shared = await shareRepository(pair, 'flipped-here');
    const before = blobFiles(pair.bergen);
    const work = await makeRepository('flipped-here');
    await push(shared, work, 'main');
    await untilEqual(shared);
    const [pack] = blobFiles(pair.bergen).filter((file) => !before.includes(file));
    flipByte(pack ?? '');
    const copy = await clone(shared.mirrorUrl(), pair.bergen);
    expect(await faultsOf(copy, '--full')).toBe('');
    const id = await commit(work, 'On top of what is damaged');
    await push(shared, work, 'main');
    expect(await untilEqual(shared)).toContain(`${id}\trefs/heads/main`);
    flipByte(pack ?? '');
  });

  test('is served again after the folder of all caches is gone, on both sides', async () => {
    const shared = await shareRepository(pair, 'rebuilt');
    const work = await makeRepository('rebuilt');
    await gitOk(work, 'tag', '-a', '-m', 'Words', 'heavy');
    await push(shared, work, 'main', '--tags');
    await commit(work, 'Second');
    await push(shared, work, 'main', 'main:refs/heads/ümlaut');
    const told = await untilEqual(shared);
    const fetched = (await mirrorRow(shared)).fetchedBytes;
    expect(fetched).toBeGreaterThan(0);
    for (const cluster of [pair.lubeck, pair.bergen]) {
      await cluster.stop();
      rmSync(join(cluster.data, 'git'), { recursive: true });
      await cluster.restart();
    }
    expect(await untilEqual(shared)).toBe(told);
    expect(await faultsOf(shared.ownCache(), '--full')).toBe('');
    expect(await faultsOf(shared.mirrorCache(), '--full')).toBe('');
    const id = await commit(work, 'Third');
    await push(shared, work, 'main');
    expect(await untilEqual(shared)).toContain(id);
    expect((await mirrorRow(shared)).fetchedBytes).toBeLessThan(fetched);
  });
});
