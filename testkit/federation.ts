// A whole federation in one process, on virtual time, from one seed: clusters of the node's own
// composition, one network between them, faults to switch, and invariants that are checked all
// along. Whatever happens in it happens again with the same seed.
import type { KeptChanges } from '@hansa/capabilities/resources/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  toHex,
  type Blobs,
  type ClusterId,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type NodeId,
} from '@hansa/foundation';
import type { LinkTraits } from '@hansa/transport-memory';
import { createInvariants, type Invariants } from './invariants.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';
import { createCluster, type SimulatedCluster } from './simulated-cluster.ts';
import type { Flips } from './network-books.ts';
import {
  createSimulatedNetwork,
  type NetworkPlace,
  type Shape,
  type SimulatedNetwork,
  type TappedFrame,
} from './simulated-network.ts';
import { createDisk, type DiskBackup } from './simulated-process.ts';
import { createTrace, type Trace } from './trace.ts';
import { createVirtualClock, type ClockTraits, type VirtualClock } from './virtual-clock.ts';

const checkEveryMs = 1_000; // half a beat: no status escapes unseen for long
const microseconds = 1_000; // of a millisecond: as closely as two runs are compared
const conditionEveryMs = 250; // conditions read whole disks
const completeStepMs = 10; // how closely an awaited act is followed

export interface FederationOptions {
  readonly traits?: Partial<LinkTraits>;
  /** By the name of the cluster. */
  readonly clocks?: Readonly<Record<string, ClockTraits>>;
  readonly print?: ((line: string) => void) | undefined;
  /** Tests plant faults between a cluster and its disk. */
  readonly wrapBlobs?: ((blobs: Blobs) => Blobs) | undefined;
  readonly wrapStore?: ((store: KeyValueStore) => KeyValueStore) | undefined;
  /** How much of their histories owners keep. */
  readonly kept?: KeptChanges | undefined;
  /** Hears every frame between clusters. */
  readonly tap?: ((frame: TappedFrame) => void) | undefined;
}

/** True, or nothing that is still in the way. */
export type Condition = () => Promise<boolean | readonly string[]> | boolean;

export interface Federation {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly time: VirtualClock;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly clusters: readonly SimulatedCluster[];
  readonly network: SimulatedNetwork;
  readonly invariants: Invariants;
  /** Whose disks were put back: what others signed of them since then is evidence for good. */
  readonly restored: ReadonlySet<string>;
  cluster(name: string): SimulatedCluster;
  /** Links two clusters by invitation, acceptance and the same check words on both sides. */
  link(a: string, b: string): Promise<void>;
  crash(name: string): void;
  restart(name: string): Promise<void>;
  /** The disk of a cluster that does not run is what it was when the copy was made. */
  restore(name: string, from: { backup: DiskBackup; backedUpMs: number }): Promise<void>;
  partition(from: string, to: string, how?: { readonly oneWay?: boolean }): void;
  heal(a: string, b: string): void;
  flip(from: string, to: string, flips: Flips): void;
  shape(a: string, b: string, shape: Shape): void;
  /** Lets time pass, checking every invariant on the way; throws where one is broken. */
  run(ms: number): Promise<void>;
  /** Lets time pass until the condition holds; throws where it does not in time. */
  until(what: string, condition: Condition, withinMs: number): Promise<void>;
  /** Lets time pass until the work is done. */
  complete<T>(work: Promise<T>, withinMs?: number): Promise<T>;
  /** Ends every process and every check. */
  close(): void;
}

export async function createFederation(given: {
  readonly seed: number;
  readonly clusters: readonly string[];
  readonly options?: FederationOptions;
}): Promise<Federation> {
  const { seed, options = {} } = given;
  const random = createSeededRandom(seed);
  const time = createVirtualClock();
  const codec = createMsgpackCodec();
  const crypto = createNodeCrypto();
  const nowMs = (): number => time.monotonicMs();
  const trace = createTrace({ crypto, nowMs, print: options.print });
  const clusters: SimulatedCluster[] = [];
  const base = { random, time, codec, crypto, trace, clusters };
  const invariants = createInvariants({ ...base, nowMs, network: () => network });
  const seats = given.clusters.map((name) => seatOf(name, random.fork(name), crypto));
  const network = createSimulatedNetwork({
    clock: time,
    random: random.fork('network'),
    codec,
    places: seats.map(({ place }) => place),
    traits: { latencyMs: [1, 30], ...options.traits },
    tap(frame) {
      invariants.tap(frame);
      trace.mix(Math.round(nowMs() * microseconds));
      trace.mix(frame.bytes.length);
      options.tap?.(frame);
    },
  });
  for (const seat of seats) {
    const clock = options.clocks?.[seat.place.name] ?? {};
    const disk = createDisk({ ...options, clock: time, crypto });
    const { kept } = options;
    const own = { ...seat, disk, clock, kept };
    clusters.push(createCluster({ ...base, ...own, random: seat.random, network }));
  }
  clusters.forEach((cluster) => invariants.attend(cluster));
  const federation = federationOf({ ...base, seed, network, invariants });
  await federation.complete(Promise.all(clusters.map((cluster) => cluster.start())));
  return federation;
}

