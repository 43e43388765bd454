// One cluster of a simulated federation: the node's own composition on drivers that live in memory
// and on virtual time. It can be stopped, killed at any moment, and started again on the same disk.
import type { KeptChanges } from '@hansa/capabilities/resources/capability';
import { setMaxListeners } from 'node:events';
import { auditContract, type Audit, type AuditSink } from '@hansa/capabilities/audit/contract';
import { catalogContract, type Catalog } from '@hansa/capabilities/catalog/contract';
import { directoryContract, type Directory } from '@hansa/capabilities/directory/contract';
import { doctorContract, type Doctor } from '@hansa/capabilities/doctor/contract';
import { createIdentity, type KeySeeds } from '@hansa/capabilities/identity/capability';
import { identityContract, type Identity } from '@hansa/capabilities/identity/contract';
import { kvContract, type Kv } from '@hansa/capabilities/kv/contract';
import { lanesContract, type Lanes } from '@hansa/capabilities/lanes/contract';
import { linksContract, type Links } from '@hansa/capabilities/links/contract';
import { namespacesContract, type Namespaces } from '@hansa/capabilities/namespaces/contract';
import { policiesContract, type Policies } from '@hansa/capabilities/policies/contract';
import { receiptsContract, type Receipts } from '@hansa/capabilities/receipts/contract';
import { recoveryContract, type Recovery } from '@hansa/capabilities/recovery/contract';
import {
  resourcesContract,
  type ResourceLog,
  type Resources,
} from '@hansa/capabilities/resources/contract';
import {
  routerContract,
  signalContract,
  type RouterDesk,
  type Signal,
} from '@hansa/capabilities/signals/contract';
import { syncContract, type Sync } from '@hansa/capabilities/sync/contract';
import { tokensContract, type Tokens } from '@hansa/capabilities/tokens/contract';
import { tracingContract, type Tracing } from '@hansa/capabilities/tracing/contract';
import { trustContract, type Trust } from '@hansa/capabilities/trust/contract';
import {
  near,
  remote,
  scopeStore,
  serve,
  toHex,
  type Capability,
  type Codec,
  type Crypto,
  type Gate,
} from '@hansa/foundation';
import { compose, createPeerGate, runDuties, type Composition } from '@hansa/node';
import { createCedarEngine } from '@hansa/policy-cedar';
import { createMemoryVault, type MemoryVault } from './memory-vault.ts';
import { createNoteKind } from './note-kind.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { NetworkPlace, SimulatedNetwork } from './simulated-network.ts';
import {
  createProcess,
  openDisk,
  type DiskBackup,
  type RestorableDisk,
  type SimulatedDisk,
  type SimulatedProcess,
} from './simulated-process.ts';
import { createSteadiness } from './steadiness.ts';
import type { Trace } from './trace.ts';
import type { ClockTraits, VirtualClock } from './virtual-clock.ts';

/** What the cluster's owner may call. */
export interface Services {
  readonly audit: Audit;
  readonly directory: Directory;
  readonly doctor: Doctor;
  readonly identity: Identity;
  readonly receipts: Receipts;
  readonly recovery: Recovery;
  readonly kv: Kv;
  readonly lanes: Lanes;
  readonly links: Links;
  readonly namespaces: Namespaces;
  readonly policies: Policies;
  readonly resources: Resources;
  readonly catalog: Catalog;
  readonly router: RouterDesk;
  readonly signal: Signal;
  readonly sync: Sync;
  readonly tokens: Tokens;
  readonly tracing: Tracing;
  readonly trust: Trust;
  /** In process: what a kind appends with. */
  readonly log: ResourceLog;
  readonly disk: SimulatedDisk;
  /** Resolves when this process is gone: what was asked of it before then has no known outcome. */
  readonly died: Promise<void>;
}

