// `hansa signal serve` as a process, and commands and clients at it.
import { spawn, type ChildProcess } from 'node:child_process';
import { Clasp } from '@clasp-to/core';
import { vi } from 'vitest';
import { WebSocket } from 'ws';
import { afterFile } from '../harness/after-file.ts';
import { cleanEnvironment, lastingFolder, program } from '../harness/place.ts';
import { endProcess, hasEnded, trackProcess } from '../harness/processes.ts';
import { runHansa } from '../harness/resident.ts';
import { run, type Finished } from '../harness/run.ts';
import { until } from '../harness/until.ts';

export interface Served {
  readonly url: string;
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly pid: number;
  readonly federation: { readonly mode: string; readonly id: string } | undefined;
}

export interface SignalRouter extends Served {
  /** `hansa -o json signal …` at this router. */
  signal(...words: string[]): Promise<Finished>;
  /** The published client. */
  client(token?: string): Promise<Clasp>;
  log(): string;
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end: the exit code. */
  stop(): Promise<number | null>;
}

const home = lastingFolder('signal');
export const env: Readonly<Record<string, string>> = cleanEnvironment(home);
const startWithinMs = 30_000;
const clients = new Set<Clasp>();

afterFile(() => {
  clients.forEach((client) => client.close());
  clients.clear();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** On ports of its own. */
export async function serveSignals(...flags: string[]): Promise<SignalRouter> {
  const args = [program, '-o', 'json', 'signal', 'serve', '--port', '0', ...flags];
  const child = spawn(process.execPath, args, { cwd: home, env: { ...env } });
  trackProcess(child);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  }
  await until(
    'the router is there',
    () => said.stdout.includes('\n') || hasEnded(child),
    startWithinMs,
  );
  if (hasEnded(child)) {
    throw new Error(`the router ended as it began: ${said.stdout}${said.stderr}`);
  }
  return routerOf(child, JSON.parse(said.stdout) as Served, () => said.stderr);
}

function routerOf(child: ChildProcess, served: Served, log: () => string): SignalRouter {
  const { url } = served;
  return {
    ...served,
    log,
    signal: (verb = '', ...words) => hansa('-o', 'json', 'signal', verb, '--url', url, ...words),
    client: (token) => joinAt(url, token),
    kill: () => endProcess(child, 'SIGKILL'),
    async stop() {
      await endProcess(child, 'SIGTERM');
      return child.exitCode;
    },
  };
}

export async function joinAt(url: string, token?: string): Promise<Clasp> {
  // The client takes the global one, which this version of Node lacks; it prints every ACK.
  vi.stubGlobal('WebSocket', WebSocket);
  vi.spyOn(console, 'debug').mockReturnValue();
  vi.spyOn(console, 'error').mockReturnValue();
  const client = new Clasp(url, { name: 'tester', reconnect: false, ...(token && { token }) });
  clients.add(client);
  await client.connect();
  return client;
}

export function hansa(...words: string[]): Promise<Finished> {
  return runHansa(words, { cwd: home, env });
}

/** As a process of its own: for starts that fail, and what is about the process. */
export function hansaAlone(
  more: Readonly<Record<string, string>>,
  ...words: string[]
): Promise<Finished> {
  return run(process.execPath, [program, ...words], { cwd: home, env: { ...env, ...more } });
}
