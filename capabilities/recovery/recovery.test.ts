import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  fromUtf8,
  localId,
  silentLog,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createResourceBench, put, type ResourceBench } from '../../testkit/resource-bench.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  collect,
  createTestPeers,
  linked,
  nodeOf,
  settled,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { Enforcement } from '../policies/contract.ts';
import type { Head, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import type { HeldPosition, MirrorView } from '../sync/contract.ts';
import { createRecoveryPeer } from './peer-service.ts';
import { createRecovery, type RecoveryService } from './service.ts';
import { recoveryPeerContract } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const lubeck = clusterOf(crypto, 1);
const bergen = clusterOf(crypto, 11);
const atlas = localId('git', 'atlas');
const resource = federatedId(lubeck, atlas);

let bench: ResourceBench;
let peers: TestPeers;
let own: KeyValueStore;
/** What a beat of the peer says. */
let hear: (peer: typeof bergen, rows: readonly HeldPosition[]) => void;
/** What bergen holds of lubeck. */
let copies: Map<FederatedId, { head: Head; entries: readonly ResourceEntry[] }>;

beforeEach(() => {
  bench = createResourceBench();
  peers = createTestPeers();
  own = createMemoryStore({ clock: bench.clock });
  copies = new Map();
  hear = () => expect.fail('nobody listens');
});

async function write(log: ResourceLog, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await log.append(atlas, [put(key)], { author: 'test' });
  }
}

/** The cluster as it was before its backup was restored: bergen has mirrored it to this point. */
async function past(...keys: readonly string[]): Promise<ResourceLog> {
  const log = await bench.open({ store: createMemoryStore({ clock: bench.clock }) });
  await log.create({ kind: 'git', name: 'atlas' });
  await write(log, ...keys);
  await hold(log);
  return log;
}

async function hold(log: ResourceLog): Promise<Head> {
  const [head] = await bench.sign(log, [atlas]);
  if (head === undefined) {
    throw new Error('it was just signed');
  }
  copies.set(resource, { head, entries: await collect(log.entries(atlas)) });
  return head;
}

function viewOf(id: FederatedId): MirrorView | undefined {
  const copy = copies.get(id);
  return copy === undefined
    ? undefined
    : {
        resource: id,
        epoch: copy.head.epoch,
        entry: async () => undefined,
        async *entries() {
          yield* copy.entries;
        },
      };
}

async function start(log: ResourceLog): Promise<RecoveryService> {
  const blobs = createMemoryBlobs({ crypto });
  const mirrors = {
    head: (id: FederatedId) => copies.get(id)?.head,
    view: async (id: FederatedId) => viewOf(id),
    all: () => [],
    fetch: async () => 0,
    onHeld(heard: typeof hear) {
      hear = heard;
    },
  };
  const visible = new Set([atlas]);
  const enforcement = { visible: () => visible } as unknown as Enforcement;
  const base = { blobs, mirrors, enforcement, resources: log };
  const far = createRecoveryPeer({ mirrors, enforcement, resources: log, cluster: bergen });
  const caller = callerOf(lubeck, nodeOf(crypto, 2));
  const served = [{ contract: recoveryPeerContract, service: far }];
  peers.set(linked(bergen, 'bergen'), carrierTo(served, caller));
  const service = createRecovery({
    ...base,
    cluster: lubeck,
    store: own,
    codec,
    crypto,
    clock: bench.clock,
    log: silentLog,
    peers,
    history,
  });
  await service.start(new AbortController().signal);
  return service;
}

/** A beat of bergen’s that claims what its copies are. */
function beat(): void {
  const rows = [...copies].map(([id, { head }]) => ({
    resource: id,
    epoch: head.epoch,
    sequence: head.sequence,
    digest: head.digest,
  }));
  hear(bergen, rows);
}

async function untilRewound(service: RecoveryService): Promise<void> {
  await settled(() => service.warnings().length > 0);
}

const rewound = { code: 'RESOURCE_REWOUND' };