export interface SimulatedCluster {
  readonly name: string;
  readonly place: NetworkPlace;
  /** What is on it, past every process: for checks, which must not trust the cluster's own word. */
  readonly disk: SimulatedDisk;
  readonly running: boolean;
  /** Since when no process runs; undefined while one does. */
  readonly downSinceMs: number | undefined;
  /**
   * Since when its process runs on a clock that nobody touched, within what peers tolerate;
   * undefined while that is not so.
   */
  readonly steadySinceMs: number | undefined;
  /** How much of its process waits for time. */
  readonly sleepers: number;
  /** Of the present process; throws while none runs. */
  readonly services: Services;
  start(): Promise<void>;
  /** In good order, as SIGTERM does it. */
  stop(): Promise<void>;
  /** At once, as SIGKILL does it. */
  crash(): void;
  crashAtWrite(nth: number, when: 'before' | 'after'): void;
  /** Takes back a crash that has not come yet. */
  spare(): void;
  /** A copy of its disk as it is now. */
  backUp(): Promise<DiskBackup>;
  /** Its disk is what it was then; throws while a process runs. */
  restore(backup: DiskBackup): Promise<void>;
  /** Every public key that the cluster could sign with, hex: for checks of what it signed. */
  publicKeys(): readonly string[];
  setSkew(skewMs: number): void;
  /** The present link statuses, unasked by any road: cheap enough to look all the time. */
  links(): ReturnType<Links['list']>;
}

export interface ClusterNeeds {
  readonly place: NetworkPlace;
  readonly keys: KeySeeds;
  readonly disk: RestorableDisk;
  readonly time: VirtualClock;
  readonly clock: ClockTraits;
  readonly random: SeededRandom;
  readonly network: SimulatedNetwork;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly kept?: KeptChanges | undefined;
}

interface Running {
  readonly process: SimulatedProcess;
  readonly services: Services;
  readonly links: Links;
  stop(): Promise<void>;
}

export function createCluster(needs: ClusterNeeds): SimulatedCluster {
  const { place, time } = needs;
  const { name } = place;
  const vault = createMemoryVault(needs.keys, needs.random.fork('vault'));
  let generation = 0;
  const steadiness = createSteadiness(time, needs.clock.skewMs ?? 0);
  let process: SimulatedProcess | undefined;
  let running: Running | undefined;
  let downSinceMs: number | undefined = time.monotonicMs();
  const present = (): Running => {
    if (running === undefined) {
      throw new Error(`${name} does not run`);
    }
    return running;
  };
  const boot = (): SimulatedProcess => {
    generation += 1;
    return bootProcess(needs, { skewMs: steadiness.skewMs(), generation }, () => {
      running = undefined;
      process = undefined;
      downSinceMs = time.monotonicMs();
    });
  };
  return {
    name,
    place,
    disk: needs.disk,
    get running() {
      return running !== undefined;
    },
    get downSinceMs() {
      return downSinceMs;
    },
    get steadySinceMs() {
      return running === undefined ? undefined : steadiness.sinceMs();
    },
    get sleepers() {
      return process?.clock.sleepers ?? 0;
    },
    get services() {
      return present().services;
    },
    async start() {
      if (process !== undefined) {
        return;
      }
      const booting = boot();
      process = booting;
      downSinceMs = undefined;
      // A process that dies while it starts never resolves by itself.
      await Promise.race([
        booting.died,
        run({ ...needs, vault }, booting, generation).then((made) => {
          running = booting.alive ? made : undefined;
          steadiness.started();
        }),
      ]);
    },
    async stop() {
      await running?.stop();
    },
    ...ending(() => process),
    ...keeping(needs, { vault, process: () => process }),
    setSkew(ms) {
      steadiness.set(ms);
      process?.clock.setSkew(ms);
    },
    links: () => present().links.list({}),
  };
}

function ending(
  process: () => SimulatedProcess | undefined,
): Pick<SimulatedCluster, 'crash' | 'crashAtWrite' | 'spare'> {
  return {
    crash: () => process()?.kill(),
    crashAtWrite: (nth, when) => process()?.killAtWrite(nth, when),
    spare: () => process()?.spare(),
  };
}

function keeping(
  { place, disk, crypto }: ClusterNeeds,
  { vault, process }: { vault: MemoryVault; process(): SimulatedProcess | undefined },
): Pick<SimulatedCluster, 'backUp' | 'restore' | 'publicKeys'> {
  return {
    backUp: () => disk.backUp(),
    async restore(backup) {
      if (process() !== undefined) {
        throw new Error(`${place.name} runs: nothing may be restored below it`);
      }
      await disk.restore(backup);
    },
    publicKeys: () => vault.seeds().map((seed) => toHex(crypto.publicKey(seed))),
  };
}

