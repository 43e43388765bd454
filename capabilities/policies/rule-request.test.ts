// Rules asked for by a peer's name and a length of time, over the service itself.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { HansaError, remote, silentLog, type ClusterId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { carrierTo, linked } from '../../testkit/test-cluster.ts';
import type { Peers, PeerStanding } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { policiesContract } from './contract.ts';
import { residencyLabelsMax } from './rule.ts';
import { createPolicies, type PoliciesService } from './service.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const bergen: PeerStanding = linked(cluster, 'bergen');
const clock = createHandClock();
let stop: AbortController;
let service: PoliciesService;

// What rules ask of links and resources, and no more: one peer, no resource.
const peers = {
  generation: 0,
  all: () => [bergen],
  standing: (asked: ClusterId) => (asked === cluster ? bergen : { ...bergen, name: undefined }),
  resolve: (spelled: string) => {
    if (spelled !== 'bergen') {
      throw new HansaError('LINK_NOT_FOUND', `no link is called "${spelled}"`);
    }
    return bergen;
  },
  subscribe: () => () => undefined,
} as Partial<Peers> as Peers;
const resources = {
  generation: 0,
  all: () => [],
  find: () => undefined,
  subscribe: () => () => undefined,
} as Partial<ResourceLog> as ResourceLog;

beforeEach(async () => {
  stop = new AbortController();
  service = createPolicies({
    store: createMemoryStore({ clock }),
    codec: createMsgpackCodec(),
    clock,
    random: { bytes: (length) => new Uint8Array(length).fill(7), fraction: () => 0 },
    log: silentLog,
    signer: { cluster: 'cd'.repeat(32) as ClusterId },
    resources,
    peers,
  });
  await service.start(stop.signal);
});
afterEach(() => stop.abort());

const request = { effect: 'allow', resources: { name: 'hansa' }, verbs: ['see'] } as const;

test('a rule for a peer by name keeps the cluster id, and is shown with the name', async () => {
  const rule = await service.policies.add({ ...request, peers: { peer: 'bergen' } });
  expect(rule).toMatchObject({ peers: { cluster }, peerName: 'bergen' });
  const { rules } = await service.policies.list({});
  expect(rules).toEqual([rule]);
  const removed = await service.policies.remove({ id: rule.id });
  expect(removed).toEqual(rule);
});

test('a rule for a time ends at a moment of the node’s own clock', async () => {
  clock.advance(5_000);
  const rule = await service.policies.add({ ...request, peers: { public: true }, ttlMs: 60_000 });
  expect(rule.expiresMs).toBe(clock.now() + 60_000);
  expect(rule).not.toHaveProperty('ttlMs');
  expect(rule.peerName).toBeUndefined();
});

test('a rule for nobody we know is LINK_NOT_FOUND, also as a plan', async () => {
  const unknown = { ...request, peers: { peer: 'visby' } };
  await expect(service.policies.add(unknown)).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  await expect(service.policies.plan({ add: unknown })).rejects.toMatchObject({
    code: 'LINK_NOT_FOUND',
  });
  expect((await service.policies.list({})).rules).toEqual([]);
});

test('a rule limits residency by so many labels; one more, or none, is INPUT_INVALID', async () => {
  const served = [{ contract: policiesContract, service: service.policies }];
  const policies = remote(policiesContract, carrierTo(served, { kind: 'owner' }));
  const add = (labels: number) => {
    const named = Array.from({ length: labels }, (_, at) => [`label-${at}`, ['eu']]);
    const limits = { residency: Object.fromEntries(named) };
    return policies.add({ ...request, effect: 'limit', peers: { public: true }, limits });
  };
  for (const labels of [residencyLabelsMax + 1, 0]) {
    await expect(add(labels)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  }
  expect((await policies.list({})).rules).toEqual([]);
  await expect(add(residencyLabelsMax)).resolves.toMatchObject({ effect: 'limit' });
});
