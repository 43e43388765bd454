// Backups come back, and copies run beside what they were copied from: nobody loses anything
// without a person's word, and everybody is told.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { Examination } from '@hansa/capabilities/doctor/contract';
import type {
  Recovered,
  RecoveryPlan,
  ReturnPlan,
  Rewound,
} from '@hansa/capabilities/recovery/contract';
import { beforeAll, expect, test } from 'vitest';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { commit, git } from './harness/git.ts';
import { linkClusters, linkOf, must, untilLinked } from './harness/linking.ts';
import {
  ownUrl,
  publish,
  push,
  refOf,
  showMirror,
  showRepository,
  untilCaughtUp,
  untilState,
} from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

let lubeck: Cluster;
let bergen: Cluster;
let working: string;

/** A cold copy of lubeck’s whole data folder. */
async function backUp(): Promise<string> {
  const backup = join(temporaryFolder('backup'), 'data');
  await lubeck.stop();
  cpSync(lubeck.data, backup, { recursive: true });
  await lubeck.restart();
  await untilLinked(bergen, 'lubeck');
  return backup;
}

async function restore(backup: string): Promise<void> {
  await lubeck.stop();
  rmSync(lubeck.data, { recursive: true });
  cpSync(backup, lubeck.data, { recursive: true });
  await lubeck.restart();
}

async function pushAnother(text: string): Promise<string> {
  const id = await commit(working, text);
  await push(working, lubeck, 'atlas');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
  return id;
}

async function untilRewound(): Promise<readonly Rewound[]> {
  return until('lubeck has found itself behind its own past', async () => {
    const { rewound } = await must<{ rewound: readonly Rewound[] }>(lubeck, 'recover', 'list');
    return rewound.length > 0 ? rewound : notYet(rewound);
  });
}

beforeAll(async () => {
  [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  working = await publish(lubeck, 'atlas');
  await must(lubeck, 'share', 'add', 'atlas', '--to', 'bergen', '--allow', 'see,pull');
  await must(bergen, 'mirror', 'add', 'lubeck:atlas');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
}, 120_000);

test('a restored backup publishes nothing, adopts what the mirror has, and goes on', async () => {
  const backup = await backUp();
  const newest = await pushAnother('only the mirror will know this');
  await restore(backup);
  const [found] = await untilRewound();
  expect(found).toMatchObject({ id: 'git/atlas', cause: 'behind', peerName: 'bergen' });
  const { warnings } = await must<DaemonStatus>(lubeck, 'status');
  expect(warnings.map(({ code }) => code)).toContain('RESOURCE_REWOUND');

  await commit(working, 'refused while nobody has decided');
  const refused = await git(working, 'push', ownUrl(lubeck, 'atlas'), 'HEAD:refs/heads/main');
  expect(refused.code).not.toBe(0);
  await untilState(bergen, 'lubeck:atlas', { state: 'halted' });
  expect(await refOf(bergen, 'lubeck:atlas')).toBe(newest);
  // Asked twice in a moment, the other end tells the same again: what is wrong stays wrong.
  for (const peer of [[], ['bergen'], ['bergen']]) {
    const { code, json } = await lubeck.hansa('doctor', ...peer);
    expect(json<Examination>()).toMatchObject({ healthy: false, code: 'RESOURCE_REWOUND' });
    expect(json<Examination>()).toMatchObject({ fix: 'hansa recover list' });
    expect(code).toBe(7);
  }
  const seen = (await bergen.hansa('doctor', 'lubeck')).json<Examination>();
  expect(seen).toMatchObject({ code: 'HEAD_REWOUND', fix: expect.stringContaining('at lubeck:') });
  const returning = await must<ReturnPlan>(lubeck, 'recover', 'return-plan', 'bergen');
  expect(returning.rows).toMatchObject([{ name: 'atlas', side: 'ours', step: 'decide' }]);

  const plan = await must<RecoveryPlan>(lubeck, 'recover', 'adopt', 'atlas', '--plan');
  expect(plan).toMatchObject({ epoch: 2, peerName: 'bergen' });
  const done = await must<Recovered>(lubeck, 'recover', 'adopt', 'atlas', '--yes');
  expect(done).toMatchObject({ way: 'adopt', epoch: 2 });
  expect(await refOf(lubeck, 'atlas')).toBe(newest);
  await pushAnother('and on it goes');
  expect((await showMirror(bergen, 'lubeck:atlas')).applied?.epoch).toBe(2);
}, 120_000);

test('a restored backup goes on with what it has in a new epoch, where a person wants that', async () => {
  const backup = await backUp();
  const kept = await refOf(lubeck, 'atlas');
  await pushAnother('given up');
  await restore(backup);
  await untilRewound();
  await lubeck.kill();
  await lubeck.restart();
  await untilRewound();
  const done = await must<Recovered>(lubeck, 'recover', 'new-epoch', 'git/atlas', '--yes');
  expect(done).toMatchObject({ way: 'new-epoch', epoch: 3 });
  expect(await refOf(lubeck, 'atlas')).toBe(kept);
  await until('bergen has built the new epoch', async () => {
    const mirror = await showMirror(bergen, 'lubeck:atlas');
    return mirror.applied?.epoch === 3 && mirror.state === 'current' ? mirror : notYet(mirror);
  });
  expect(await refOf(bergen, 'lubeck:atlas')).toBe(kept);
  const { warnings } = await must<DaemonStatus>(lubeck, 'status');
  // That the audit lost records is said until a person accepts it: hansa audit accept.
  expect(warnings.filter(({ code }) => code !== 'AUDIT_FORKED')).toEqual([]);
}, 120_000);

test('a peer that is back after an absence gets a plan, and nothing of it is wiped', async () => {
  await bergen.stop();
  const before = await showRepository(lubeck, 'atlas');
  await git(working, 'fetch', ownUrl(lubeck, 'atlas'), 'main');
  await git(working, 'reset', '--hard', 'FETCH_HEAD');
  await commit(working, 'while bergen is away');
  await push(working, lubeck, 'atlas');
  await lubeck.stop();
  await bergen.restart();
  const away = await must<ReturnPlan>(bergen, 'recover', 'return-plan', 'lubeck');
  expect(away).toMatchObject({ connected: false });
  expect(away.rows).toMatchObject([{ name: 'atlas', side: 'theirs', step: 'wait' }]);
  expect(away.rows[0]?.held?.sequence).toBe(before.sequence);
  await lubeck.restart();
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
  const back = await must<ReturnPlan>(bergen, 'recover', 'return-plan', 'lubeck');
  expect(back.rows).toMatchObject([{ step: 'current' }]);
}, 120_000);

test('a copy that runs beside the original is noticed by the peer, and told to both', async () => {
  const copied = await backUp();
  const copy = prepareCluster({ name: 'lubeck', data: copied, flags: fast });
  await copy.restart();
  await until(
    'bergen shows that the same identity is running twice',
    async () => {
      const link = await linkOf(bergen, 'lubeck');
      return link.reason?.includes('running twice') === true || notYet(link);
    },
    60_000,
  );
  await until('lubeck or its copy is told', async () => {
    const both = await Promise.all(
      [lubeck, copy].map((each) => must<DaemonStatus>(each, 'status')),
    );
    const warned = both.flatMap(({ warnings }) => warnings.map(({ code }) => code));
    return warned.includes('IDENTITY_TWICE') || notYet(warned);
  });
  await copy.stop();
  await untilLinked(bergen, 'lubeck');
}, 120_000);
