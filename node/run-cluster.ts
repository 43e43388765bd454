// A cluster's work on the ground that it was given: drivers, capabilities and the API, started in
// their order. Whoever calls it undoes them in reverse.
import { setMaxListeners } from 'node:events';
import { statfsSync } from 'node:fs';
import { appBodyBytesMax } from '@hansa/capabilities/apps/contract';
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import type { CertificateTrust } from '@hansa/capabilities/certificates/contract';
import type { NodesHost } from '@hansa/capabilities/nodes/capability';
import { createCertificateMaker } from '@hansa/certificates-x509';
import { HansaError, serve, type Caller, type Capability, type Gate } from '@hansa/foundation';
import { createAppEndpoints } from './app-endpoint.ts';
import { sessionOptions } from './api-front.ts';
import { compose, type Composition } from './composition.ts';
import { countingGate } from './counting-gate.ts';
import { openDrivers } from './drivers.ts';
import type { Opening } from './opening.ts';
import { runDuties } from './duties.ts';
import { urlOf, type Front } from './front.ts';
import { createApiGate } from './gate.ts';
import type { Ground } from './ground.ts';
import { openHttp, type HttpRoad, type Lapse } from './http.ts';
import { createTlsFront, type TlsFront } from './http-tls.ts';
import { certificateNames } from './listener-config.ts';
import { ownerToken } from './owner-token.ts';
import { createPeerGate } from './peer-gate.ts';
import { readPorts, rememberPorts } from './ports.ts';
import { announceHosted } from './signal-announcing.ts';
import { judgeOf, takeSignals } from './signals-host.ts';
import { hansaVersion } from './version.ts';
import { waysOf } from './ways.ts';

export interface RunningCluster {
  readonly cluster: string;
  /** Whether this start has made the cluster. */
  readonly founded: boolean;
  readonly problem: HansaError | undefined;
  readonly ownerCode: string | undefined;
  /** Resolves when somebody asked for the stop over the API. */
  readonly stopAsked: Promise<void>;
}

/** Everything that a cluster's active node does, from the ground up to its API. */
export async function runCluster(
  base: Opening,
  given: {
    readonly ground: Ground;
    readonly front: Front;
    /** Where the others of this cluster are reached, and how they come in; absent on one node. */
    readonly host?: NodesHost | undefined;
    /** Throws where this node may not answer any more. */
    readonly requireHeld?: (() => void) | undefined;
  },
): Promise<RunningCluster> {
  const { config, log } = base;
  const { data, name, nodeName } = config;
  const { ground, front, host } = given;
  const ports = await readPorts(data);
  const drivers = await openDrivers(base, { ports, ground });
  const { identity, transport, plane, founded } = drivers;
  const url = urlOf(config, front.address);
  let askStop = (): void => undefined;
  const stopAsked = new Promise<void>((resolve) => {
    askStop = resolve;
  });
  const kept: { audit?: AuditSink } = {};
  const composition = compose({
    ...drivers,
    nodes: { host, name: nodeName, api: () => url },
    peerGate: createPeerGate(log, () => kept.audit),
    syncIntervalMs: config.syncIntervalMs,
    proxy: config.proxy,
    sessions: sessionOptions(config, front),
    certificates: {
      maker: createCertificateMaker(),
      validities: config.certificates,
      names: certificateNames(config.apiHost, [
        ...config.apiNames,
        ...(config.signals === undefined ? [] : [config.signals.host]),
      ]),
    },
    endpoints: createAppEndpoints(appBodyBytesMax),
    facts: {
      version: hansaVersion,
      pid: process.pid,
      data,
      settings: config.settings,
      api: () => url,
      addresses: () => transport?.addresses() ?? [],
      memoryBytes: () => process.memoryUsage.rss(),
      freeBytes: () => freeBytesOf(data),
      stop: () => askStop(),
    },
  });
  kept.audit = composition.audit;
  await startAll(base, composition.capabilities);
  const road = await openApi(base, composition, given);
  const { signals, certifying } = composition;
  const { requireHeld } = given;
  const sessions = await takeSignals(base, { signals, trust: certifying.trust, requireHeld });
  front.turn(waysOf(road.accept, sessions));
  base.undo.push(async () => front.turn(undefined));
  await announceHosted(base, front.signals?.port);
  const link = portOf(transport?.addresses());
  await rememberPorts(data, { link, plane: portOf(plane?.addresses()) });
  beginDuties(base, composition.capabilities);
  const { cluster } = await identity.identity.show({});
  const facts = { version: hansaVersion, founded };
  await composition.audit.act({ act: 'node.started', principal: 'node', outcome: 'OK', facts });
  log.event('node.started', { name, api: url, federation: transport !== undefined });
  const ownerCode = (await composition.logins?.firstCode())?.code;
  return { cluster, founded, problem: identity.problem, ownerCode, stopAsked };
}

