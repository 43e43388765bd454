// A peer that asks for what is not its own, asks without end, does not read, says nothing true
// about progress, or speaks no language at all: it gets nothing, and nobody else is disturbed.
import { randomBytes } from 'node:crypto';
import type { Link } from '@hansa/capabilities/links/contract';
import { HansaError, remote, type FederatedId } from '@hansa/foundation';
import { beforeAll, expect, test } from 'vitest';
import { lanePeerContract } from '../../capabilities/lanes/wire.ts';
import { linkPeerContract } from '../../capabilities/links/wire.ts';
import { receiptsPeerContract } from '../../capabilities/receipts/wire.ts';
import { syncPeerContract } from '../../capabilities/sync/wire.ts';
import type { Cluster } from './harness/cluster.ts';
import { linkByHand, makePeer, type LinkedByHand } from './harness/hand-made-peer.ts';
import { must } from './harness/linking.ts';
import { showMirror } from './harness/mirroring.ts';
import { startHonestPair, type HonestPair } from './rooms/honest-pair.ts';

let honest: HonestPair;
let bergen: Cluster;
let hostiles = 0;
let foreign: FederatedId;

beforeAll(async () => {
  honest = await startHonestPair();
  ({ bergen } = honest);
  foreign = (await showMirror(bergen, 'lubeck:kv/honest')).resource;
}, 60_000);

async function meetHostile(): Promise<LinkedByHand> {
  hostiles += 1;
  return linkByHand(await makePeer(`riga-${hostiles}`), bergen, { mine: true });
}

test('what is not shared and what is not there are answered alike', async () => {
  const { carrier } = await meetHostile();
  const sync = remote(syncPeerContract, carrier);
  const unknown = `${foreign}-unknown` as FederatedId;
  expect(await sync.heads({ resources: [foreign, unknown] })).toEqual({ heads: [null, null] });
  for (const resource of [foreign, unknown]) {
    await expect(remote(lanePeerContract, carrier).offer({ resource })).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    });
    await expect(sync.pin({ resource })).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  }
});

test('nobody withdraws, or gives back, what another owns', async () => {
  const { carrier } = await meetHostile();
  const receipts = remote(receiptsPeerContract, carrier);
  const withdrawn = [{ resource: foreign, withdrawal: 'ab'.repeat(32), purgeAfterMs: 0 }];
  await expect(receipts.withdraw({ withdrawn })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(receipts.restore({ resources: [foreign] })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  await honest.requireUnharmed();
});

test('beats that were made up or said before show no link as healthy', async () => {
  const { carrier, name } = await meetHostile();
  const link = remote(linkPeerContract, carrier);
  const beat = {
    epoch: 1,
    counter: 1,
    yours: randomBytes(32),
    mine: randomBytes(32),
    root: randomBytes(32),
    missing: 0,
  };
  for (const epoch of [1, 1, 0, 2]) {
    await link.beat({ ...beat, epoch });
  }
  const { body } = await bergen.api<Link>('GET', `/links/${name}`);
  expect(['live', 'idle']).not.toContain(body.status);
});

test('a flood of questions is answered or told to wait, and disturbs nobody', async () => {
  const { carrier } = await meetHostile();
  const resources = Array.from(
    { length: 400 },
    (_, at) => `${'ab'.repeat(32)}:kv/flood-${at}` as FederatedId,
  );
  const sync = remote(syncPeerContract, carrier);
  const ends = Array.from({ length: 500 }, () =>
    sync.heads({ resources }).then(
      () => 'answered',
      (error: unknown) => (error instanceof HansaError ? error.code : 'INTERNAL'),
    ),
  );
  const flooding = Promise.all(ends);
  await honest.requireUnharmed();
  expect(await flooding).not.toContain('INTERNAL');
});

test('who follows and does not read is served what fits, and no more', async () => {
  const { carrier, name } = await meetHostile();
  await must(bergen, 'kv', 'create', 'loud');
  await must(bergen, 'share', 'add', 'loud', '--to', name);
  const { body } = await bergen.api<{ cluster: string }>('GET', '/status');
  const resource = `${body.cluster}:kv/loud` as FederatedId;
  const sync = remote(syncPeerContract, carrier);
  const streams = Array.from({ length: 20 }, () =>
    sync.follow({ resource, epoch: 0, sequence: 0 })[Symbol.asyncIterator](),
  );
  await Promise.all(streams.map((stream) => stream.next().catch(() => undefined)));
  // Twenty times 47 MiB: were it kept for them, the node would be seen to grow by it.
  const text = 'x'.repeat(300 * 1_024);
  for (let at = 0; at < 160; at += 1) {
    const { status } = await bergen.api('PUT', '/kv/entry', {
      space: 'loud',
      key: String(at),
      text,
    });
    expect(status).toBe(200);
  }
  await honest.requireUnharmed();
});

test('what is no frame ends the connection that it came on', async () => {
  const { streams, closed } = await meetHostile();
  await streams.state.send(randomBytes(64 * 1_024));
  await closed;
  await honest.requireUnharmed();
});