function seatOf(
  name: string,
  random: SeededRandom,
  crypto: Crypto,
): {
  readonly place: NetworkPlace;
  readonly random: SeededRandom;
  readonly keys: { cluster: Uint8Array; next: Uint8Array; node: Uint8Array };
} {
  const keys = { cluster: random.bytes(32), next: random.bytes(32), node: random.bytes(32) };
  return {
    random,
    keys,
    place: {
      name,
      cluster: toHex(crypto.publicKey(keys.cluster)) as ClusterId,
      node: toHex(crypto.publicKey(keys.node)) as NodeId,
      address: `${name}.test:7443`,
    },
  };
}

type Parts = Pick<
  Federation,
  'seed' | 'random' | 'time' | 'codec' | 'crypto' | 'trace' | 'clusters' | 'network' | 'invariants'
>;

function federationOf(parts: Parts): Federation {
  const { clusters, network, time, trace } = parts;
  const cluster = (name: string): SimulatedCluster => {
    const found = clusters.find((each) => each.name === name);
    if (found === undefined) {
      throw new Error(`the federation has no ${name}`);
    }
    return found;
  };
  const passing = passTime(parts);
  const restored = new Set<string>();
  const fault = (what: string): void => trace.add('', what);
  return {
    ...parts,
    ...passing,
    restored,
    cluster,
    link: (a, b) => passing.complete(linkTogether(cluster(a), cluster(b))),
    crash(name) {
      fault(`crash ${name}`);
      cluster(name).crash();
    },
    restart: (name) => passing.complete(cluster(name).start()),
    async restore(name, { backup, backedUpMs }) {
      fault(`restore ${name} as of ${Math.round(backedUpMs)} ms`);
      await passing.complete(cluster(name).restore(backup));
      restored.add(cluster(name).place.cluster);
      parts.invariants.restored(cluster(name), backedUpMs);
    },
    partition(from, to, { oneWay = false } = {}) {
      fault(`partition ${from} ${oneWay ? '->' : '<->'} ${to}`);
      network.partition(from, to, oneWay);
    },
    heal(a, b) {
      fault(`heal ${a} <-> ${b}`);
      network.heal(a, b);
    },
    flip(from, to, flips) {
      fault(`flip ${from} -> ${to} ${flips.probability} ${flips.traffic.join()}`);
      network.flip(from, to, flips);
    },
    shape(a, b, shape) {
      fault(`shape ${a} - ${b} ${JSON.stringify(shape)}`);
      network.shape(a, b, shape);
    },
    close() {
      clusters.forEach((each) => each.crash());
      parts.invariants.witness.close();
      void time.settle();
    },
  };
}

function passTime({ time, invariants }: Parts): Pick<Federation, 'run' | 'until' | 'complete'> {
  let checkMs = checkEveryMs;
  const requireWhole = (): void => {
    if (invariants.broken.length > 0) {
      throw new Error(invariants.broken.slice(0, 5).join('; '));
    }
  };
  const run = async (ms: number): Promise<void> => {
    const endMs = time.monotonicMs() + ms;
    for (let nowMs = time.monotonicMs(); nowMs < endMs; nowMs = time.monotonicMs()) {
      await time.advance(Math.min(endMs, checkMs) - nowMs);
      if (time.monotonicMs() >= checkMs) {
        await invariants.check();
        checkMs += checkEveryMs;
      }
      requireWhole();
    }
  };
  return {
    run,
    async until(what, condition, withinMs) {
      const endMs = time.monotonicMs() + withinMs;
      for (;;) {
        const met = await condition();
        if (met === true || (typeof met === 'object' && met.length === 0)) {
          return;
        }
        if (time.monotonicMs() >= endMs) {
          const why = met === false ? '' : `: ${met.join('; ')}`;
          throw new Error(`not within ${withinMs} ms: ${what}${why}`);
        }
        await run(conditionEveryMs);
      }
    },
    async complete<T>(work: Promise<T>, withinMs = 120_000): Promise<T> {
      const endMs = time.monotonicMs() + withinMs;
      let over = false;
      const outcome = Promise.allSettled([work]).then(() => {
        over = true;
      });
      await time.settle();
      while (!over) {
        if (time.monotonicMs() >= endMs) {
          throw new Error(`an act was not over within ${withinMs} ms`);
        }
        await run(completeStepMs);
      }
      await outcome;
      return work;
    },
  };
}

async function linkTogether(a: SimulatedCluster, b: SimulatedCluster): Promise<void> {
  const { token } = await a.services.links.invite({});
  await b.services.links.accept({ token });
  const { checkWords } = await b.services.links.show({ peer: a.place.cluster });
  await a.services.links.confirm({ peer: b.place.cluster, words: checkWords });
  await b.services.links.confirm({ peer: a.place.cluster, words: checkWords });
}
