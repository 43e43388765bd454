// Shared writing: what bergen pushes into its lane moves lubeck's refs where lubeck's rules allow,
// and is a conflict with two authors where they do not.
import { join } from 'node:path';
import type { Conflict, Lane } from '@hansa/capabilities/lanes/contract';
import type { KeyEntry } from '@hansa/capabilities/identity/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { commit, git, gitOk, makeRepository } from './harness/git.ts';
import { must } from './harness/linking.ts';
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
import { noiseFile } from './rooms/noise.ts';

describe.skipIf(!requires('git').available)('a lane', () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair();
  });

  /** A repository with one commit, mirrored, whose owner lets bergen push; and bergen's clone. */
  async function begun(
    name: string,
    verbs = 'see,pull,push',
  ): Promise<{ shared: SharedRepository; work: string; clone: string }> {
    const shared = await shareRepository(pair, name);
    if (verbs !== 'see,pull') {
      await must(pair.lubeck, 'share', 'add', name, '--to', 'bergen', '--allow', verbs);
    }
    const work = await makeRepository(name);
    noiseFile(join(work, 'noise'), { bytes: 2_000_000, seed: 7 });
    await commit(work, 'Much');
    await push(shared, work, 'main');
    await untilEqual(shared);
    const folder = temporaryFolder('clone');
    await gitOk(folder, ...loginTo(pair.bergen), 'clone', '--quiet', shared.mirrorUrl(), 'it');
    return { shared, work, clone: join(folder, 'it') };
  }

  const laneUrl = ({ name }: SharedRepository): string =>
    `${pair.bergen.url}/git/lane/@lubeck/${name}.git`;
  const pushToLane = (shared: SharedRepository, clone: string, ...refs: string[]) =>
    git(clone, ...loginTo(pair.bergen), 'push', laneUrl(shared), ...refs);
  const lanes = async (cluster: Pair['lubeck']): Promise<readonly Lane[]> =>
    ((await must(cluster, 'lane', 'list')) as { lanes: readonly Lane[] }).lanes;
  const conflicts = async (resource: string): Promise<readonly Conflict[]> =>
    (
      (await must(pair.lubeck, 'conflict', 'list', '--resource', resource)) as {
        conflicts: readonly Conflict[];
      }
    ).conflicts;

  test('moves the owner’s refs by fast-forward, as a pack of what is new, and comes back', async () => {
    const { shared, clone } = await begun('forward');
    const id = await commit(clone, 'From bergen');
    const pushed = await pushToLane(shared, clone, 'main', 'main:refs/heads/topic');
    expect(pushed.stderr).toContain('main -> main');
    await until('lubeck has moved', async () => (await ownRefs(shared)).includes(id));
    expect(await untilEqual(shared)).toContain(`${id}\trefs/heads/topic`);
    await requireWhole(shared.ownCache());
    expect(await faultsOf(shared.ownCache())).toBe('');
    const [theirs] = (await lanes(pair.lubeck)).filter(({ resource }) =>
      resource.endsWith('git/forward'),
    );
    expect(theirs).toMatchObject({ side: 'theirs', writerName: 'bergen', conflicts: 0 });
    // Two megabytes that lubeck has already are not sent again.
    const listed = (await must(pair.lubeck, 'mirror', 'list')) as {
      mirrors: readonly { resource: string; fetchedBytes: number }[];
    };
    const fetched = listed.mirrors.find(({ resource }) => resource === theirs?.lane)?.fetchedBytes;
    expect(fetched).toBeLessThan(10_000);
  });

  test('is refused by the rule before anything is sent, and the pull goes on', async () => {
    const { shared, work, clone } = await begun('readonly', 'see,pull');
    await commit(clone, 'Not wanted');
    const refused = await pushToLane(shared, clone, 'main');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('POLICY_DENIED');
    expect(refused.stderr).toMatch(/rule r-[0-9a-f]+ allows see, pull and not push/);
    const id = await commit(work, 'Goes on');
    await push(shared, work, 'main');
    expect(await untilEqual(shared)).toContain(id);
    expect((await mirrorRow(shared)).state).toBe('current');
  });

  test('that went another way is a conflict with both authors, decided by one word', async () => {
    const { shared, work, clone } = await begun('apart');
    const ours = await commit(work, 'Lubeck’s way');
    await push(shared, work, 'main');
    const theirs = await commit(clone, 'Bergen’s way');
    expect((await pushToLane(shared, clone, 'main')).code).toBe(0);
    const [conflict] = await until('lubeck lists it', async () => {
      const found = await conflicts('git/apart');
      return found.length > 0 ? found : undefined;
    });
    expect(conflict).toMatchObject({
      key: 'refs/heads/main',
      ours: { author: 'lubeck', version: ours },
      theirs: { author: 'bergen', version: theirs },
    });
    expect(await ownRefs(shared)).toContain(ours);
    const seen = (await must(pair.bergen, 'lane', 'show', 'lubeck:apart')) as Lane;
    expect(seen.conflicts).toBe(1);
    await must(pair.lubeck, 'conflict', 'resolve', conflict?.id ?? '', '--take', 'theirs');
    expect(await ownRefs(shared)).toContain(theirs);
    expect(await conflicts('git/apart')).toEqual([]);
    expect(await untilEqual(shared)).toContain(theirs);
    await requireWhole(shared.ownCache());
  });

  test('waits while the owner is away, and is promoted when it is back', async () => {
    const { shared, clone } = await begun('away');
    await pair.lubeck.stop();
    const id = await commit(clone, 'While away');
    const pushed = await pushToLane(shared, clone, 'main');
    expect(pushed.stderr).not.toContain('error');
    await pair.bergen.restart();
    await pair.lubeck.restart();
    await until('lubeck has moved', async () => (await ownRefs(shared)).includes(id), 60_000);
    await untilEqual(shared);
  });

  test('moves a protected ref only with a delegate’s signature, which mirrors check too', async () => {
    const { shared, work, clone } = await begun('guarded');
    const { keys } = (await must(pair.bergen, 'identity', 'log')) as { keys: readonly KeyEntry[] };
    const delegate = keys.at(-1)?.key ?? '';
    await must(
      pair.lubeck,
      'repo',
      'protect',
      'guarded',
      'refs/heads/main',
      '--delegate',
      delegate,
      '--yes',
    );
    await commit(work, 'Unsigned');
    const refused = await git(work, ...loginTo(pair.lubeck), 'push', shared.ownUrl(), 'main');
    expect(refused.stderr).toContain('1 of 1 delegates sign it');
    const id = await commit(clone, 'To be signed');
    expect((await pushToLane(shared, clone, 'main')).code).toBe(0);
    await until('lubeck lists it', async () => (await conflicts('git/guarded')).length > 0);
    await must(pair.bergen, 'repo', 'sign', 'lubeck:guarded', 'refs/heads/main', id);
    await until('lubeck has moved', async () => (await ownRefs(shared)).includes(id));
    expect(await untilEqual(shared)).toContain(id);
    expect(await conflicts('git/guarded')).toEqual([]);
    await expect(
      must(pair.lubeck, 'repo', 'protect', 'guarded', 'refs/heads/main', '--none', '--yes'),
    ).rejects.toThrow('REF_UNSIGNED');
  });
});
