// kill -9 of either side at moments that nobody chose: what was accepted is there, what had arrived
// is not fetched again, and no ref ever names what is not there.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import type { Cluster } from './harness/cluster.ts';
import { commit, git, gitOk, makeRepository } from './harness/git.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';
import { nemesisRandom, someMoment } from './rooms/nemesis.ts';
import { noiseFile } from './rooms/noise.ts';
import {
  blobFiles,
  faultsOf,
  loginTo,
  mirrorRow,
  push,
  requireWhole,
  shareRepository,
  startPair,
  untilEqual,
  type Pair,
  type SharedRepository,
} from './rooms/pair.ts';

const kills = 8; // `npm run nemesis` strikes for as long as one likes
const momentMs = 900; // a push with its journey to the mirror takes about half of it
const rounds = 2; // killed as it begins, and as it applies
const mebibyte = 1_024 * 1_024;
const bigBytes = 64 * mebibyte;

describe.skipIf(!requires('git').available)('kill -9', () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair();
  });

  async function clone(url: string, owner: Cluster): Promise<string> {
    const folder = temporaryFolder('clone');
    await gitOk(folder, ...loginTo(owner), 'clone', '--quiet', url, 'it');
    return join(folder, 'it');
  }

  test(
    `of either side, ${kills} times while pushes go on, loses nothing and breaks nothing`,
    { timeout: 180_000 },
    async () => {
      const random = nemesisRandom('kills');
      const shared = await shareRepository(pair, 'killed');
      const work = await makeRepository('killed');
      await push(shared, work, 'main', ...manyTags());
      await untilEqual(shared);
      const ended = new AbortController();
      const pushed = pushUntil(shared, work, ended.signal);
      try {
        for (let at = 0; at < kills; at += 1) {
          await someMoment(random, momentMs);
          const victim = random.pick([pair.lubeck, pair.bergen]);
          await victim.kill();
          await victim.restart();
          await requireWhole(shared.ownCache());
          await requireWhole(shared.mirrorCache());
        }
      } finally {
        ended.abort();
      }
      const accepted = await pushed;
      expect(accepted.length).toBeGreaterThan(3);
      const told = await untilEqual(shared, 60_000);
      const lost = accepted.filter(({ id, tag }) => !told.includes(`${id}\t${tag}`));
      expect(lost).toEqual([]);
      for (const repository of [
        shared.ownCache(),
        shared.mirrorCache(),
        await clone(shared.ownUrl(), pair.lubeck),
        await clone(shared.mirrorUrl(), pair.bergen),
      ]) {
        expect(await faultsOf(repository, '--connectivity-only')).toBe('');
      }
    },
  );

  test(
    'of a mirror that is taking in a batch still lets all of it arrive',
    { timeout: 180_000 },
    async () => {
      const shared = await shareRepository(pair, 'behind');
      const work = await makeRepository('behind');
      await push(shared, work, 'main', ...manyTags());
      await untilEqual(shared);
      for (let round = 0; round < rounds; round += 1) {
        await pair.bergen.kill();
        for (let at = 0; at < 25; at += 1) {
          await commit(work, `Round ${round}, step ${at}`);
          await push(shared, work, 'main');
        }
        await pair.bergen.restart();
        await killAsItMoves(shared, round === 0 ? 'pulls' : 'applies');
        await pair.bergen.restart();
        await untilEqual(shared);
        await requireWhole(shared.mirrorCache());
      }
      expect(await faultsOf(shared.mirrorCache(), '--connectivity-only')).toBe('');
    },
  );

  test(
    'of the mirror, then of the owner, in the middle of 64 MiB fetches nothing twice',
    { timeout: 120_000 },
    async () => {
      const { lubeck, bergen } = pair;
      const shared = await shareRepository(pair, 'big');
      const work = await makeRepository('big');
      // Noise does not shrink; trying to make it would take longer than all the rest.
      await gitOk(work, 'config', 'core.compression', '0');
      await push(shared, work, 'main');
      await untilEqual(shared);
      const known = blobFiles(lubeck);
      const { fetchedBytes: before } = await mirrorRow(shared);
      noiseFile(join(work, 'noise'), { bytes: bigBytes, seed: 1 });
      const id = await commit(work, 'Noise');
      await push(shared, work, 'main');
      const [file] = blobFiles(lubeck).filter((each) => !known.includes(each));
      const packBytes = statSync(file ?? '').size;
      expect(packBytes).toBeGreaterThan(bigBytes);

      const arrived = (await untilFetched(shared, before + 8 * mebibyte)) - before;
      await bergen.kill();
      await bergen.restart();
      await untilFetched(shared, 8 * mebibyte);
      await lubeck.kill();
      await lubeck.restart();
      expect(await untilEqual(shared, 60_000)).toContain(`${id}\trefs/heads/main`);
      const rest = (await mirrorRow(shared)).fetchedBytes;
      expect(arrived).toBeLessThan(packBytes - 8 * mebibyte);
      expect(rest).toBeLessThanOrEqual(packBytes - arrived);
      expect(await faultsOf(await clone(shared.mirrorUrl(), bergen), '--full')).toBe('');
    },
  );
});

/** Bytes that the mirror's process has fetched, once there are so many. */
function untilFetched(shared: SharedRepository, least: number): Promise<number> {
  return until(`${least} bytes have arrived`, async () => {
    const { fetchedBytes } = await mirrorRow(shared);
    return fetchedBytes > least ? fetchedBytes : undefined;
  });
}

/** More refs than a change holds: their table is a blob of its own. */
function manyTags(): readonly string[] {
  return Array.from({ length: 120 }, (_, at) => `main:refs/tags/old/${at}`);
}

/** Kills the mirror as soon as it says that it pulls what it missed, or shows some of it. */
async function killAsItMoves(shared: SharedRepository, moment: 'pulls' | 'applies'): Promise<void> {
  const first = (await mirrorRow(shared)).applied?.sequence ?? 0;
  await until('the mirror moves', async () => {
    const { applied, state } = await mirrorRow(shared);
    const hasApplied = (applied?.sequence ?? 0) > first;
    return hasApplied || (moment === 'pulls' && state === 'pulling') ? true : undefined;
  });
  await shared.pair.bergen.kill();
}

interface Accepted {
  readonly id: string;
  readonly tag: string;
}

/** Pushes commit after commit, each with a tag of its own, and keeps what git said was accepted. */
async function pushUntil(
  { pair, ownUrl }: SharedRepository,
  work: string,
  signal: AbortSignal,
): Promise<readonly Accepted[]> {
  const accepted: Accepted[] = [];
  for (let at = 0; !signal.aborted; at += 1) {
    const id = await commit(work, `Push ${at}`);
    const tag = `refs/tags/push/${at}`;
    const refs = ['main', `main:${tag}`];
    const said = await git(work, ...loginTo(pair.lubeck), 'push', '--atomic', ownUrl(), ...refs);
    if (said.code === 0) {
      accepted.push({ id, tag });
    }
  }
  return accepted;
}