describe('an owner that is behind its own past', () => {
  test('finds it by its own signature, and stops writing and signing until a person decides', async () => {
    await past('a', 'b', 'c');
    const log = await bench.openWith('atlas', 'other');
    await write(log, 'a');
    const service = await start(log);
    beat();
    await untilRewound(service);
    const { rewound: found } = await service.recovery.list({});
    expect(found).toMatchObject([{ id: atlas, cause: 'behind', peerName: 'bergen' }]);
    await expect(write(log, 'd')).rejects.toMatchObject(rewound);
    await expect(log.remove(atlas)).rejects.toMatchObject(rewound);
    const position = await log.position(atlas);
    await expect(position && log.sign(atlas, position)).rejects.toMatchObject(rewound);
    await log.append(localId('git', 'other'), [put('x')], { author: 'test' });
    expect(service.warnings().map(({ code }) => code)).toEqual(['RESOURCE_REWOUND']);
  });

  test('still knows after a restart', async () => {
    await past('a', 'b', 'c');
    const log = await bench.openWith('atlas');
    const service = await start(log);
    beat();
    await untilRewound(service);
    const restarted = await bench.open();
    const again = await start(restarted);
    expect(again.warnings()).toHaveLength(1);
    await expect(write(restarted, 'd')).rejects.toMatchObject(rewound);
  });

  test('that has written on meanwhile finds the fork, though it stands at a higher sequence', async () => {
    await past('a', 'b');
    const log = await bench.openWith('atlas');
    await log.append(atlas, [put('z'), put('y')], { author: 'test' });
    for (let more = 0; more < 6; more += 1) {
      await write(log, `k${more}`);
      await bench.store.set(new Uint8Array([1]), new Uint8Array([more]));
    }
    const service = await start(log);
    const held = copies.get(resource);
    const point = await log.position(atlas);
    expect(held !== undefined && point !== undefined).toBe(true);
    expect(held?.head.sequence).toBeLessThan(point?.sequence ?? 0);
    beat();
    await untilRewound(service);
    expect((await service.recovery.list({})).rewound[0]?.cause).toBe('forked');
  });

  test('that lost the resource itself does not let its name be taken as if it had never been', async () => {
    await past('a', 'b');
    const log = await bench.open();
    const service = await start(log);
    beat();
    await untilRewound(service);
    expect((await service.recovery.list({})).rewound[0]?.cause).toBe('missing');
    await expect(log.create({ kind: 'git', name: 'atlas' })).rejects.toMatchObject(rewound);
    const done = await service.recovery.begin({ id: 'atlas' });
    expect(done).toEqual({ id: atlas, way: 'new-epoch', entries: 0 });
    expect((await log.create({ kind: 'git', name: 'atlas' })).epoch).toBe(2);
  });
});

describe('an owner that is not', () => {
  test('hears what peers hold of its present and of its past, and goes on', async () => {
    const log = await bench.openWith('atlas');
    await write(log, 'a', 'b');
    await hold(log);
    const service = await start(log);
    beat();
    await write(log, 'c', 'd');
    beat();
    await settled(() => true);
    await write(log, 'e');
    expect(service.warnings()).toEqual([]);
  });

  test('that removed the resource, or made it anew, is ahead of every copy of before', async () => {
    const log = await bench.openWith('atlas');
    await write(log, 'a', 'b', 'c', 'd');
    await hold(log);
    const service = await start(log);
    await log.remove(atlas);
    beat();
    await log.create({ kind: 'git', name: 'atlas' });
    beat();
    await write(log, 'a');
    expect(service.warnings()).toEqual([]);
  });

  test('is not stopped by a claim, nor by a head that somebody else has signed', async () => {
    const log = await bench.openWith('atlas');
    await write(log, 'a');
    const service = await start(log);
    let asked = 0;
    const count = copies.get.bind(copies);
    copies.get = (id) => {
      asked += 1;
      return count(id);
    };
    const claim = { resource, epoch: 9, sequence: 999, digest: new Uint8Array(32) };
    hear(bergen, [claim]);
    await settled(() => asked > 0);
    const head = await hold(log);
    const forged = { ...head, epoch: 9, sequence: 999 };
    copies.set(resource, { head: forged, entries: [] });
    asked = 0;
    beat();
    await settled(() => asked > 0);
    await write(log, 'b');
    expect(service.warnings()).toEqual([]);
  });
});

