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
import { streamContract, type Streams } from '@hansa/capabilities/stream/contract';
import { syncContract, type Sync } from '@hansa/capabilities/sync/contract';
import { remote, type Carrier } from '@hansa/foundation';

export interface MeasuredCluster {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly readyMs: number;
  readonly links: Links;
  readonly policies: Policies;
  readonly forge: Forge;
  readonly kv: Kv;
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
  start(name: string): Promise<MeasuredCluster>;
  close(): Promise<void>;
}

const program = join(import.meta.dirname, '..', 'cli', 'bin', 'hansa.js');
const startWithinMs = 30_000;

export function createRig(): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-bench-'));
  const running: MeasuredCluster[] = [];
  return {
    folder,
    async start(name) {
      const cluster = await startCluster(folder, name);
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

async function startCluster(folder: string, name: string): Promise<MeasuredCluster> {
  const data = join(folder, name);
  const apiFile = join(data, 'api.json');
  rmSync(apiFile, { force: true }); // a process that was killed has left it
  const startedMs = performance.now();
  const child = spawn(process.execPath, [program, 'up', '--name', name, '--data', data], {
    env: { ...process.env, HANSA_HOME: folder },
    stdio: 'ignore',
  });
  await until(`${name} is ready`, startWithinMs, async () => {
    readFileSync(apiFile);
    return true;
  });
  const readyMs = performance.now() - startedMs;
  const { url } = JSON.parse(readFileSync(apiFile, 'utf8')) as { url: string };
  const token = readFileSync(join(data, 'owner.token'), 'utf8').trim();
  const carrier = createHttpCarrier({ url, token });
  return {
    name,
    url,
    token,
    pid: child.pid ?? 0,
    readyMs,
    links: remote(linksContract, carrier),
    policies: remote(policiesContract, carrier),
    forge: remote(forgeContract, carrier),
    kv: remote(kvContract, carrier),
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
  const { token } = await lubeck.links.invite({ confirm: true });
  await bergen.links.accept({ token, confirm: true });
  await untilLive(bergen, 'lubeck');
  return { lubeck, bergen };
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
  const { links } = await lubeck.links.list({});
  const peer = links.find((link) => link.name === bergen.name)?.peer;
  if (peer === undefined) {
    throw new Error('the clusters are not linked');
  }
  await lubeck.policies.add({
    effect: 'allow',
    resources: { kind, name },
    peers: { cluster: peer },
    verbs: ['see', 'pull'],
  });
}
