// Two real, linked clusters for measuring: processes of the built program, in a folder of their
// own.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHttpCarrier } from '@hansa/client';
import { linksContract, type Links } from '@hansa/capabilities/links/contract';
import { policiesContract, type Policies } from '@hansa/capabilities/policies/contract';
import { forgeContract, type Forge } from '@hansa/capabilities/forge/contract';
import { kvContract, type Kv } from '@hansa/capabilities/kv/contract';
import { namespacesContract, type Namespaces } from '@hansa/capabilities/namespaces/contract';
import { streamContract, type Streams } from '@hansa/capabilities/stream/contract';
import { syncContract, type Sync } from '@hansa/capabilities/sync/contract';
import { remote, type Carrier } from '@hansa/foundation';
import { profileFlags } from './profiled.ts';

export interface MeasuredCluster {
  readonly name: string;
  readonly url: string;
  /** Where sessions of signals connect, if it was started for some. */
  readonly signals: string | undefined;
  readonly token: string;
  readonly pid: number;
  readonly readyMs: number;
  readonly links: Links;
  readonly policies: Policies;
  readonly forge: Forge;
  readonly kv: Kv;
  readonly namespaces: Namespaces;
  readonly streams: Streams;
  readonly sync: Sync;
  /** A program's own connections to the node: callers of one share sixty-four. */
  carrier(): Carrier;
  /** With the token inside: for stock git. */
  gitUrl(path: string): string;
  stop(): Promise<void>;
  /** SIGKILL, at once. */
  kill(): Promise<void>;
}

export interface Rig {
  readonly folder: string;
  start(name: string, ...flags: readonly string[]): Promise<MeasuredCluster>;
  close(): Promise<void>;
}

const program = join(import.meta.dirname, '..', 'cli', 'bin', 'hansa.js');
const startWithinMs = 30_000;

export function createRig(): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-bench-'));
  const running: MeasuredCluster[] = [];
  return {
    folder,
    async start(name, ...flags) {
      const cluster = await startCluster(folder, name, flags);
      running.push(cluster);
      return cluster;
    },
    async close() {
      await Promise.allSettled(running.map((cluster) => cluster.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function until(
  what: string,
  withinMs: number,
  done: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await done().catch(() => false))) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

async function startCluster(
  folder: string,
  name: string,
  flags: readonly string[],
): Promise<MeasuredCluster> {
  const data = join(folder, name);
  const apiFile = join(data, 'api.json');
  rmSync(apiFile, { force: true }); // a process that was killed has left it
  const startedMs = performance.now();
  const up = [program, 'up', '--name', name, '--data', data, ...flags];
  const child = spawn(process.execPath, [...profileFlags, ...up], {
    env: { ...process.env, HANSA_HOME: folder },
    stdio: 'ignore',
  });
  await until(`${name} listens`, startWithinMs, async () => {
    readFileSync(apiFile);
    return true;
  });
  const said = JSON.parse(readFileSync(apiFile, 'utf8')) as { url: string; signals?: string };
  const { url } = said;
  // It listens before it serves, and answers as soon as it does.
  await until(`${name} is ready`, startWithinMs, async () => (await fetch(`${url}/health`)).ok);
  const readyMs = performance.now() - startedMs;
  const token = readFileSync(join(data, 'owner.token'), 'utf8').trim();
  const carrier = createHttpCarrier({ url, token });
  return {
    name,
    url,
    signals: said.signals,
    token,
    pid: child.pid ?? 0,
    readyMs,
    links: remote(linksContract, carrier),
    policies: remote(policiesContract, carrier),
    forge: remote(forgeContract, carrier),
    kv: remote(kvContract, carrier),
    namespaces: remote(namespacesContract, carrier),
    streams: remote(streamContract, carrier),
    sync: remote(syncContract, carrier),
    carrier: () => createHttpCarrier({ url, token }),
    gitUrl: (path) => url.replace('http://', `http://x:${token}@`) + path,
    stop: () => endProcess(child, 'SIGTERM'),
    kill: () => endProcess(child, 'SIGKILL'),
  };
}

export function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

/** lubeck and bergen, linked and confirmed. */
export async function startPair(
  rig: Rig,
): Promise<{ lubeck: MeasuredCluster; bergen: MeasuredCluster }> {
  const lubeck = await rig.start('lubeck');
  const bergen = await rig.start('bergen');
  await linkTwo(lubeck, bergen);
  return { lubeck, bergen };
}

export async function linkTwo(one: MeasuredCluster, other: MeasuredCluster): Promise<void> {
  const { token } = await one.links.invite({ confirm: true });
  await other.links.accept({ token, confirm: true });
  await untilLive(other, one.name);
}

export function untilLive(cluster: MeasuredCluster, peer: string): Promise<void> {
  return until('the link is live', startWithinMs, async () => {
    const { status } = await cluster.links.show({ peer });
    return ['live', 'idle', 'syncing'].includes(status);
  });
}

export async function share(
  { lubeck, bergen }: { lubeck: MeasuredCluster; bergen: MeasuredCluster },
  name: string,
  kind: 'git' | 'kv' | 'stream' = 'git',
): Promise<void> {
  await shareWith(lubeck, bergen, { kind, name });
}

/** To see it and pull it. */
export async function shareWith(
  owner: MeasuredCluster,
  other: MeasuredCluster,
  resources: { readonly kind: string; readonly name: string },
): Promise<void> {
  const { links } = await owner.links.list({});
  const peer = links.find((link) => link.name === other.name)?.peer;
  if (peer === undefined) {
    throw new Error('the clusters are not linked');
  }
  const peers = { cluster: peer };
  await owner.policies.add({ effect: 'allow', resources, peers, verbs: ['see', 'pull'] });
}
