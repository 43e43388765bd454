import { afterEach, expect, test } from 'vitest';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { playSeeds } from '../../testkit/simulation.ts';

let federation: Federation | undefined;
afterEach(() => federation?.close());

async function linkedPair(seed: number): Promise<Federation> {
  federation = await createFederation({ seed, clusters: ['lubeck', 'bergen'] });
  await federation.link('lubeck', 'bergen');
  await federation.run(12_000);
  return federation;
}

async function statuses({ clusters }: Federation): Promise<string[]> {
  const lists = await Promise.all(clusters.map((cluster) => cluster.links()));
  return lists.flatMap(({ links }) => links.map(({ status }) => status));
}

test('both sides agree who is linked, or will when the network heals', async () => {
  await playSeeds('partitions', 12);
});

test('an invitation links one cluster and no other, whoever redeems it and whoever dies', async () => {
  await playSeeds('invites', 25);
});

test('a link that is closed and made again is whole in its new epoch', async () => {
  await playSeeds('relinks');
});

test('two that do not reach each other cost neither of them its link with a third', async () => {
  await playSeeds('bridged', 8);
});

test('a link that breaks and heals faster than it settles is whole when that is over', async () => {
  await playSeeds('flapping', 8);
});

test('a hub that dies has everybody back within half a minute, and is not overrun', async () => {
  await playSeeds('herd', 4);
});

test('clocks that differ by less than a minute and drift apart stop no link', async () => {
  await playSeeds('clocks', 14);
});

test('a link without news is idle on both sides', async () => {
  expect(await statuses(await linkedPair(1))).toEqual(['idle', 'idle']);
});

// The federation itself throws where a cut link is green for longer than nine seconds.
test('a link that is cut in one direction alone is shown as healthy by neither side', async () => {
  const pair = await linkedPair(2);
  pair.partition('lubeck', 'bergen', { oneWay: true });
  await pair.run(9_000);
  expect(await statuses(pair)).toEqual(['stalled', 'stalled']);
  await pair.run(60_000);
  pair.heal('lubeck', 'bergen');
  const isGreen = (status: string): boolean => status === 'live' || status === 'idle';
  await pair.until('both are green', async () => (await statuses(pair)).every(isGreen), 60_000);
});

test('a link is up when only the peer’s dials come through', async () => {
  const pair = await linkedPair(3);
  pair.shape('lubeck', 'bergen', { dialFailProbability: 1, oneWay: true });
  for (let round = 0; round < 5; round += 1) {
    pair.network.cut('lubeck', 'bergen');
    await pair.run(45_000);
    expect(await statuses(pair)).toEqual(['idle', 'idle']);
  }
});

test('a link that the peer has closed says so, and since when, through all redials', async () => {
  const pair = await linkedPair(4);
  await pair.complete(pair.cluster('bergen').services.links.close({ peer: 'lubeck' }));
  const reasons = new Set<string | undefined>();
  for (let round = 0; round < 4; round += 1) {
    await pair.run(20_000);
    const { status, reason } = await pair.cluster('lubeck').services.links.show({ peer: 'bergen' });
    expect(['disconnected', 'connecting']).toContain(status);
    reasons.add(reason);
  }
  expect(reasons.size).toBe(1);
  expect([...reasons][0]).toMatch(
    /^no connection since .* UTC: .*bergen has closed this link \[LINK_CLOSED\]$/,
  );
});