describe('the ways on', () => {
  async function stopped(): Promise<{ log: ResourceLog; service: RecoveryService }> {
    await past('a', 'b', 'c', 'only there');
    const log = await bench.openWith('atlas');
    await write(log, 'a', 'only here');
    const service = await start(log);
    beat();
    await untilRewound(service);
    return { log, service };
  }

  async function keysOf(log: ResourceLog): Promise<string[]> {
    return (await collect(log.entries(atlas))).map(({ key }) => fromUtf8(key)).toSorted();
  }

  test('a new epoch keeps what is here, above everything that was ever signed', async () => {
    const { log, service } = await stopped();
    const plan = await service.recovery.plan({ id: 'atlas', way: 'new-epoch' });
    expect(plan).toMatchObject({ id: atlas, epoch: 2, entriesHere: 2, peerName: 'bergen' });
    const done = await service.recovery.begin({ id: 'atlas' });
    expect(done).toEqual({ id: atlas, way: 'new-epoch', epoch: 2, entries: 2 });
    expect(await keysOf(log)).toEqual(['a', 'only here']);
    expect(service.warnings()).toEqual([]);
    await write(log, 'more');
    const head = await hold(log);
    expect(head.epoch).toBe(2);
    expect(() => history.verify(head)).not.toThrow();
    beat();
    await write(log, 'and more');
  });

  test('adopting takes what the peer holds, verified against our own signature', async () => {
    const { log, service } = await stopped();
    const done = await service.recovery.adopt({ id: 'git/atlas' });
    expect(done).toEqual({ id: atlas, way: 'adopt', epoch: 2, entries: 4 });
    expect(await keysOf(log)).toEqual(['a', 'b', 'c', 'only there']);
    await write(log, 'more');
    expect(service.warnings()).toEqual([]);
  });

  test('adopting what the peer has changed or left out fails, and nothing has moved', async () => {
    const { log, service } = await stopped();
    const copy = copies.get(resource);
    const [first, ...rest] = copy?.entries ?? [];
    if (copy === undefined || first === undefined) {
      throw new Error('bergen holds a copy');
    }
    const changed = { ...first, value: new Uint8Array([6, 6, 6]) };
    for (const entries of [[changed, ...rest], rest, []]) {
      copies.set(resource, { ...copy, entries });
      const adopted = service.recovery.adopt({ id: 'atlas' });
      await expect(adopted).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(await keysOf(log)).toEqual(['a', 'only here']);
    }
    copies.set(resource, copy);
    await service.recovery.adopt({ id: 'atlas' });
    expect(await keysOf(log)).toContain('only there');
  });

  test('name what is not to be recovered', async () => {
    const { service } = await stopped();
    for (const id of ['bergen', 'git/other']) {
      const begun = service.recovery.begin({ id });
      await expect(begun).rejects.toMatchObject({ code: 'RECOVERY_NOT_FOUND' });
    }
  });
});

describe('the plan of a return', () => {
  test('shows for each copy whether it is current, pulled, rebuilt, kept, or waits for a person', async () => {
    const log = await bench.openWith('atlas');
    await write(log, 'a', 'b');
    await hold(log);
    const service = await start(log);
    beat();
    const steps = async (): Promise<(readonly [string, string])[]> =>
      (await service.recovery.returning({ peer: 'bergen' })).rows.map(({ side, step }) => [
        side,
        step,
      ]);
    expect(await steps()).toEqual([['ours', 'current']]);
    await write(log, 'c');
    expect(await steps()).toEqual([['ours', 'pull']]);
    await log.remove(atlas);
    expect(await steps()).toEqual([['ours', 'keep']]);
    await log.create({ kind: 'git', name: 'atlas' });
    expect(await steps()).toEqual([['ours', 'rebuild']]);
  });

  test('is made without the peer as well, from what is known here', async () => {
    const log = await bench.openWith('atlas');
    const service = await start(log);
    peers.disconnect(bergen);
    const plan = await service.recovery.returning({ peer: 'bergen' });
    expect(plan).toMatchObject({ connected: false, rows: [] });
  });
});

describe('what a peer may ask back', () => {
  test('is its own alone', async () => {
    await past('a');
    const log = await bench.openWith('atlas');
    await start(log);
    const stranger = callerOf(clusterOf(crypto, 30), nodeOf(crypto, 31));
    const mirrors = {
      head: (id: FederatedId) => copies.get(id)?.head,
      view: async (id: FederatedId) => viewOf(id),
    };
    const enforcement = { visible: () => new Set() } as unknown as Enforcement;
    const far = createRecoveryPeer({ cluster: bergen, mirrors, enforcement, resources: log });
    const call = { caller: stranger };
    expect(await far.witness({ resources: [resource] }, call)).toEqual({ heads: [null] });
    await expect(far.entries({ resource }, call)).rejects.toMatchObject({
      code: 'MIRROR_NOT_FOUND',
    });
    expect(await far.positions({ resources: [resource] }, call)).toEqual({ positions: [null] });
  });
});
