// `hansa up`: runs a node in the foreground, or detached. The only command that does not call a
// node but is one; the daemon's code is loaded for it alone.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HansaError } from '@hansa/foundation';
import {
  defaultDataFolder,
  readApi,
  readContexts,
  rememberContext,
  type Home,
} from './contexts.ts';

export interface UpOptions {
  /** By the flag's name; absent ones come from environment, file or defaults. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly data: string | undefined;
  readonly detach: boolean;
  readonly home: Home;
  /** A line for people, to stdout. */
  readonly print: (line: string) => void;
}

const lettingGoMs = 100; // for what was printed last
const detachedReadyMs = 20_000; // a first start makes keys and opens a store; it takes a second

/** Resolves with the exit code when the node has stopped, or when the detached one answers. */
export async function runUp(options: UpOptions): Promise<number> {
  const name = options.flags['name'];
  const data = resolve(options.data ?? defaultDataFolder(options.home, name ?? 'hansa'));
  return options.detach ? startDetached(options, data) : runHere(options, data);
}

async function runHere(options: UpOptions, data: string): Promise<number> {
  const { readConfig, startNode } = await import('@hansa/node');
  const config = await readConfig({ data, flags: options.flags, environment: process.env });
  const ended = signalled();
  const node = await startNode(config, (line) => process.stderr.write(line));
  await rememberContext(options.home, { name: config.name, data });
  options.print(`${node.name} is up: ${node.url}`);
  options.print(`data in ${data}`);
  const { current } = await readContexts(options.home);
  if (current !== config.name) {
    options.print(
      `next: hansa context use ${config.name}  # commands go to ${current ?? 'none'} now`,
    );
  }
  if (node.problem !== undefined) {
    options.print(`federation is OFF: ${node.problem.message} [${node.problem.code}]`);
    options.print(`fix: ${node.problem.fix ?? 'see the log'}`);
  }
  await Promise.race([ended, node.stopAsked]);
  await node.stop();
  // The transport's library cannot give up a dial, and would keep the process for three seconds.
  setTimeout(() => process.exit(), lettingGoMs).unref();
  return 0;
}

function signalled(): Promise<void> {
  return new Promise((resolveEnd) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => resolveEnd());
    }
  });
}

async function startDetached(options: UpOptions, data: string): Promise<number> {
  const { readConfig } = await import('@hansa/node');
  // What is wrong with the flags is told here, before a folder is made for them.
  await readConfig({ data, flags: options.flags, environment: process.env });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const logFile = join(data, 'node.log');
  const log = openSync(logFile, 'a', 0o600);
  // Said anew and not passed on: in `-vd` the child would find that it is to detach, and so would
  // its child, without end.
  const flags = Object.entries(options.flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}=${value}`],
  );
  const words = [process.argv[1] ?? '', 'up', `--data=${data}`, ...flags];
  const child = spawn(process.execPath, [...process.execArgv, ...words], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref(); // also where it never gets ready: the command ends, and its log is there to read
  const ready = await waitUntilReady(options.home, data, child);
  if (ready !== 'ready') {
    const what = ready === 'late' ? 'does not answer yet' : 'ended while it started';
    throw new HansaError('NODE_UNREACHABLE', `the node ${what}`, { fix: `read ${logFile}` });
  }
  options.print(`up in the background, process ${child.pid ?? 0}; log in ${logFile}`);
  return 0;
}

/** Ready is when the next command finds it: the node answers, and its context is known. */
async function waitUntilReady(
  home: Home,
  data: string,
  child: ChildProcess,
): Promise<'ready' | 'ended' | 'late'> {
  const deadline = Date.now() + detachedReadyMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      return 'ended';
    }
    const api = await readApi(data).catch(() => undefined);
    if (api !== undefined && api.pid === child.pid && (await isKnown(home, data))) {
      return 'ready';
    }
    await new Promise((later) => {
      setTimeout(later, 50);
    });
  }
  return 'late';
}

async function isKnown(home: Home, data: string): Promise<boolean> {
  const { contexts } = await readContexts(home);
  return Object.values(contexts).some((context) => resolve(home, context.data) === data);
}
