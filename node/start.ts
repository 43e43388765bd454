// Starts a node on real disks and sockets, and stops it in the reverse order. What federation needs
// and cannot have is logged and shown; local service runs without it.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { internalRefPrefix } from '@hansa/capabilities/forge/git';
import {
  createIdentity,
  identityIsKnown,
  type KeySeeds,
} from '@hansa/capabilities/identity/capability';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  isHansaError,
  scopeStore,
  serve,
  toHex,
  type Capability,
  type Clock,
  type Log,
  type Random,
  type Transport,
} from '@hansa/foundation';
import { createGitCli } from '@hansa/git-cli';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createJsonLog, createSystemClock, createSystemRandom } from '@hansa/system-node';
import { openIrohTransport } from '@hansa/transport-iroh';
import { compose, type Composition } from './composition.ts';
import type { Config } from './config.ts';
import { runDuties } from './duties.ts';
import { createOwnerGate } from './gate.ts';
import { openHttp, type HttpRoad } from './http.ts';
import { socketPathBytesMax } from './http-listen.ts';
import { readKeys, writeSecret } from './key-folder.ts';
import { createPeerGate } from './peer-gate.ts';
import { readPorts, writePorts, type Ports } from './ports.ts';
import { hansaVersion } from './version.ts';

export interface RunningNode {
  readonly name: string;
  readonly url: string;
  readonly problem: HansaError | undefined;
  /** Resolves when somebody asked for the stop over the API. */
  readonly stopAsked: Promise<void>;
  stop(): Promise<void>;
}

interface Base {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What to undo, last first. */
  readonly undo: (() => Promise<unknown>)[];
}

export async function startNode(
  config: Config,
  writeLog: (line: string) => void,
): Promise<RunningNode> {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const log = createJsonLog({ write: writeLog, clock, level: config.logLevel });
  const base: Base = { config, clock, random, log, undo: [] };
  try {
    return await assemble(base);
  } catch (error) {
    await undoAll(base);
    throw error;
  }
}

async function undoAll({ undo, log }: Base): Promise<void> {
  for (const step of undo.splice(0).toReversed()) {
    await step().catch((error: unknown) => log.problem('node.stop-failed', error));
  }
}

async function assemble(base: Base): Promise<RunningNode> {
  const { config, clock, random, log, undo } = base;
  const { data, name } = config;
  await mkdir(data, { recursive: true, mode: 0o700 });
  const codec = createMsgpackCodec();
  const crypto = createNodeCrypto();
  const store = await openLmdbStore({ folder: join(data, 'store'), clock, log });
  undo.push(() => store.close());
  const identityStore = scopeStore(store, 'identity');
  const keys = await readKeys({
    folder: join(data, 'keys'),
    random,
    environment: process.env,
    known: await identityIsKnown(identityStore, codec),
  });
  const identity = await createIdentity({
    store: identityStore,
    codec,
    crypto,
    clock,
    log,
    keys,
    name,
  });
  const ports = await readPorts(data);
  const transport =
    identity.problem === undefined && !(keys instanceof HansaError)
      ? await openTransport(base, keys, ports)
      : undefined;
  if (identity.problem !== undefined) {
    log.problem('federation.off', identity.problem);
  }
  const blobs = await openDiskBlobs({ folder: join(data, 'blobs'), crypto, random, log });
  const git = await createGitCli({
    folder: join(data, 'git'),
    hiddenRefs: [internalRefPrefix],
    log,
  });
  const api: { url: string } = { url: '' };
  let askStop = (): void => undefined;
  const stopAsked = new Promise<void>((resolve) => {
    askStop = resolve;
  });
  const composition = compose({
    store,
    blobs,
    codec,
    crypto,
    clock,
    random,
    log,
    transport,
    git,
    identity,
    peerGate: createPeerGate(log),
    syncIntervalMs: config.syncIntervalMs,
    facts: {
      version: hansaVersion,
      pid: process.pid,
      data,
      settings: config.settings,
      api: () => api.url,
      addresses: () => transport?.addresses() ?? [],
      memoryBytes: () => process.memoryUsage.rss(),
      stop: () => askStop(),
    },
  });
  await startAll(base, composition.capabilities);
  const road = await openApi(base, composition, ports);
  api.url = `http://${road.address.host}:${road.address.port}`;
  await writePorts(data, { api: road.address.port, link: linkPort(transport) });
  beginDuties(base, composition.capabilities);
  log.event('node.started', { name, api: api.url, federation: transport !== undefined });
  return {
    name,
    url: api.url,
    problem: identity.problem,
    stopAsked,
    stop: () => undoAll(base),
  };
}

/**
 * A remembered port that somebody else took meanwhile is given up; a configured one is an error.
 */
async function openTransport(
  { config, clock, log, undo }: Base,
  keys: KeySeeds,
  ports: Ports,
): Promise<Transport> {
  const open = (port: number): Promise<Transport> =>
    openIrohTransport({
      seed: keys.node,
      bind: { host: config.linkHost, port },
      relays: config.relays,
      clock,
      log,
    });
  const transport =
    config.linkPort !== 0
      ? await open(config.linkPort)
      : await open(ports.link ?? 0).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN')) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => transport.close());
  return transport;
}

async function startAll({ undo }: Base, capabilities: readonly Capability[]): Promise<void> {
  const signal = new AbortController();
  undo.push(async () => signal.abort());
  for (const each of capabilities) {
    await each.start(signal.signal);
    undo.push(() => each.stop());
  }
}

function beginDuties(base: Base, capabilities: readonly Capability[]): void {
  const ending = new AbortController();
  const running = runDuties(base, capabilities, ending.signal);
  base.undo.push(async () => {
    ending.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
    await running;
  });
}

async function openApi(base: Base, { capabilities }: Composition, ports: Ports): Promise<HttpRoad> {
  const { config, clock, log, random, undo } = base;
  const token = await ownerToken(config.data, random);
  const served = capabilities.flatMap((each) => each.serves);
  const routes = capabilities.flatMap((each) => each.routes);
  const contracts = served.map(({ contract }) => contract);
  const gate = createOwnerGate({ token, clock, log, contracts, routes });
  const socketPath = join(config.data, 'api.sock');
  const open = (port: number): Promise<HttpRoad> =>
    openHttp({
      edge: serve(served, gate),
      routes,
      gate,
      listen: { host: config.apiHost, port },
      log,
      clock,
      version: hansaVersion,
      ...(Buffer.byteLength(socketPath) <= socketPathBytesMax ? { socketPath } : {}),
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
  const { host, port } = road.address;
  const description = { url: `http://${host}:${port}`, socketPath, pid: process.pid };
  const apiFile = join(config.data, 'api.json');
  await writeSecret(apiFile, `${JSON.stringify(description)}\n`);
  undo.push(() => rm(apiFile, { force: true }));
  return road;
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

function linkPort(transport: Transport | undefined): number | undefined {
  const [first] = transport?.addresses() ?? [];
  const port = first === undefined ? Number.NaN : Number(first.slice(first.lastIndexOf(':') + 1));
  return Number.isInteger(port) ? port : undefined;
}