function freeBytesOf(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined; // some file systems do not tell
  }
}

async function startAll(
  { undo, signal: given }: Opening,
  capabilities: readonly Capability[],
): Promise<void> {
  const signal = new AbortController();
  undo.push(async () => signal.abort());
  for (const each of capabilities) {
    given.throwIfAborted();
    await each.start(signal.signal);
    undo.push(() => each.stop());
  }
}

function beginDuties(base: Opening, capabilities: readonly Capability[]): void {
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // every duty listens to it, and there are many: no leak
  const running = runDuties(base, capabilities, ending.signal);
  base.undo.push(async () => {
    ending.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
    await running;
  });
}

async function openApi(
  base: Opening,
  { capabilities, tokens, access, audit, certifying, logins, counts, signals }: Composition,
  { requireHeld }: { readonly requireHeld?: (() => void) | undefined },
): Promise<HttpRoad> {
  const { config, clock, log, random, undo } = base;
  const token = await ownerToken(config.data, random);
  const served = capabilities.flatMap((each) => each.serves);
  const routes = capabilities.flatMap((each) => each.routes);
  const contracts = served.map(({ contract }) => contract);
  const judging = { tokens, access, audit, ...(logins && { sessions: logins.sessions }) };
  const judge = createApiGate({ token, clock, log, contracts, routes, ...judging });
  const gate = heldGate(countingGate(judge, counts, 'api'), requireHeld);
  signals.admitBy(judgeOf(gate, (caller) => lapseOf(caller, { tokens, logins })));
  const front = await tlsFront(base, certifying.trust);
  const road = await openHttp({
    edge: serve(served, gate),
    routes,
    gate,
    hosts: [config.apiHost, ...config.apiNames],
    ...(front === undefined ? {} : { tls: front }),
    log,
    clock,
    version: hansaVersion,
    requireMark: (session, mark) => logins?.sessions.requireMark(session, mark),
    lapse: (caller) => lapseOf(caller, { tokens, logins }),
  });
  undo.push(() => road.close());
  return road;
}

/** Nothing is answered by a node that may have been replaced. */
function heldGate(gate: Gate, requireHeld: (() => void) | undefined): Gate {
  return requireHeld === undefined
    ? gate
    : {
        ...gate,
        admit(credential) {
          requireHeld();
          gate.admit(credential);
        },
      };
}

/** Undefined where the API stays plain, on loopback; the authority is made where there is none. */
async function tlsFront(
  { config, clock, log, undo }: Opening,
  trust: CertificateTrust | undefined,
): Promise<TlsFront | undefined> {
  if (!config.tls || trust === undefined) {
    return undefined;
  }
  const front = await createTlsFront({ trust, clock, log });
  undo.push(async () => front.close());
  return front;
}

/** What somebody goes on by may end before their request does. */
function lapseOf(
  caller: Caller,
  { tokens, logins }: Pick<Composition, 'tokens' | 'logins'>,
): Lapse | undefined {
  if (caller.kind === 'token') {
    return tokens.lapse(caller);
  }
  return caller.kind === 'principal' ? logins?.sessions.lapse(caller) : undefined;
}

function portOf(addresses: readonly string[] | undefined): number | undefined {
  const [first] = addresses ?? [];
  const port = first === undefined ? Number.NaN : Number(first.slice(first.lastIndexOf(':') + 1));
  return Number.isInteger(port) ? port : undefined;
}
