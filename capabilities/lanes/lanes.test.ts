import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  fromUtf8,
  HansaError,
  laneId,
  laneTarget,
  localId,
  silentLog,
  splitFederatedId,
  utf8,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  settled,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { Decision, Enforcement, Verb } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { createResourceLog } from '../resources/log.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { FoundConflict, LaneKind, Lanes } from './contract.ts';
import { laneParts, type LaneParts } from './parts.ts';
import { createLanePeer, keepPromoting } from './receiving.ts';
import { createLanes } from './service.ts';
import { lanePeerContract } from './wire.ts';
import { createLaneWriting, keepOffering } from './writing.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const lubeck = clusterOf(crypto, 1);
const bergen = clusterOf(crypto, 11);
const local = localId('note', 'shared');
const resource = federatedId(lubeck, local);
const lane = federatedId(bergen, laneId(resource));

interface Cluster {
  readonly resources: ResourceLog;
  readonly peers: TestPeers;
  readonly parts: LaneParts;
  readonly lanes: Lanes;
  readonly rules: Set<Verb>;
  /** Says that a rule or a mirror has changed. */
  tell(): void;
}

/** Keys that only one side has are taken; keys that both have, and that differ, are conflicts. */
function noteLanes(resources: ResourceLog): LaneKind {
  return {
    kind: 'note',
    async promote({ resource: own, lane: view }) {
      const conflicts: FoundConflict[] = [];
      let taken = 0;
      for await (const { key, value } of view.entries()) {
        const held = await resources.entry(own, key);
        const [theirs, ours] = [fromUtf8(value), held && fromUtf8(held.value)];
        if (ours === undefined) {
          await resources.append(own, [{ put: { key, value, blobs: [] } }], { author: 'bergen' });
          taken += 1;
        } else if (ours !== theirs) {
          conflicts.push({
            key: fromUtf8(key),
            reason: 'both wrote it',
            ours: { author: 'lubeck', shown: ours, version: ours },
            theirs: { author: 'bergen', shown: theirs, version: theirs },
          });
        }
      }
      return { taken, conflicts };
    },
    async resolve({ resource: own, lane: view, key, take }) {
      const entry = await view.entry(utf8(key));
      if (take === 'theirs' && entry !== undefined) {
        const { value } = entry;
        await resources.append(own, [{ put: { key: utf8(key), value, blobs: [] } }], {
          author: 'bergen',
        });
      }
    },
  };
}

async function found(byte: number, name: string): Promise<Cluster> {
  const clock = createHandClock();
  const random = createSeededRandom(byte);
  const signer = createTestSigner(crypto, byte, name);
  const store = createMemoryStore({ clock });
  const { signal } = new AbortController();
  const logged = createResourceLog({ store, codec, crypto, clock, random, signer });
  await logged.start(signal);
  const resources = logged.log;
  const peers = createTestPeers();
  const rules = new Set<Verb>();
  const listeners = new Set<() => void>();
  const subscribe = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const parts = laneParts({
    store: createMemoryStore({ clock }),
    codec,
    clock,
    crypto,
    log: silentLog,
    signer,
    peers,
    resources,
    enforcement: enforcementOf(rules, subscribe),
    mirrors: mirrorsOf(() => clusters, subscribe),
    news: { subscribe: () => () => undefined },
  });
  for (const table of [parts.written, parts.received, parts.conflicts]) {
    await table.start(signal, clock);
  }
  createLaneWriting(parts).registerKind(noteLanes(resources));
  return {
    resources,
    peers,
    parts,
    lanes: createLanes(parts),
    rules,
    tell: () => listeners.forEach((listener) => listener()),
  };
}

function enforcementOf(
  rules: ReadonlySet<Verb>,
  subscribe: (changed: () => void) => () => void,
): Enforcement {
  const decide = (peer: ClusterId, verb: Verb, asked: LocalId): Decision => ({
    allowed: rules.has(verb),
    verb,
    resource: asked,
    peer,
    reason: rules.has(verb) ? 'a test allows it' : 'no rule allows it',
  });
  // Only what lanes ask of it.
  return {
    decide,
    visible: (_peer, verb) => new Set(rules.has(verb) ? [local] : []),
    granted: () => [...rules],
    subscribe,
  };
}

