// The product's own composition on real disks and sockets, in a process that is measured: called by
// the program that it is part of, since the API takes 500 requests a second.
import { setMaxListeners } from 'node:events';
import { policiesContract } from '@hansa/capabilities/policies/contract';
import { linksContract } from '@hansa/capabilities/links/contract';
import type { FederatedKind } from '@hansa/capabilities/sync/contract';
import {
  near,
  remote,
  serve,
  type Clock,
  type Contract,
  type Gate,
  type Random,
  type Transport,
} from '@hansa/foundation';
import {
  compose,
  createPeerGate,
  readConfig,
  runDuties,
  type Composition,
  type Drivers,
} from '@hansa/node';
import { createJsonLog, createSystemClock, createSystemRandom } from '@hansa/system-node';
import { openDrivers } from '../node/drivers.ts';
import { openOwnGround } from '../node/ground.ts';
import type { Opening } from '../node/opening.ts';

export interface MeasuredNode extends Composition {
  readonly clock: Clock;
  readonly random: Random;
  readonly drivers: Drivers;
  /** Aborts with `end`. */
  readonly signal: AbortSignal;
  /** A contract of ours, asked as the owner. */
  ask<T extends object>(contract: Contract<T>): T;
  invite(): Promise<string>;
  accept(token: string): Promise<void>;
  /** Everybody who is linked now may see and pull it. */
  share(kind: string, name: string): Promise<void>;
  end(): Promise<void>;
}

export interface MeasuredOptions {
  readonly data: string;
  readonly name: string;
  readonly flags?: Readonly<Record<string, string>>;
  kinds?(drivers: Drivers): readonly FederatedKind[];
  /** What links are made of instead. */
  transport?(made: Transport | undefined): Transport | undefined;
}

async function openHere(opening: Opening): ReturnType<typeof openDrivers> {
  return openDrivers(opening, { ports: {}, ground: await openOwnGround(opening) });
}

export async function startMeasured(options: MeasuredOptions): Promise<MeasuredNode> {
  const { data, name, flags, kinds, transport } = options;
  const clock = createSystemClock();
  const random = createSystemRandom();
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  const log = createJsonLog({ write, clock, level: 'problem' });
  const config = await readConfig({ data, flags: { name, ...flags }, environment: {} });
  const { signal } = new AbortController();
  const undo: Undo = [];
  const opened = await openHere({ config, clock, random, log, undo, signal });
  const drivers =
    transport === undefined ? opened : { ...opened, ...given(transport(opened.transport)) };
  const composed = compose({
    ...drivers,
    peerGate: createPeerGate(log),
    ...(kinds === undefined ? {} : { kinds: kinds(drivers) }),
    facts: {
      version: 'measured',
      pid: process.pid,
      data,
      settings: [],
      api: () => '',
      addresses: () => drivers.transport?.addresses() ?? [],
      memoryBytes: () => process.memoryUsage.rss(),
      stop: () => undefined,
    },
  });
  const { capabilities } = composed;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // every duty listens to it: no leak
  for (const each of capabilities) {
    await each.start(ending.signal);
  }
  const duties = runDuties({ clock, log }, capabilities, ending.signal);
  const edge = serve(
    capabilities.flatMap((each) => each.serves),
    ownerGate,
  );
  const carrier = near(edge, { source: 'benchmark' });
  const links = remote(linksContract, carrier);
  const policies = remote(policiesContract, carrier);
  return {
    ...composed,
    clock,
    random,
    drivers,
    signal: ending.signal,
    ask: (contract) => remote(contract, carrier),
    invite: async () => (await links.invite({ confirm: true })).token,
    async accept(token) {
      await links.accept({ token, confirm: true });
    },
    async share(kind, resource) {
      for (const { peer } of (await links.list({})).links) {
        await policies.add({
          effect: 'allow',
          resources: { kind, name: resource },
          peers: { cluster: peer },
          verbs: ['see', 'pull'],
        });
      }
    },
    async end() {
      ending.abort();
      await duties;
      await undoAll(undo);
    },
  };
}

type Undo = (() => Promise<unknown>)[];

async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.toReversed()) {
    await step();
  }
}

const ownerGate: Gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }),
  authorise: () => undefined,
  record: () => undefined,
};

function given(transport: Transport | undefined): { readonly transport?: Transport } {
  return transport === undefined ? {} : { transport };
}
