// One node as a process: started on its data, wherever and in whatever network that lies, and ended
// in every way there is.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnvironment, program } from '../../black-box/harness/place.ts';
import { endProcess, hasEnded, trackProcess } from '../../black-box/harness/processes.ts';
import { until } from '../../black-box/harness/until.ts';
import type { Port } from './switchboard.ts';
import type { Storage } from './storage.ts';

export interface NodeSetup {
  /** Of the process, for people: the cluster's, and the node's own where it has several. */
  readonly name: string;
  readonly cluster: string;
  readonly home: string;
  readonly storage: Storage;
  /** Its network, where it has one of its own. */
  readonly port?: Port | undefined;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  /** The data folder from outside. */
  readonly data: string;
  readonly port: Port | undefined;
  readonly isRunning: boolean;
  address(): NodeAddress;
  /** Waits until it answers; throws what it said where it ended instead. */
  start(moreFlags?: readonly string[]): Promise<void>;
  /** The next starts are on other storage. */
  moveTo(storage: Storage): void;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  log(): string;
}

/** By its socket, which is a file: no partition of its network is one between us and it. */
export interface NodeAddress {
  readonly socketPath: string;
  readonly token: string;
}

const startWithinMs = 60_000; // a start takes a second; others use the machine, disks may be slow

export function prepareNode(setup: NodeSetup): NodeProcess {
  const { name, home, port } = setup;
  const logFile = join(home, `${name}.log`);
  let { storage } = setup;
  let child: ChildProcess | undefined;
  const ran = (): ChildProcess => {
    if (child === undefined) {
      throw new Error(`${name} was never started`);
    }
    return child;
  };
  const log = (): string => readFileSync(logFile, 'utf8');
  return {
    name,
    port,
    get pid() {
      return ran().pid ?? 0;
    },
    get data() {
      return storage.outside;
    },
    get isRunning() {
      return child !== undefined && !hasEnded(child);
    },
    address: () => ({
      socketPath: join(storage.outside, 'api.sock'),
      token: readFileSync(join(storage.outside, 'owner.token'), 'utf8').trim(),
    }),
    async start(moreFlags = []) {
      const from = child === undefined ? 0 : log().length;
      const flags = [...setup.flags, ...moreFlags];
      child = launch({ ...setup, storage, flags }, logFile);
      await untilUp(child, { name, said: () => log().slice(from) });
    },
    moveTo(other) {
      storage = other;
    },
    stop: () => endProcess(ran(), 'SIGTERM'),
    kill: () => endProcess(ran(), 'SIGKILL'),
    pause: () => void ran().kill('SIGSTOP'),
    resume: () => void ran().kill('SIGCONT'),
    log,
  };
}

function launch(
  { cluster, home, storage, port, flags, env }: NodeSetup,
  logFile: string,
): ChildProcess {
  const links = port === undefined ? [] : ['--link-host', port.address];
  const up = ['up', '--name', cluster, '--data', storage.folder, ...links, ...flags];
  const [first = '', ...rest] = [
    ...(port?.enter ?? []),
    ...storage.enter,
    process.execPath,
    program,
    ...up,
  ];
  const log = openSync(logFile, 'a');
  const child = spawn(first, rest, {
    cwd: home,
    env: { ...cleanEnvironment(home), ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  trackProcess(child);
  return child;
}

async function untilUp(
  child: ChildProcess,
  { name, said }: { readonly name: string; readonly said: () => string },
): Promise<void> {
  const look = (): 'up' | 'ended' | undefined =>
    / is up: | passes requests on: /.test(said()) ? 'up' : hasEnded(child) ? 'ended' : undefined;
  if ((await until(`${name} is up`, look, startWithinMs)) === 'ended') {
    throw new StartFailed(name, said());
  }
}

/** The node ended instead of answering. */
export class StartFailed extends Error {
  readonly said: string;

  constructor(name: string, said: string) {
    super(`${name} ended while it started: ${said.trim().split('\n').slice(-4).join('\n')}`);
    this.said = said;
  }
}
