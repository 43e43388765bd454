// `hansa up --nodes 3 --store etcd`: a whole cluster of several nodes on this machine, with an etcd
// of three members beside them, for trying it out on a laptop. It all ends together.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { nodesContract } from '@hansa/capabilities/nodes/contract';
import { createHttpCarrier } from '@hansa/client';
import { HansaError, remote } from '@hansa/foundation';
import { z } from 'zod';
import { defaultDataFolder, readApi, readOwnerToken, type Home } from './contexts.ts';
import { startDetached } from './detached.ts';
import { listenForEnd, type End } from './listen-for-end.ts';

const etcdMembers = 3; // the fewest of which one may be lost
export const localNodesMax = 5; // each is a process of 150 MB
const readyWithinMs = 30_000; // an election, on a busy machine
const lookMs = 100; // nobody sees a tenth of a second
const progressSeconds = 5; // how often a quiet watch is told how far it is; etcd's default is 600
const endWithinMs = 15_000; // an orderly stop takes a second
const etcdEndWithinMs = 1_000; // longer, it looks for a member to lead that is ending as well

export interface UpNodesOptions {
  readonly nodes: number;
  readonly name: string;
  readonly data: string | undefined;
  readonly home: Home;
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
}

interface Layout {
  readonly clientPorts: readonly number[];
  readonly peerPorts: readonly number[];
}

const layoutSchema: z.ZodType<Layout> = z.object({
  clientPorts: z.array(z.number().int()),
  peerPorts: z.array(z.number().int()),
});

/** In the foreground, until it is interrupted: the exit code. */
export async function runUpNodes(options: UpNodesOptions): Promise<number> {
  const { nodes, name, print } = options;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > localNodesMax) {
    throw new HansaError('USAGE', `--nodes is a number from 1 to ${localNodesMax}`);
  }
  const data = resolve(options.data ?? defaultDataFolder(options.home, name));
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const end = listenForEnd(process);
  const layout = await layoutOf(data);
  const etcd = startEtcd(data, layout);
  const folders = Array.from({ length: nodes }, (_, at) => join(data, `node-${at + 1}`));
  const started: number[] = [];
  const endAtOnce = (): void => killAll(started, etcd);
  process.once('exit', endAtOnce); // where nobody waits for the order below
  try {
    await untilEtcdAnswers(etcd, layout);
    print(`etcd is up: ${etcdMembers} members on loopback, data in ${data}`);
    const store = `etcd://${layout.clientPorts.map((port) => `127.0.0.1:${port}`).join(',')}`;
    for (const [at, folder] of folders.entries()) {
      end.signal.throwIfAborted();
      await startNode(options, { at, folder, store: `${store}/hansa`, first: folders[0] ?? '' });
      started.push((await readApi(folder)).pid);
    }
    print(`${name} has ${nodes} nodes; each of them may be lost. Ctrl-C stops all of it.`);
    await untilEnd(end, etcd);
    return 0;
  } finally {
    await Promise.all(folders.map(stopNode)); // they give over what they do, by the store
    await Promise.all(etcd.map(stopChild));
    process.off('exit', endAtOnce);
  }
}

async function layoutOf(data: string): Promise<Layout> {
  const path = join(data, 'local-etcd.json');
  const held = await readFile(path, 'utf8').catch(() => undefined);
  if (held !== undefined) {
    return layoutSchema.parse(JSON.parse(held));
  }
  const ports = await freePorts(2 * etcdMembers);
  const layout = { clientPorts: ports.slice(0, etcdMembers), peerPorts: ports.slice(etcdMembers) };
  await writeFile(path, `${JSON.stringify(layout)}\n`, { mode: 0o600 });
  return layout;
}

