// Starts a node on real disks and sockets, and stops it in the reverse order. What federation needs
// and cannot have is logged and shown; local service runs without it.
import { setMaxListeners } from 'node:events';
import { statfsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { appBodyBytesMax } from '@hansa/capabilities/apps/contract';
import type { CertificateTrust } from '@hansa/capabilities/certificates/contract';
import { createCertificateMaker } from '@hansa/certificates-x509';
import type { AuditSink } from '@hansa/capabilities/audit/contract';
import {
  HansaError,
  isHansaError,
  serve,
  toHex,
  type Caller,
  type Capability,
  type Random,
} from '@hansa/foundation';
import { createJsonLog, createSystemClock, createSystemRandom } from '@hansa/system-node';
import { createAppEndpoints } from './app-endpoint.ts';
import { compose, type Composition } from './composition.ts';
import type { Config } from './config.ts';
import { certificateNames } from './listener-config.ts';
import { countingGate } from './counting-gate.ts';
import { openDrivers, type Opening } from './drivers.ts';
import { runDuties } from './duties.ts';
import { createApiGate } from './gate.ts';
import { openHttp, type HttpRoad, type Lapse } from './http.ts';
import { socketPathBytesMax } from './http-listen.ts';
import { createTlsFront, type TlsFront } from './http-tls.ts';
import { writeSecret } from './key-folder.ts';
import { createPeerGate } from './peer-gate.ts';
import { readPorts, writePorts, type Ports } from './ports.ts';
import { hansaVersion } from './version.ts';

export interface RunningNode {
  readonly name: string;
  readonly cluster: string;
  /** Whether this start has made the cluster: its keys, and with them its identity, are new. */
  readonly founded: boolean;
  readonly url: string;
  /** Lets the first person in as the owner, once; of the very first start alone. */
  readonly ownerCode: string | undefined;
  readonly problem: HansaError | undefined;
  /** Resolves when somebody asked for the stop over the API. */
  readonly stopAsked: Promise<void>;
  stop(): Promise<void>;
}

/** With the signal's reason where it is aborted on the way; then nothing is left running. */
export async function startNode(
  config: Config,
  writeLog: (line: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningNode> {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const log = createJsonLog({ write: writeLog, clock, level: config.logLevel });
  const base: Opening = { config, clock, random, log, undo: [], signal };
  try {
    return await assemble(base);
  } catch (error) {
    await undoAll(base);
    throw error;
  }
}

async function undoAll({ undo, log }: Opening): Promise<void> {
  for (const step of undo.splice(0).toReversed()) {
    await step().catch((error: unknown) => log.problem('node.stop-failed', error));
  }
}

async function assemble(base: Opening): Promise<RunningNode> {
  const { config, log } = base;
  const { data, name } = config;
  const ports = await readPorts(data);
  const drivers = await openDrivers(base, ports);
  const { identity, transport, plane, founded } = drivers;
  const api: { url: string } = { url: '' };
  let askStop = (): void => undefined;
  const stopAsked = new Promise<void>((resolve) => {
    askStop = resolve;
  });
  const kept: { audit?: AuditSink } = {};
  const composition = compose({
    ...drivers,
    peerGate: createPeerGate(log, () => kept.audit),
    syncIntervalMs: config.syncIntervalMs,
    proxy: config.proxy,
    certificates: {
      maker: createCertificateMaker(),
      validities: config.certificates,
      names: certificateNames(config.apiHost, config.apiNames),
    },
    endpoints: createAppEndpoints(appBodyBytesMax),
    facts: {
      version: hansaVersion,
      pid: process.pid,
      data,
      settings: config.settings,
      api: () => api.url,
      addresses: () => transport?.addresses() ?? [],
      memoryBytes: () => process.memoryUsage.rss(),
      freeBytes: () => freeBytesOf(data),
      stop: () => askStop(),
    },
  });
  kept.audit = composition.audit;
  await startAll(base, composition.capabilities);
  const road = await openApi(base, composition, ports);
  api.url = urlOf(config, road);
  await writePorts(data, {
    api: road.address.port,
    link: portOf(transport?.addresses()),
    plane: portOf(plane?.addresses()),
  });
  beginDuties(base, composition.capabilities);
  const { cluster } = await identity.identity.show({});
  const facts = { version: hansaVersion, founded };
  await composition.audit.act({ act: 'node.started', principal: 'node', outcome: 'OK', facts });
  log.event('node.started', { name, api: api.url, federation: transport !== undefined });
  return {
    name,
    cluster,
    founded,
    url: api.url,
    problem: identity.problem,
    ownerCode: (await composition.logins?.firstCode())?.code,
    stopAsked,
    stop: () => undoAll(base),
  };
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
  { capabilities, tokens, access, audit, certifying, logins, counts }: Composition,
  ports: Ports,
): Promise<HttpRoad> {
  const { config, clock, log, random, undo } = base;
  const token = await ownerToken(config.data, random);
  const served = capabilities.flatMap((each) => each.serves);
  const routes = capabilities.flatMap((each) => each.routes);
  const contracts = served.map(({ contract }) => contract);
  const judging = { tokens, access, audit, ...(logins && { sessions: logins.sessions }) };
  const judge = createApiGate({ token, clock, log, contracts, routes, ...judging });
  const gate = countingGate(judge, counts, 'api');
  const path = join(config.data, 'api.sock');
  const socket = Buffer.byteLength(path) <= socketPathBytesMax ? { socketPath: path } : {};
  const front = await tlsFront(base, certifying.trust);
  const open = (port: number): Promise<HttpRoad> =>
    openHttp({
      edge: serve(served, gate),
      routes,
      gate,
      listen: { host: config.apiHost, port },
      hosts: config.apiNames,
      ...(front === undefined ? {} : { tls: front }),
      log,
      clock,
      version: hansaVersion,
      requireMark: (session, mark) => logins?.sessions.requireMark(session, mark),
      lapse: (caller) => lapseOf(caller, { tokens, logins }),
      ...socket,
    });
  const road =
    config.apiPort !== 0
      ? await open(config.apiPort)
      : await open(ports.api ?? 0).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN')) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => road.close());
  const description = { url: urlOf(config, road), ...socket, pid: process.pid };
  const apiFile = join(config.data, 'api.json');
  await writeSecret(apiFile, `${JSON.stringify(description)}\n`);
  undo.push(() => rm(apiFile, { force: true }));
  return road;
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

function urlOf({ tls }: Config, { address: { host, port } }: HttpRoad): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
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

/** Made once; until people and roles come, whoever reads this file owns the cluster. */
async function ownerToken(data: string, random: Random): Promise<string> {
  const path = join(data, 'owner.token');
  const held = await readFile(path, 'utf8').catch(() => undefined);
  if (held !== undefined && held.trim().length >= 64) {
    return held.trim();
  }
  const token = toHex(random.bytes(32));
  await writeSecret(path, `${token}\n`);
  return token;
}

function portOf(addresses: readonly string[] | undefined): number | undefined {
  const [first] = addresses ?? [];
  const port = first === undefined ? Number.NaN : Number(first.slice(first.lastIndexOf(':') + 1));
  return Number.isInteger(port) ? port : undefined;
}