/** Mirrors that are as far as what they mirror, and held or not. */
function mirrorsOf(
  all: () => ReadonlyMap<ClusterId, Cluster>,
  subscribe: (changed: () => void) => () => void,
): Mirrors {
  const held = new Set<FederatedId>();
  const ownerOf = (id: FederatedId): Cluster | undefined => all().get(splitFederatedId(id).owner);
  const positions = new Map<FederatedId, { epoch: number; sequence: number }>();
  return {
    ...noMirrors,
    resolve: (spelled) => {
      if (spelled !== 'lubeck:shared') {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return resource;
    },
    find(id) {
      const applied = positions.get(id);
      return held.has(id) && applied !== undefined
        ? ({ resource: id, applied } as unknown as Mirror)
        : undefined;
    },
    async view(id) {
      const { local: inside } = splitFederatedId(id);
      const owner = ownerOf(id);
      return owner === undefined
        ? undefined
        : {
            resource: id,
            epoch: 1,
            entry: (key) => owner.resources.entry(inside, key),
            entries: () => owner.resources.entries(inside),
          };
    },
    all: () => [],
    subscribe: (changed) =>
      subscribe(() => {
        for (const id of held) {
          const { local: inside } = splitFederatedId(id);
          void ownerOf(id)
            ?.resources.position(inside)
            .then((position) => {
              if (position !== undefined) {
                positions.set(id, position);
                changed(id);
              }
            });
        }
      }),
    hold: async (id) => void held.add(id),
    release: async (id) => void held.delete(id),
    registerKind: () => undefined,
  };
}

let clusters: Map<ClusterId, Cluster>;
let owner: Cluster;
let writer: Cluster;
let ending: AbortController;

beforeEach(async () => {
  clusters = new Map();
  owner = await found(1, 'lubeck');
  writer = await found(11, 'bergen');
  clusters.set(lubeck, owner).set(bergen, writer);
  const served = [{ contract: lanePeerContract, service: createLanePeer(owner.parts) }];
  const road = carrierTo(served, callerOf(bergen, nodeOf(crypto, 12)));
  writer.peers.set(linked(lubeck, 'lubeck'), road);
  owner.peers.set(linked(bergen, 'bergen'));
  await owner.resources.create({ kind: 'note', name: 'shared' });
  ending = new AbortController();
  return () => ending.abort();
});

const write = (at: Cluster, id: LocalId, key: string, text: string): Promise<unknown> =>
  at.resources.append(id, [{ put: { key: utf8(key), value: utf8(text), blobs: [] } }], {
    author: 'a test',
  });

async function readOwn(key: string): Promise<string | undefined> {
  const entry = await owner.resources.entry(local, utf8(key));
  return entry === undefined ? undefined : fromUtf8(entry.value);
}

async function taken(): Promise<void> {
  owner.rules.add('see').add('push');
  await writer.lanes.push({ resource: 'lubeck:shared' });
  void keepPromoting(owner.parts, ending.signal);
}

describe('a lane', () => {
  test('has a name that follows from what it is for, and that leads back to it', () => {
    expect(laneId(resource)).toBe(`note/@${lubeck}/shared`);
    expect(laneTarget(laneId(resource))).toBe(resource);
    expect(laneTarget(local)).toBeUndefined();
  });

  test('is refused with the reason where no rule allows a push, and nothing is held', async () => {
    owner.rules.add('see');
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'POLICY_DENIED',
      message: 'push refused: no rule allows it',
    });
    expect((await owner.lanes.list({})).lanes).toEqual([]);
    expect((await writer.lanes.list({})).lanes).toMatchObject([{ side: 'ours', state: 'refused' }]);
  });

  test('for what may not be seen is refused as if there were nothing', async () => {
    owner.rules.add('push');
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    });
  });

  test('is taken and promoted; what it brings is the owner’s own change', async () => {
    await taken();
    await write(writer, laneId(resource), 'greeting', 'hello');
    owner.tell();
    await settled(async () => (await readOwn('greeting')) === 'hello');
    await settled(async () => (await owner.lanes.list({})).lanes[0]?.promoted !== undefined);
    expect((await writer.lanes.show({ lane: 'lubeck:shared' })).promoted).toBeDefined();
  });

  test('is not promoted any more once the rule is gone, and says why', async () => {
    await taken();
    owner.rules.delete('push');
    await write(writer, laneId(resource), 'late', 'too late');
    owner.tell();
    await settled(
      async () => (await owner.lanes.list({})).lanes[0]?.lastError?.code === 'POLICY_DENIED',
    );
    expect(await readOwn('late')).toBeUndefined();
  });

  test('that was refused is offered again when something changes there', async () => {
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toThrow('there is no');
    owner.rules.add('see').add('push');
    void keepOffering(writer.parts, ending.signal);
    await settled(async () => (await writer.lanes.list({})).lanes[0]?.state === 'taken');
  });

  test('is given up by either side', async () => {
    await taken();
    await owner.lanes.remove({ lane: 'bergen:shared' });
    expect((await owner.lanes.list({})).lanes).toEqual([]);
    await writer.lanes.remove({ lane: lane });
    expect(writer.resources.find(laneId(resource))).toBeUndefined();
  });

  test('of a kind that one cluster alone can write is refused', async () => {
    const alone = await found(21, 'visby');
    alone.parts.kinds.clear();
    await expect(alone.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'LANES_UNSUPPORTED',
    });
  });
});

describe('a conflict', () => {
  const open = async (): Promise<string> => {
    await write(owner, local, 'colour', 'red');
    await taken();
    await write(writer, laneId(resource), 'colour', 'blue');
    owner.tell();
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 1);
    const [conflict] = (await owner.lanes.conflicts({})).conflicts;
    expect(conflict).toMatchObject({
      key: 'colour',
      ours: { author: 'lubeck', shown: 'red' },
      theirs: { author: 'bergen', shown: 'blue' },
    });
    return conflict?.id ?? '';
  };

  test('that is decided for them takes their side and is gone', async () => {
    await owner.lanes.resolve({ id: await open(), take: 'theirs' });
    expect(await readOwn('colour')).toBe('blue');
    expect((await owner.lanes.conflicts({})).conflicts).toEqual([]);
  });

  test('that is decided for us stays decided until they write again', async () => {
    const id = await open();
    await owner.lanes.resolve({ id, take: 'ours' });
    owner.tell();
    expect((await owner.lanes.conflicts({})).conflicts).toEqual([]);
    expect(await readOwn('colour')).toBe('red');
    await write(writer, laneId(resource), 'colour', 'green');
    owner.tell();
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 1);
    expect((await owner.lanes.conflicts({})).conflicts[0]?.id).toBe(id);
  });

  test('that nobody has is not found', async () => {
    await expect(owner.lanes.resolve({ id: 'c-0', take: 'ours' })).rejects.toMatchObject({
      code: 'CONFLICT_NOT_FOUND',
    });
  });

  test('goes by itself when our side becomes theirs', async () => {
    await open();
    await write(owner, local, 'colour', 'blue');
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 0);
  });
});
