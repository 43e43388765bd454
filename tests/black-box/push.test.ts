// Pushes to an owner reach the mirror as they happen: by the stream alone, as small packs, and
// whatever stock git can push.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { commit, git, gitOk, makeRepository } from './harness/git.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';
import {
  faultsOf,
  loginTo,
  mirrorRow,
  ownRefs,
  push,
  requireWhole,
  shareRepository,
  startPair,
  untilEqual,
  type Pair,
  type SharedRepository,
} from './rooms/pair.ts';
import { fastImport } from './rooms/history.ts';
import { noiseFile } from './rooms/noise.ts';

const promptMs = 5_000; // well under a second on an idle machine; the interval here is an hour
const pushesInARow = 80;

describe.skipIf(!requires('git').available)('a push to the owner', () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair();
  });

  /** A repository with one commit, mirrored. */
  async function begun(name: string): Promise<{ shared: SharedRepository; work: string }> {
    const shared = await shareRepository(pair, name);
    const work = await makeRepository(name);
    await push(shared, work, 'main');
    await untilEqual(shared);
    return { shared, work };
  }

  async function clone(shared: SharedRepository): Promise<string> {
    const folder = temporaryFolder('clone');
    await gitOk(folder, ...loginTo(pair.bergen), 'clone', '--quiet', shared.mirrorUrl(), 'it');
    return join(folder, 'it');
  }

  test('reaches the mirror as it happens, as a pack of what is new', async () => {
    const { shared, work } = await begun('prompt');
    noiseFile(join(work, 'noise'), { bytes: 3_000_000, seed: 1 });
    await commit(work, 'Add three megabytes');
    await push(shared, work, 'main');
    await untilEqual(shared);
    const before = await mirrorRow(shared);
    expect(before.fetchedBytes).toBeGreaterThan(3_000_000);

    const id = await commit(work, 'Change a line');
    await push(shared, work, 'main');
    const startedMs = performance.now();
    expect(await untilEqual(shared, promptMs)).toContain(`${id}\trefs/heads/main`);
    expect(performance.now() - startedMs).toBeLessThan(promptMs);
    const after = await until('the mirror says so', async () => {
      const row = await mirrorRow(shared);
      return row.state === 'current' && row.fetchedBlobs > before.fetchedBlobs ? row : undefined;
    });
    expect(after.fetchedBlobs - before.fetchedBlobs).toBe(1);
    expect(after.fetchedBytes - before.fetchedBytes).toBeLessThan(2_000);
  });

  test('may rewrite history, and move and delete branches and both kinds of tags', async () => {
    const { shared, work } = await begun('rewrite');
    await commit(work, 'Second');
    await gitOk(work, 'tag', 'light');
    await gitOk(work, 'tag', '-a', '-m', 'A tag with words', 'heavy');
    await gitOk(work, 'tag', '-a', '-m', 'A tag of a tag', 'heavier', 'heavy');
    await push(shared, work, 'main', 'main:refs/heads/other', '--tags');
    const first = await untilEqual(shared);
    expect(first).toContain('refs/tags/heavy^{}');

    await gitOk(work, 'reset', '--quiet', '--hard', 'HEAD~1');
    const rewritten = await commit(work, 'Second, otherwise');
    await gitOk(work, 'tag', '-f', 'light');
    expect((await git(work, ...loginTo(pair.lubeck), 'push', shared.ownUrl(), 'main')).code).toBe(
      1,
    );
    await push(shared, work, '+main', '+light', ':refs/heads/other', ':refs/tags/heavier');
    const second = await untilEqual(shared);
    expect(second).toContain(`${rewritten}\trefs/heads/main`);
    expect(second).not.toMatch(/other|heavier/);

    const copy = await clone(shared);
    expect(await gitOk(copy, 'rev-parse', 'HEAD', 'light')).toBe(`${rewritten}\n${rewritten}`);
    expect(await gitOk(copy, 'cat-file', '-t', 'heavy')).toBe('tag');
    expect(await faultsOf(copy, '--full')).toBe('');
  });

  test('may delete the last branch, and a branch may take a folder’s name', async () => {
    const { shared, work } = await begun('names');
    await push(shared, work, 'main:refs/heads/a/b', ':refs/heads/main');
    await untilEqual(shared);
    await push(shared, work, ':refs/heads/a/b');
    expect(await untilEqual(shared)).not.toContain('refs/heads/a');
    await push(shared, work, 'main:refs/heads/a');
    expect(await untilEqual(shared)).toContain('refs/heads/a');
  });

  test('may hold more refs than a change holds, and move each of them', async () => {
    const { shared, work } = await begun('many');
    const names = Array.from({ length: 350 }, (_, at) => `refs/heads/branch/${at}`);
    await push(shared, work, ...names.map((name) => `main:${name}`));
    expect((await untilEqual(shared)).split('\n').length).toBeGreaterThan(350);
    for (const round of ['one', 'two', 'three']) {
      await commit(work, `Round ${round}`);
      await push(shared, work, 'main', ...names.slice(0, 5).map((name) => `+main:${name}`));
    }
    await push(shared, work, ...names.slice(10).map((name) => `:${name}`));
    expect((await untilEqual(shared)).split('\n').length).toBeLessThan(20);
    expect(await faultsOf(shared.mirrorCache(), '--full')).toBe('');
  });

  test('arrives in a mirror that was made and cloned while the repository was empty', async () => {
    const shared = await shareRepository(pair, 'empty');
    await until('the mirror of nothing is current', async () => {
      return (await mirrorRow(shared)).state === 'current';
    });
    const empty = await clone(shared);
    expect((await git(empty, 'rev-parse', 'HEAD')).code).not.toBe(0);
    const work = await makeRepository('first');
    await push(shared, work, 'main');
    await untilEqual(shared);
    await gitOk(empty, ...loginTo(pair.bergen), 'pull', '--quiet', 'origin', 'main');
    expect(await gitOk(empty, 'rev-parse', 'HEAD')).toBe(await gitOk(work, 'rev-parse', 'HEAD'));
  });

  test('may make another branch the first one: HEAD follows it', async () => {
    const shared = await shareRepository(pair, 'trunk');
    const work = await makeRepository('trunk');
    await gitOk(work, 'branch', '--quiet', '-m', 'trunk');
    await push(shared, work, 'trunk');
    expect(await untilEqual(shared)).toContain('ref: refs/heads/trunk\tHEAD');
    const copy = await clone(shared);
    expect(await gitOk(copy, 'symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
  });

  test('may come from a shallow clone, whose cut stays where it was', async () => {
    const { shared, work } = await begun('shallow-source');
    for (const chapter of ['two', 'three', 'four']) {
      await commit(work, chapter);
    }
    const folder = temporaryFolder('shallow');
    await gitOk(folder, 'clone', '--quiet', '--depth', '1', `file://${work}`, 'it');
    const shallow = join(folder, 'it');
    // The owner lacks the parents: the history that arrives is cut.
    const cut = await shareRepository(pair, 'shallow-cut');
    await commit(shallow, 'five');
    await push(cut, shallow, 'main');
    await untilEqual(cut);
    expect(await faultsOf(cut.mirrorCache(), '--full')).toBe('');
    const copy = await clone(cut);
    expect(await gitOk(copy, 'rev-list', '--count', 'HEAD')).toBe('2');
    // The owner has the parents: nothing is cut.
    await push(shared, work, 'main');
    await push(shared, shallow, 'main');
    await untilEqual(shared);
    const whole = await clone(shared);
    expect(await gitOk(whole, 'rev-list', '--count', 'HEAD')).toBe('5');
    expect(await gitOk(whole, 'rev-parse', '--is-shallow-repository')).toBe('false');
  });

  test('keeps names in every script, long ones, and such as sort differently by code', async () => {
    const { shared, work } = await begun('scripts');
    const names = [
      'refs/heads/größe/Ærøskøbing',
      'refs/heads/港/リューベック',
      'refs/heads/～wide',
      'refs/heads/🚢',
      'refs/tags/e\u0301',
      'refs/tags/\u00e9',
      `refs/heads/${'long/'.repeat(40)}${'x'.repeat(200)}`,
      'refs/notes/commits',
      'refs/custom/anything',
    ];
    await push(shared, work, ...names.map((name) => `main:${name}`));
    const told = await untilEqual(shared);
    expect(names.filter((name) => !told.includes(`\t${name}`))).toEqual([]);
    await commit(work, 'Another');
    await push(shared, work, 'main', ...names.map((name) => `+main:${name}`));
    await untilEqual(shared);
    expect(await faultsOf(await clone(shared), '--full')).toBe('');
  });

  test(
    `${pushesInARow} times in a row converges, and no ref ever names what is not there`,
    { timeout: 180_000 },
    async () => {
      const { shared, work } = await begun('row');
      const cache = shared.mirrorCache();
      const ids = await commitsOn(work, pushesInARow);
      for (const [at, id] of ids.entries()) {
        await Promise.all([
          push(shared, work, `${id}:refs/heads/main`, ...extraRefs(at, id)),
          requireWhole(cache),
        ]);
      }
      const told = await untilEqual(shared, 60_000);
      expect(told).toContain(`${ids.at(-1)}\trefs/heads/main`);
      const row = await until('the mirror says so', async () => {
        const seen = await mirrorRow(shared);
        return seen.state === 'current' ? seen : undefined;
      });
      expect(row.applied?.sequence).toBe(row.headSequence);
      expect(await faultsOf(shared.mirrorCache(), '--full')).toBe('');
      expect(await ownRefs(shared)).toBe(told);
    },
  );
});

/** Branches that come, are rewritten, and go. */
function extraRefs(at: number, id: string): readonly string[] {
  const name = `refs/heads/extra/${at % 10}`;
  return at % 20 < 10 ? [`+${id}:${name}`] : [`:${name}`];
}

/** Commits on top of main, oldest first; made by one process. */
async function commitsOn(folder: string, count: number): Promise<readonly string[]> {
  const commits = Array.from({ length: count }, (_, at) => {
    const file = `file-${at % 17}`;
    const from = at === 0 ? 'from refs/heads/main^0\n' : '';
    return [
      `commit refs/heads/row`,
      `committer Tester <tester@hansa.invalid> ${1_700_000_000 + at} +0000`,
      `data 4\nPush`,
      `${from}M 644 inline ${file}`,
      `data ${String(at).length}\n${at}\n`,
    ].join('\n');
  });
  await fastImport(folder, commits.join('\n'));
  const listed = await gitOk(folder, 'rev-list', '--reverse', 'main..row');
  return listed.split('\n');
}
