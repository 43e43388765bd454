// Busy state leaves the link for a plane of its own, and a follow goes on over the link where the
// plane is gone: each change arrives once, nothing is refused on the way.
import type { Space, Transacted } from '@hansa/capabilities/kv/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, linkOf, must } from './harness/linking.ts';
import { notYet, until } from './harness/until.ts';

const putsAtOnce = 64;
const value = 'x'.repeat(1_000);

/** Keys from `k<from>` on, some of them again. */
async function fill(owner: Cluster, from: number, count: number): Promise<number> {
  let revision = 0;
  for (let at = from; at < from + count; at += putsAtOnce) {
    const then = Array.from({ length: putsAtOnce }, (_, index) => ({
      put: { key: `k${(at + index) % 1_000}`, text: `${at + index} ${value}` },
    }));
    const { status, body } = await owner.api<Transacted>('POST', '/kv/transact', {
      space: 'busy',
      if: [],
      then,
    });
    expect(status).toBe(200);
    revision = body.revision;
  }
  return revision;
}

function untilApplied(mirror: Cluster, sequence: number): Promise<Mirror> {
  return until(`${mirror.name} has applied ${sequence}`, async () => {
    const found = await must<Mirror>(mirror, 'mirror', 'show', 'lubeck:kv/busy');
    return (found.applied?.sequence ?? 0) >= sequence ? found : notYet(found);
  });
}

test('a busy mirror follows over a plane of its own, and over the link where that is gone', async () => {
  const [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen' }),
  ]);
  await linkClusters(lubeck, bergen);
  await must<Space>(lubeck, 'kv', 'create', 'busy');
  await must(lubeck, 'share', 'add', 'kv/busy', '--to', 'bergen');
  await must<Mirror>(bergen, 'mirror', 'add', 'lubeck:kv/busy');
  // Half a megabyte opens it, and what comes after the batch travels on it.
  let sequence = await fill(lubeck, 0, 512);
  await until('state is carried by a plane', async () => {
    sequence = await fill(lubeck, 0, putsAtOnce);
    await untilApplied(bergen, sequence);
    const { state } = await linkOf(bergen, 'lubeck');
    return state?.carries === 'tls' && state.tls.receivedBytes > value.length
      ? true
      : notYet(state);
  });
  const shown = await bergen.hansaPlain('link', 'show', 'lubeck');
  expect(shown.stdout).toMatch(/state\s+over tls since/);
  expect(shown.stdout).toMatch(/bulk\s+over iroh/);

  await lubeck.restart(['--data-plane', 'iroh-only']);
  sequence = await fill(lubeck, 512, 512);
  // Both sides dial after a restart: the newer connection may still replace the first one here.
  await untilApplied(bergen, sequence);
  await until('the mirror is current and complains of nothing', async () => {
    const found = await must<Mirror>(bergen, 'mirror', 'show', 'lubeck:kv/busy');
    return found.state === 'current' && !found.lastError ? true : notYet(found);
  });
  const after = await linkOf(bergen, 'lubeck');
  expect(after.state).toMatchObject({ carries: 'iroh' });
  const { body } = await bergen.api<{ text: string }>(
    'GET',
    '/kv/entry?space=lubeck%3Abusy&key=k900',
  );
  expect(body.text).toBe(`900 ${value}`);
});