/** All held at the same time, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map(
      (server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done())),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map((server) => new Promise<void>((done) => server.close(() => done()))),
  );
  return ports;
}

function startEtcd(data: string, { clientPorts, peerPorts }: Layout): readonly ChildProcess[] {
  const peers = peerPorts.map((port, at) => `m${at + 1}=http://127.0.0.1:${port}`);
  return peers.map((peer, at) => {
    const [member = '', peerUrl = ''] = peer.split('=');
    const clientUrl = `http://127.0.0.1:${clientPorts[at]}`;
    const folder = join(data, `etcd-${at + 1}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const log = openSync(join(data, `etcd-${at + 1}.log`), 'a', 0o600);
    const child = spawn(
      'etcd',
      [
        '--logger=zap',
        `--name=${member}`,
        `--data-dir=${folder}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${peers.join(',')}`,
        '--auto-compaction-retention=0',
        `--experimental-watch-progress-notify-interval=${progressSeconds}s`,
      ],
      // Ctrl-C goes to all of a terminal's group: etcd would be gone before the nodes have stopped.
      { stdio: ['ignore', log, log], detached: true },
    );
    child.on('error', () => undefined); // seen as one that has ended
    return child;
  });
}

async function untilEtcdAnswers(
  etcd: readonly ChildProcess[],
  { clientPorts }: Layout,
): Promise<void> {
  const untilMs = performance.now() + readyWithinMs;
  for (;;) {
    if (etcd.some(({ pid }) => pid === undefined)) {
      throw new HansaError('CONFIG_INVALID', 'there is no program "etcd" on this machine', {
        fix: 'apt-get install etcd-server, or run the store elsewhere: --store etcd://host:2379',
      });
    }
    const answers = await Promise.all(clientPorts.map(accepts));
    if (answers.every(Boolean)) {
      return;
    }
    if (performance.now() > untilMs || etcd.some(hasEnded)) {
      throw new HansaError('STORE_UNAVAILABLE', 'the local etcd does not come up', {
        fix: 'read etcd-1.log in the data folder',
      });
    }
    await pause(lookMs);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function startNode(
  { name, flags, print }: UpNodesOptions,
  given: {
    readonly at: number;
    readonly folder: string;
    readonly store: string;
    readonly first: string;
  },
): Promise<void> {
  const { at, folder, store, first } = given;
  const nodeName = `${name}-${at + 1}`;
  const isMember =
    (await readFile(join(folder, 'store.json')).catch(() => undefined)) !== undefined;
  const way =
    at === 0 || isMember ? { store } : { join: await ticketFrom(first), store: undefined };
  // One file of contexts: the first node's is the cluster's.
  const context = at === 0 ? name : `${name}.${nodeName}`;
  await startDetached({
    data: folder,
    context: undefined,
    flags: { ...flags, ...way, name: context, 'node-name': nodeName },
    print: (line) => print(`  ${nodeName}: ${line}`),
  });
}

async function ticketFrom(folder: string): Promise<string> {
  const { socketPath, url } = await readApi(folder);
  const token = await readOwnerToken(folder);
  const where = socketPath === undefined ? { url } : { socketPath };
  const nodes = remote(nodesContract, createHttpCarrier({ ...where, token }));
  return (await nodes.invite({})).ticket;
}

/** Until somebody asks for it, or too much of etcd is gone. */
async function untilEnd(end: End, etcd: readonly ChildProcess[]): Promise<void> {
  const majority = Math.floor(etcdMembers / 2) + 1;
  while (!end.signal.aborted) {
    if (etcd.filter((child) => !hasEnded(child)).length < majority) {
      throw new HansaError('STORE_UNAVAILABLE', 'most members of the local etcd have ended');
    }
    await Promise.race([end.asked, pause(10 * lookMs)]);
  }
}

async function stopNode(folder: string): Promise<void> {
  const api = await readApi(folder).catch(() => undefined);
  if (api === undefined || !signal(api.pid, 'SIGTERM')) {
    return;
  }
  const untilMs = performance.now() + endWithinMs;
  while (signal(api.pid, 0) && performance.now() < untilMs) {
    await pause(lookMs);
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) {
    return;
  }
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), etcdEndWithinMs);
  await gone;
  clearTimeout(late);
}

/** Without an order, as by a second Ctrl-C: neither nodes nor etcd lose what they have said. */
function killAll(nodes: readonly number[], etcd: readonly ChildProcess[]): void {
  nodes.forEach((pid) => signal(pid, 'SIGKILL'));
  etcd.forEach((child) => child.kill('SIGKILL'));
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** False where there is no such process. */
function signal(pid: number, what: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    return process.kill(pid, what);
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}
