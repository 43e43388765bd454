// The parts that a capability is handed, small and under a test's hand: a signer with real keys,
// peers whose standing a test sets.
import type { Signer } from '@hansa/capabilities/identity/contract';
import type { Peers, PeerStanding, ProgressSource } from '@hansa/capabilities/links/contract';
import type { Forecast, TrustLevel } from '@hansa/capabilities/policies/contract';
import type { TrustLevels } from '@hansa/capabilities/trust/contract';
import {
  clusterIdSchema,
  HansaError,
  near,
  nodeIdSchema,
  serve,
  toHex,
  type Caller,
  type Carrier,
  type ClusterId,
  type Crypto,
  type NodeId,
  type Served,
} from '@hansa/foundation';

/** 32 equal bytes: a key of a test. */
export function seedOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

export function clusterOf(crypto: Crypto, byte: number): ClusterId {
  return clusterIdSchema.parse(toHex(crypto.publicKey(seedOf(byte))));
}

export function nodeOf(crypto: Crypto, byte: number): NodeId {
  return nodeIdSchema.parse(toHex(crypto.publicKey(seedOf(byte))));
}

/** Signs with the key of `seedOf(byte)`; proves nothing to strangers. */
export function createTestSigner(crypto: Crypto, byte: number, name: string): Signer {
  const offline = (): never => {
    throw new HansaError('FEDERATION_OFF', 'this signer meets nobody');
  };
  return {
    cluster: clusterOf(crypto, byte),
    node: nodeOf(crypto, byte + 1),
    name,
    keyIndex: 0,
    sign: (message) => ({ keyIndex: 0, signature: crypto.sign(seedOf(byte), message) }),
    proof: offline,
    keyLog: offline,
    check: offline,
  };
}

export interface TestPeers extends Peers {
  /** Sets how a cluster stands to us; `carrier` is where calls to it go. */
  set(standing: PeerStanding, carrier?: Carrier): void;
  /** Takes its carrier away, as a lost connection does. */
  /** There is another road to it from now on. */
  turn(cluster: ClusterId): void;
  disconnect(cluster: ClusterId): void;
  /** How often each was to be told early. */
  readonly hurried: ReadonlyMap<ClusterId, number>;
  readonly progress: ProgressSource | undefined;
}

export function linked(cluster: ClusterId, name: string): PeerStanding {
  return { cluster, name, mine: true, theirs: true, active: true, trust: 'public', labels: {} };
}

function stranger(cluster: ClusterId): PeerStanding {
  const standing = { name: undefined, mine: false, theirs: false, active: false } as const;
  return { cluster, ...standing, trust: 'public', labels: {} };
}

export function createTestPeers(): TestPeers {
  const standings = new Map<ClusterId, PeerStanding>();
  const carriers = new Map<ClusterId, Carrier>();
  const listeners = new Set<(cluster: ClusterId) => void>();
  const hurried = new Map<ClusterId, number>();
  const roads = new Map<ClusterId, unknown>();
  let generation = 0;
  let progress: ProgressSource | undefined;
  const changed = (cluster: ClusterId): void => {
    generation += 1;
    [...listeners].forEach((listener) => listener(cluster));
  };
  const carrier = (cluster: ClusterId): Carrier => {
    const found = carriers.get(cluster);
    if (found === undefined) {
      throw new HansaError('LINK_DOWN', `${cluster.slice(0, 8)} is not connected`);
    }
    return found;
  };
  return {
    standing: (cluster) => standings.get(cluster) ?? stranger(cluster),
    all: () => [...standings.values()],
    resolve(nameOrId) {
      const found = [...standings.values()].find(
        ({ cluster, name }) => name === nameOrId || cluster === nameOrId,
      );
      if (found === undefined) {
        throw new HansaError('LINK_NOT_FOUND', `no link is called "${nameOrId}"`);
      }
      return found;
    },
    carrier,
    observer: carrier,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connected: (cluster) => carriers.has(cluster),
    expectBulk: async () => undefined,
    road: (cluster) => roads.get(cluster),
    hurry: (cluster) => {
      hurried.set(cluster, (hurried.get(cluster) ?? 0) + 1);
    },
    setProgressSource: (source) => {
      progress = source;
    },
    get generation() {
      return generation;
    },
    set(standing, to) {
      standings.set(standing.cluster, standing);
      if (to !== undefined) {
        carriers.set(standing.cluster, to);
      }
      changed(standing.cluster);
    },
    turn(cluster) {
      roads.set(cluster, {});
      changed(cluster);
    },
    disconnect(cluster) {
      carriers.delete(cluster);
      changed(cluster);
    },
    hurried,
    get progress() {
      return progress;
    },
  };
}

export interface TestTrust extends TrustLevels {
  set(cluster: ClusterId, level: TrustLevel): void;
}

export function createTestTrust(): TestTrust {
  const judged = new Map<ClusterId, TrustLevel>();
  const listeners = new Set<(cluster: ClusterId) => void>();
  let generation = 0;
  return {
    level: (cluster) => judged.get(cluster) ?? 'public',
    judged: () => [...judged.keys()],
    get generation() {
      return generation;
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    set(cluster, level) {
      judged.set(cluster, level);
      generation += 1;
      [...listeners].forEach((listener) => listener(cluster));
    },
  };
}

/** What links ask of trust and policy, where a test is about neither. */
export function ungoverned(): { readonly trust: TestTrust; readonly forecast: Forecast } {
  return { trust: createTestTrust(), forecast: () => ({ rows: [], truncated: false }) };
}

/** How a peer's edge names the cluster that calls. */
export function callerOf(cluster: ClusterId, node: NodeId): Caller {
  return { kind: 'cluster', cluster, node };
}

/** A road to services for one caller, through the checks that every road makes. */
export function carrierTo(served: readonly Served[], caller: Caller): Carrier {
  const gate = {
    admit: () => undefined,
    authenticate: async () => caller,
    authorise: () => undefined,
    record: () => undefined,
  };
  return near(serve(served, gate), { source: 'testkit' });
}

/** Every item of a stream that ends. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

/** Gives way until the condition holds: for what happens within this process without a clock. */
export async function settled(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < settleTurnsMax; turn += 1) {
    if (await holds()) {
      return;
    }
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  throw new Error('it did not happen');
}

const settleTurnsMax = 100_000; // a second or two of turns: more means that it never will
