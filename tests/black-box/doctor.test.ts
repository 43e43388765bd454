// Links made ill in every way that real processes can be: the one answer has to name it.
import type { Examination, Finding } from '@hansa/capabilities/doctor/contract';
import type { Invitation } from '@hansa/capabilities/links/contract';
import { beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';

let lubeck: Cluster;
let bergen: Cluster;

interface Examined {
  readonly code: number | null;
  readonly found: Examination;
}

async function examine(cluster: Cluster, ...args: string[]): Promise<Examined> {
  const { code, json } = await cluster.hansa('doctor', ...args);
  return { code, found: json<Examination>() };
}

function finding({ links, node }: Examination, check: string): Finding | undefined {
  return [...links.flatMap(({ findings }) => findings), ...node].find(
    (each) => each.check === check,
  );
}

beforeAll(async () => {
  [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name })),
  )) as [Cluster, Cluster];
}, 120_000);

test('a node without links is well by itself', async () => {
  const { code, found } = await examine(lubeck);
  expect(found).toMatchObject({ healthy: true, verdict: 'the node is well; it has no links' });
  expect(found.node.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['federation', 'store', 'disk space', 'certificate', 'addresses']),
  );
  expect(code).toBe(0);
});

test('a link that waits for its words is answered from both ends, and says what to do', async () => {
  const { token } = await must<Invitation>(lubeck, 'link', 'invite');
  await must(bergen, 'link', 'accept', token);
  const { code, found } = await examine(bergen, 'lubeck');
  expect(found).toMatchObject({ healthy: false, code: 'LINK_PENDING' });
  expect(found.fix).toContain('hansa link confirm lubeck');
  expect(found.links[0]?.answered).toBe(true);
  expect(code).toBe(5);
  await must(bergen, 'link', 'close', 'lubeck', '--yes');
  await must(lubeck, 'link', 'close', 'bergen', '--yes');
});

test('a link that is well says so, dialled back by the far side', async () => {
  await linkClusters(lubeck, bergen);
  const { code, found } = await examine(lubeck, 'bergen');
  expect(found.verdict).toBe('the node and its link are well');
  expect(finding(found, 'dial back')?.finding).toMatch(/^reached at 127\.0\.0\.1:\d+/);
  expect(finding(found, 'frame size')).toMatchObject({ passed: true });
  expect(code).toBe(0);
  const { stdout } = await lubeck.hansaPlain('doctor', 'bergen', '--all');
  expect(stdout).toContain('Healthy: the node and its link are well.');
  expect(stdout).toMatch(/ok .*clock .*between/);
});

test('a peer that stands still is the answer, and not that it is gone', async () => {
  bergen.pause();
  try {
    const { code, found } = await examine(lubeck, 'bergen');
    expect(found.healthy).toBe(false);
    expect(found.links[0]?.answered).toBe(false);
    expect(code).toBe(6);
  } finally {
    bergen.resume();
  }
  await untilLinked(lubeck, 'bergen');
});

test('a peer that is gone is said to be, with where it was looked for', async () => {
  await bergen.stop();
  const { code, found } = await examine(lubeck, 'bergen');
  expect(found).toMatchObject({ healthy: false, code: 'DIAL_FAILED' });
  expect(found.verdict).toMatch(/no node of bergen answers at 127\.0\.0\.1:\d+/);
  expect(code).toBe(6);
  await bergen.restart();
  await untilLinked(lubeck, 'bergen');
});

test('a peer that is blocked here is the answer before everything else', async () => {
  await must(lubeck, 'trust', 'block', 'bergen', '--yes');
  const { code, found } = await examine(lubeck, 'bergen');
  expect(found).toMatchObject({ code: 'CLUSTER_BLOCKED', fix: 'hansa trust unblock bergen' });
  expect(code).toBe(4);
});
