// A directory on a store in memory, with mirrors that a test fills by hand and a word of its own on
// who may pass on what. Opened as often as a test wants nodes.
import { directoryContract, type Directory } from '@hansa/capabilities/directory/contract';
import type { ResourceEntry, ResourceLog } from '@hansa/capabilities/resources/contract';
import type { Mirror, Mirrors, MirrorState } from '@hansa/capabilities/sync/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  remote,
  scopeStore,
  silentLog,
  utf8,
  type Caller,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import { createDirectory, type DirectoryService } from '../capabilities/directory/service.ts';
import type { ChangedAccount } from '../capabilities/directory/writing.ts';
import { noMirrors } from './no-mirrors.ts';
import { createResourceBench, type ResourceBench } from './resource-bench.ts';
import {
  carrierTo,
  clusterOf,
  createTestPeers,
  linked,
  settled,
  type TestPeers,
} from './test-cluster.ts';

export const bergen: ClusterId = clusterOf(createNodeCrypto(), 7);
export const visby: ClusterId = clusterOf(createNodeCrypto(), 9);

const codec = createMsgpackCodec();
const kind = 'directory';

export interface HandMirrors extends Mirrors {
  /** What stands in a mirror, by key: `user/anna`; undefined where it is removed. */
  set(
    resource: FederatedId,
    entries: Readonly<Record<string, unknown>> | undefined,
    state?: MirrorState,
  ): void;
  state(resource: FederatedId, state: MirrorState): void;
}

export interface OpenDirectory extends DirectoryService {
  readonly log: ResourceLog;
  readonly mirrors: HandMirrors;
  readonly peers: TestPeers;
  /** Every time somebody had to have some scopes. */
  readonly granted: (readonly string[])[];
  /** Accounts that acts were about to change. */
  readonly changed: (readonly ChangedAccount[])[];
  /** The contract as a caller uses it, through every check of the edge. */
  as(caller: Caller): Directory;
}

export function mirrorOf(owner: ClusterId, name = 'people'): FederatedId {
  return federatedId(owner, localId(kind, name));
}

export interface BenchGiven {
  readonly bench?: ResourceBench;
  /** What callers other than the owner may pass on; all where absent. */
  readonly grantable?: readonly string[];
}

/** The cluster is `lubeck`; `bergen` is linked. */
export async function openDirectory(given: BenchGiven = {}): Promise<OpenDirectory> {
  const bench = given.bench ?? createResourceBench();
  const log = await bench.open();
  const mirrors = createHandMirrors();
  const peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
  const granted: (readonly string[])[] = [];
  const changed: (readonly ChangedAccount[])[] = [];
  const service = createDirectory({
    store: scopeStore(bench.store, 'directory'),
    clock: bench.clock,
    codec,
    signer: bench.signer,
    resources: log,
    mirrors,
    peers,
    log: silentLog,
    requireGrantable(caller, scopes) {
      granted.push(scopes);
      const lacks = scopes.find((scope) => given.grantable?.includes(scope) === false);
      if (lacks !== undefined && caller !== undefined && caller.kind !== 'owner') {
        throw new HansaError('GRANT_WIDENED', `they lack ${lacks}`);
      }
    },
    requireChanges: (_caller, changes) => void changed.push(changes),
  });
  mirrors.registerKind(service.kind);
  await service.followed.start();
  const served = [{ contract: directoryContract, service: service.directory }];
  const as = (caller: Caller): Directory => remote(directoryContract, carrierTo(served, caller));
  return { ...service, log, mirrors, peers, granted, changed, as };
}

/** Gives way until what was told of a mirror is seen. */
export function untilSeen(seen: () => boolean): Promise<void> {
  return settled(seen);
}

function createHandMirrors(): HandMirrors {
  const held = new Map<FederatedId, { entries: ResourceEntry[]; mirror: Mirror }>();
  const listeners = new Set<(resource: FederatedId) => void>();
  let sequence = 0;
  const tell = (resource: FederatedId): void => listeners.forEach((changed) => changed(resource));
  return {
    ...noMirrors,
    find: (resource) => held.get(resource)?.mirror,
    all: () => [...held.values()].map(({ mirror }) => mirror),
    resolve(spelled) {
      const found = [...held.values()].find(
        ({ mirror }) => `${mirror.ownerName}:${mirror.kind}/${mirror.name}` === spelled,
      );
      if (found === undefined) {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return found.mirror.resource;
    },
    async view(resource) {
      const found = held.get(resource);
      return found && viewOf(resource, found.entries);
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    set(resource, entries, state = 'current') {
      sequence += 1;
      if (entries === undefined) {
        held.delete(resource);
      } else {
        const stored = Object.entries(entries).map(([key, value]) => stands(key, value, sequence));
        held.set(resource, { entries: stored, mirror: { ...mirrorAt(resource, sequence), state } });
      }
      tell(resource);
    },
    state(resource, state) {
      const found = held.get(resource);
      if (found !== undefined) {
        held.set(resource, { ...found, mirror: { ...found.mirror, state } });
      }
      tell(resource);
    },
  };
}

function viewOf(
  resource: FederatedId,
  entries: readonly ResourceEntry[],
): NonNullable<Awaited<ReturnType<Mirrors['view']>>> {
  return {
    resource,
    epoch: 1,
    entry: async (key) => entries.find((each) => each.key.join() === key.join()),
    async *entries() {
      yield* entries;
    },
  };
}

function stands(key: string, value: unknown, version: number): ResourceEntry {
  return { key: utf8(key), value: codec.encode(value), version, blobs: [] };
}

function mirrorAt(resource: FederatedId, sequence: number): Mirror {
  const owner = resource.slice(0, 64) as ClusterId;
  return {
    resource,
    owner,
    ownerName: owner === bergen ? 'bergen' : 'visby',
    kind,
    name: resource.slice(resource.indexOf('/') + 1),
    state: 'current',
    applied: { epoch: 1, sequence, appliedMs: 0 },
    fetchedBlobs: 0,
    fetchedBytes: 0,
    addedMs: 0,
  };
}
