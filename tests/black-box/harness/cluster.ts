// A cluster as people run one: `hansa up` as a process, with a home, keys, ports and data of its
// own.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rememberLogin } from './git.ts';
import { cleanEnvironment, program, temporaryFolder } from './place.ts';
import { endProcess, hasEnded, trackProcess } from './processes.ts';
import { runHansa } from './resident.ts';
import { run, type Finished } from './run.ts';
import type { Answer } from './answer.ts';
import { askBySocket } from './tls.ts';
import { until } from './until.ts';

export type { Answer } from './answer.ts';

export interface ClusterOptions {
  readonly name: string;
  /** An absolute folder; by default a temporary one. */
  readonly data?: string;
  /** Added to a clean environment: `HANSA_…`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Added to `hansa up`: `['--sync-interval', '2']`. */
  readonly flags?: readonly string[];
  /** Each command is a process of its own, as people run it: slower, and the tests of just that. */
  readonly aloneEach?: boolean;
}

export interface Cluster {
  readonly name: string;
  readonly data: string;
  /** HOME of its process; HANSA_HOME is `.hansa` in it. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of the process that runs now. */
  readonly url: string;
  readonly pid: number;
  /** `hansa -o json …` against this cluster; never throws on a failure. */
  hansa(...args: string[]): Promise<Finished>;
  /** The same without `-o json`. */
  hansaPlain(...args: string[]): Promise<Finished>;
  /** The HTTP API with the owner token; paths as the contracts give them: `/links`. */
  api<T>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
  token(): string;
  /** SIGTERM, and waits for the end: the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Starts a process on the same data; ends the one before by SIGTERM where it still runs. */
  restart(flags?: readonly string[]): Promise<void>;
  /** Everything that its processes have printed. */
  log(): string;
}

const startWithinMs = 45_000; // a start takes a second; two cores are shared with other tests

/** Starts a node and waits until it answers. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = prepareCluster(options);
  await cluster.restart(options.flags);
  return cluster;
}

/**
 * The same without starting it: for starts that must fail, and for data that must be there first.
 */
export function prepareCluster({
  name,
  data: given,
  env: more = {},
  flags,
  aloneEach = false,
}: ClusterOptions): Cluster {
  const home = temporaryFolder(name);
  const data = given ?? join(home, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const env = { ...cleanEnvironment(home), ...more };
  const logFile = join(home, 'log.txt');
  let child: ChildProcess | undefined;
  let url = '';
  let lastFlags = flags ?? [];
  const ran = (): ChildProcess => {
    if (child === undefined) {
      throw new Error(`${name} was never started`);
    }
    return child;
  };
  const token = (): string => readFileSync(join(data, 'owner.token'), 'utf8').trim();
  const hansa = (...args: string[]): Promise<Finished> => {
    const words = ['--context', name, ...args];
    // A start is the process's own affair: what it detaches and what it ends.
    return aloneEach || args.includes('up')
      ? run(process.execPath, [program, ...words], { cwd: home, env })
      : runHansa(words, { cwd: home, env });
  };
  return {
    name,
    data,
    home,
    env,
    get url() {
      return url;
    },
    get pid() {
      return ran().pid ?? 0;
    },
    hansa: (...args) => hansa('-o', 'json', ...args),
    hansaPlain: hansa,
    api: (method, path, body) =>
      url.startsWith('https:')
        ? askBySocket(join(data, 'api.sock'), { token: token(), method, path, body })
        : callApi({ url, token: token(), method, path, body }),
    token,
    async stop() {
      await endProcess(ran(), 'SIGTERM');
      return ran().exitCode;
    },
    kill: () => endProcess(ran(), 'SIGKILL'),
    pause: () => void ran().kill('SIGSTOP'),
    resume: () => void ran().kill('SIGCONT'),
    async restart(newFlags = lastFlags) {
      lastFlags = newFlags;
      if (child !== undefined) {
        await endProcess(child, 'SIGTERM');
      }
      const args = ['up', '--name', name, '--data', data, ...newFlags];
      child = spawnLogged(args, { cwd: home, env, logFile });
      url = await waitUntilReady(child, data, logFile);
      rememberLogin(url, env['HANSA_HOME'] ?? '');
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}

function spawnLogged(
  args: readonly string[],
  { cwd, env, logFile }: { cwd: string; env: Record<string, string>; logFile: string },
): ChildProcess {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  trackProcess(child);
  return child;
}

async function waitUntilReady(child: ChildProcess, data: string, logFile: string): Promise<string> {
  const look = async (): Promise<string | 'ended' | undefined> => {
    if (hasEnded(child)) {
      return 'ended';
    }
    const text = readFileSync(join(data, 'api.json'), 'utf8');
    const api = JSON.parse(text) as { url: string; pid: number };
    // By TLS nobody is answered without a certificate: its own word has to do.
    const answers = api.url.startsWith('https:') || (await fetch(`${api.url}/health`)).ok;
    const mine = api.pid === child.pid && answers;
    // Said last of all: from then on every command finds the cluster by its name.
    const said = readFileSync(logFile, 'utf8');
    const isSaid = ['is up', 'passes requests on'].some((how) =>
      said.includes(`${how}: ${api.url}`),
    );
    return mine && isSaid ? api.url : undefined;
  };
  const found = await until('the node answers', look, startWithinMs);
  if (found === 'ended') {
    throw new Error(`the node ended while it started:\n${readFileSync(logFile, 'utf8')}`);
  }
  return found;
}

export interface ApiCall {
  readonly url: string;
  /** None: without an Authorization header. */
  readonly token?: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** One request; never throws on a status. */
export async function callApi<T>({ url, token, method, path, body }: ApiCall): Promise<Answer<T>> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, text, body: readJson<T>(text) };
}

function readJson<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined as T;
  }
}