function bootProcess(
  { place, time, clock, random, network, trace }: ClusterNeeds,
  boot: { readonly skewMs: number; readonly generation: number },
  ended: () => void,
): SimulatedProcess {
  trace.add(place.name, 'process.started');
  return createProcess({
    clock: time.view({ ...clock, skewMs: boot.skewMs }),
    random: random.fork(`disk ${boot.generation}`),
    onDeath() {
      ended();
      trace.add(place.name, 'process.ended');
      network.vanish(place);
    },
  });
}

async function run(
  needs: ClusterNeeds & { readonly vault: MemoryVault },
  process: SimulatedProcess,
  generation: number,
): Promise<Running> {
  const { place, network, codec, crypto, trace } = needs;
  const { clock } = process;
  const disk = openDisk(needs.disk, process);
  const random = needs.random.fork(`process ${generation}`);
  const log = trace.log(place.name, () => process.alive);
  const identity = await createIdentity({
    store: scopeStore(disk.store, 'identity'),
    codec,
    crypto,
    clock,
    log,
    keys: needs.vault.keys,
    vault: needs.vault,
    name: place.name,
  });
  const transport = network.open(place, process);
  const composed = compose({
    ...disk,
    codec,
    crypto,
    clock,
    random,
    log,
    policyEngine: createCedarEngine,
    transport,
    git: undefined,
    identity,
    peerGate: createPeerGate(log, () => composed.audit),
    kinds: [createNoteKind(disk)],
    facts: simulatedFacts,
    kept: needs.kept,
  });
  const { capabilities, resources } = composed;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // every duty listens to it, as in a node
  // Nothing of it can act any more; it only lets go of what the runtime would keep for it.
  void process.died.then(() => ending.abort());
  for (const each of capabilities) {
    await each.start(ending.signal);
  }
  const duties = runDuties({ clock, log }, capabilities, ending.signal);
  const inOrder = async (): Promise<void> => {
    ending.abort();
    await duties;
    for (const each of capabilities.toReversed()) {
      await each.stop();
    }
    await transport.close();
  };
  return {
    process,
    links: linksOf(capabilities),
    services: {
      ...servicesOf(composed),
      log: resources,
      disk,
      died: process.died,
    },
    async stop() {
      await Promise.race([process.died, inOrder()]);
      process.kill();
    },
  };
}

const simulatedFacts = {
  version: 'simulated',
  pid: 0,
  data: '',
  settings: [],
  api: () => '',
  addresses: () => [],
  memoryBytes: () => 0,
  stop: () => undefined,
};

/**
 * Everybody who asks is the owner: what gates decide is tested where gates are made. What the owner
 * did is kept, as a node keeps it.
 */
function ownerGate(audit: AuditSink): Gate {
  return {
    admit: () => undefined,
    authenticate: async () => ({ kind: 'owner' }),
    authorise: () => undefined,
    begin: (beginning) => audit.begin(beginning),
    record: (entry) => audit.request(entry),
  };
}

function servicesOf({ capabilities, audit }: Composition): Omit<Services, 'log' | 'disk' | 'died'> {
  const edge = serve(
    capabilities.flatMap((each) => each.serves),
    ownerGate(audit),
  );
  const carrier = near(edge, { source: 'simulation' });
  return {
    audit: remote(auditContract, carrier),
    directory: remote(directoryContract, carrier),
    doctor: remote(doctorContract, carrier),
    identity: remote(identityContract, carrier),
    receipts: remote(receiptsContract, carrier),
    recovery: remote(recoveryContract, carrier),
    kv: remote(kvContract, carrier),
    lanes: remote(lanesContract, carrier),
    links: remote(linksContract, carrier),
    namespaces: remote(namespacesContract, carrier),
    policies: remote(policiesContract, carrier),
    resources: remote(resourcesContract, carrier),
    catalog: remote(catalogContract, carrier),
    router: remote(routerContract, carrier),
    signal: remote(signalContract, carrier),
    sync: remote(syncContract, carrier),
    tokens: remote(tokensContract, carrier),
    tracing: remote(tracingContract, carrier),
    trust: remote(trustContract, carrier),
  };
}

function linksOf(capabilities: readonly Capability[]): Links {
  const served = capabilities.flatMap((each) => each.serves);
  const found = served.find(({ contract }) => contract.name === linksContract.name);
  if (found === undefined) {
    throw new Error('the composition serves no links');
  }
  return found.service as Links;
}
