// A push followed from cluster to cluster, and what a copy lacks, over real processes.
import type { DiffRow, Trace } from '@hansa/capabilities/tracing/contract';
import { beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit } from './harness/git.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { publish, push, untilCaughtUp } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let working: string;

async function pushed(text: string): Promise<void> {
  await commit(working, text);
  await push(working, lubeck, 'atlas');
}

function steps(trace: Trace, where: string): readonly string[] {
  return trace.hops.filter((hop) => hop.where === where).map(({ step }) => step);
}

beforeAll(async () => {
  [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: ['--sync-interval', '1'] })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  working = await publish(lubeck, 'atlas');
  await must(lubeck, 'share', 'add', 'atlas', '--to', 'bergen', '--allow', 'see,pull');
  await must(bergen, 'mirror', 'add', 'lubeck:atlas');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
  await pushed('a change to follow');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
}, 120_000);

test('a push is shown hop by hop at the mirror, by an id that can be quoted', async () => {
  const found = await must<Trace>(bergen, 'trace', 'lubeck:atlas');
  expect(steps(found, 'lubeck')).toEqual(['written', 'signed']);
  expect(steps(found, 'bergen')).toEqual(
    expect.arrayContaining(['received', 'verified', 'fetched', 'applied']),
  );
  const again = await must<Trace>(bergen, 'trace', found.id);
  expect(again.id).toBe(found.id);
  const { stdout } = await bergen.hansaPlain('trace', `lubeck:atlas#1/${found.sequence}`);
  expect(stdout).toMatch(/bergen .*applied/);
});

test('the owner sees what the mirror did, and since when it knows', async () => {
  const found = await until(
    'a beat has told it',
    async () => {
      const trace = await must<Trace>(lubeck, 'trace', 'atlas');
      return steps(trace, 'bergen').includes('held') ? trace : notYet(trace);
    },
    20_000,
  );
  expect(steps(found, 'bergen')).toEqual(expect.arrayContaining(['received', 'applied', 'held']));
});

test('a change that never was is not found', async () => {
  const { code, report } = await lubeck.hansa('trace', 'atlas#1/999999999');
  expect(report().code).toBe('CHANGE_NOT_FOUND');
  expect(code).toBe(3);
});

test('the diff names every change that the peer lacks, and nothing moves by it', async () => {
  const before = await must<{ rows: DiffRow[] }>(bergen, 'sync', 'diff');
  expect(before.rows).toMatchObject([{ step: 'current', changes: [] }]);
  await bergen.kill();
  await pushed('while bergen is away');
  const { rows } = await must<{ rows: DiffRow[] }>(lubeck, 'sync', 'diff', 'bergen');
  expect(rows).toMatchObject([{ side: 'ours', step: 'pull', name: 'atlas' }]);
  expect(rows[0]?.changes.length).toBeGreaterThan(0);
  expect(rows[0]?.changes[0]?.id).toMatch(/:git\/atlas#1\/\d+$/);
  await lubeck.stop();
  await bergen.restart();
  const alone = await must<{ rows: DiffRow[] }>(bergen, 'sync', 'diff', 'lubeck:atlas');
  expect(alone.rows).toMatchObject([{ side: 'theirs', step: 'wait' }]);
  expect(alone.rows[0]?.held?.sequence).toBe(before.rows[0]?.held?.sequence);
  const forgotten = await must<Trace>(bergen, 'trace', 'lubeck:atlas');
  expect(forgotten.hops[0]?.sentence).toContain('is not remembered');
  expect(forgotten.unknown[0]).toContain('lubeck has not told its part');
  await lubeck.restart();
  await untilLinked(bergen, 'lubeck');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
  const after = await must<{ rows: DiffRow[] }>(bergen, 'sync', 'diff');
  expect(after.rows).toMatchObject([{ step: 'current' }]);
});
