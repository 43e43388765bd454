// Two clusters that share a note, for tests of lanes: mirrors are each other's logs, and rules are
// a set of verbs.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  fromUtf8,
  HansaError,
  laneId,
  localId,
  silentLog,
  splitFederatedId,
  utf8,
  type ClusterId,
  type Crypto,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  clusterOf,
  createTestPeers,
  createTestSigner,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { Decision, Enforcement, Verb } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { createResourceLog } from '../resources/log.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { FoundConflict, LaneKind, Lanes } from './contract.ts';
import { laneParts, type LaneParts } from './parts.ts';
import { createLanes } from './service.ts';
import { createLaneWriting } from './writing.ts';

const codec = createMsgpackCodec();
export const crypto: Crypto = createNodeCrypto();
export const lubeck: ClusterId = clusterOf(crypto, 1);
export const bergen: ClusterId = clusterOf(crypto, 11);
export const local: LocalId = localId('note', 'shared');
export const resource: FederatedId = federatedId(lubeck, local);
export const lane: FederatedId = federatedId(bergen, laneId(resource));

export interface Cluster {
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

/** Its mirrors are the logs of the others that are in the map. */
export async function found(
  byte: number,
  name: string,
  clusters: ReadonlyMap<ClusterId, Cluster>,
): Promise<Cluster> {
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
    mirrors: mirrorsOf(clusters, subscribe),
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
  all: ReadonlyMap<ClusterId, Cluster>,
  subscribe: (changed: () => void) => () => void,
): Mirrors {
  const held = new Set<FederatedId>();
  const ownerOf = (id: FederatedId): Cluster | undefined => all.get(splitFederatedId(id).owner);
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
