// What becomes of a copy over real processes: frozen when it is not shared any more, given back
// when it is, kept by a person or gone with a receipt that anybody can check.
import type { Holding } from '@hansa/capabilities/receipts/contract';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex } from '@hansa/foundation';
import { beforeAll, expect, test } from 'vitest';
import { receiptBytes } from '../../capabilities/receipts/receipt.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;

beforeAll(async () => {
  [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen', flags: ['--sync-interval', '2'] }),
  ]);
  await linkClusters(lubeck, bergen);
}, 60_000);

/** A space that bergen mirrors; lubeck knows that it does. */
async function mirrored(name: string): Promise<ShownRule> {
  await must(lubeck, 'kv', 'create', name);
  await must(lubeck, 'kv', 'put', name, 'word', 'first');
  const rule = await share(name);
  await must(bergen, 'mirror', 'add', `lubeck:kv/${name}`);
  await untilState(bergen, `lubeck:kv/${name}`, { state: 'current' });
  await untilHeld(name, 'holds');
  return rule;
}

function share(name: string): Promise<ShownRule> {
  return must<ShownRule>(lubeck, 'share', 'add', `kv/${name}`, '--to', 'bergen');
}

function untilHeld(name: string, state: Holding['state']): Promise<Holding> {
  return until(`bergen's copy of ${name} is ${state}`, async () => {
    const query = `peer=bergen&resource=${encodeURIComponent(`kv/${name}`)}`;
    const { body } = await lubeck.api<Holding>('GET', `/receipts/show?${query}`);
    return body.state === state ? body : notYet(body);
  });
}

test('a mirror freezes, stays readable, and follows again when it is shared again', async () => {
  const rule = await mirrored('lent');
  const plan = await lubeck.hansaPlain('share', 'remove', rule.id, '--plan');
  expect(plan.stdout).toContain('These mirrors freeze');
  await must(lubeck, 'share', 'remove', rule.id, '--yes');
  const mirror = await untilState(bergen, 'lubeck:kv/lent', { state: 'frozen' });
  expect(mirror.frozen?.purgeAtMs).toBeGreaterThan(Date.now());
  expect((await bergen.hansa('kv', 'get', 'lubeck:lent', 'word')).stdout).toContain('first');
  await untilHeld('lent', 'frozen');
  await Promise.all([lubeck.restart(), bergen.kill().then(() => bergen.restart())]);
  await untilState(bergen, 'lubeck:kv/lent', { state: 'frozen' });
  await share('lent');
  await untilState(bergen, 'lubeck:kv/lent', { state: 'current' });
}, 90_000);

test('hurried, it is gone, and the receipt is what protocol/receipts.md says', async () => {
  const rule = await mirrored('secret');
  const { applied } = await untilState(bergen, 'lubeck:kv/secret', { state: 'current' });
  await must(lubeck, 'share', 'remove', rule.id, '--now', '--yes');
  const { receipt, peer } = await untilHeld('secret', 'purged');
  expect(receipt).toMatchObject({ mirror: peer, sequence: applied?.sequence, outcome: 'purged' });
  if (receipt === undefined) {
    throw new Error('there is a receipt');
  }
  const bytes = receiptBytes(receipt);
  expect(createNodeCrypto().verify(fromHex(peer), bytes, fromHex(receipt.signature))).toBe(true);
  const gone = await bergen.hansa('mirror', 'show', 'lubeck:kv/secret');
  expect(gone.report().code).toBe('MIRROR_NOT_FOUND');
});

test('what a person at the mirror retains stays, with a receipt that says why', async () => {
  const rule = await mirrored('kept');
  await must(lubeck, 'share', 'remove', rule.id, '--yes');
  await untilState(bergen, 'lubeck:kv/kept', { state: 'frozen' });
  await must(bergen, 'mirror', 'retain', 'lubeck:kv/kept', '--reason', 'a dispute', '--yes');
  await must(lubeck, 'receipt', 'hurry', 'bergen', 'kv/kept', '--yes');
  const { receipt } = await untilHeld('kept', 'retained');
  expect(receipt?.reason).toBe('a dispute');
  await untilState(bergen, 'lubeck:kv/kept', { state: 'frozen' });
  const early = await bergen.hansa('mirror', 'retain', 'lubeck:kv/lent', '--reason', 'x', '--yes');
  expect(early.report().code).toBe('MIRROR_NOT_FROZEN');
});
