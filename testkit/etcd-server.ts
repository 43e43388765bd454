// Real etcd on loopback: one member or three, in a folder of their own, which a test may kill, hang
// and start again one by one. Ends with the process that started it at the latest.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as askPlain } from 'node:http';
import { request as askEncrypted } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const readyWithinMs = 30_000;
const lookEveryMs = 50;
const askTimeoutMs = 2_000;
const portTriesMax = 3; // somebody else may take a port between looking and listening

export interface EtcdOptions {
  /** 1 where it is not said. */
  readonly members?: 1 | 3;
  /** Clients need a certificate of the test's own authority. */
  readonly tls?: boolean;
  /** Enables users; `root` with this password is one. */
  readonly rootPassword?: string;
  readonly quotaBytes?: number;
  /** How often a quiet watch is told how far it is; etcd's default is ten minutes. */
  readonly progressEveryMs?: number;
  /** Each member in a network of its own; absent: all on loopback. */
  readonly hosts?: readonly EtcdHost[];
}

export interface EtcdHost {
  readonly address: string;
  /** Words that begin a program there. */
  readonly enter: readonly string[];
}

const loopback: EtcdHost = { address: '127.0.0.1', enter: [] };

export interface EtcdMember {
  readonly name: string;
  /** `host:port` */
  readonly endpoint: string;
  /** SIGKILL, and until the process is gone. */
  kill(): Promise<void>;
  /** Again, on what it had written; where it runs, until it answers. */
  start(): Promise<void>;
  /** SIGSTOP: it hangs, and its connections stay open. */
  hang(): void;
  /** SIGCONT. */
  resume(): void;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
  leader(): Promise<EtcdMember>;
  end(): Promise<void>;
}

export function etcdVersion(): string {
  return /[\d.]+/.exec(spawnSync('etcd', ['--version']).stdout.toString())?.[0] ?? '?';
}

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (tries >= portTriesMax) {
        throw error;
      }
    }
  }
}

async function startOnce(options: EtcdOptions): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-etcd-'));
  const tls = options.tls === true ? makeCertificates(folder) : undefined;
  const names = Array.from({ length: options.members ?? 1 }, (_, index) => `m${index}`);
  const ports = await freePorts(2 * names.length);
  const hosts = names.map((_, index) => options.hosts?.[index] ?? loopback);
  const peers = names.map(
    (name, index) => `${name}=http://${hosts[index]?.address}:${ports[2 * index + 1]}`,
  );
  const members = hosts.map((host, index) => {
    const endpoint = `${host.address}:${ports[2 * index]}`;
    return new Process({ name: names[index] ?? '', endpoint, host, folder, peers, options, tls });
  });
  const end = async (): Promise<void> => {
    process.off('exit', killAll);
    await Promise.all(members.map((member) => member.kill()));
    rmSync(folder, { recursive: true, force: true });
  };
  const killAll = (): void => members.forEach((member) => member.killNow());
  process.once('exit', killAll);
  try {
    await Promise.all(members.map((member) => member.start()));
    const [first] = members;
    if (options.rootPassword !== undefined && first !== undefined) {
      await enableUsers(first, options.rootPassword);
    }
  } catch (error) {
    await end();
    throw error;
  }
  return {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    ...(tls === undefined ? {} : { tls: tls.client }),
    leader: () => leaderOf(members),
    end,
  };
}

interface Certificates {
  readonly folder: string;
  readonly client: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

interface ProcessNeeds {
  readonly name: string;
  readonly endpoint: string;
  readonly host: EtcdHost;
  readonly folder: string;
  readonly peers: readonly string[];
  readonly options: EtcdOptions;
  readonly tls: Certificates | undefined;
}

class Process implements EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  readonly #needs: ProcessNeeds;
  #child: ChildProcess | undefined;

  constructor(needs: ProcessNeeds) {
    this.name = needs.name;
    this.endpoint = needs.endpoint;
    this.#needs = needs;
  }

  async start(): Promise<void> {
    const child = this.#isRunning() ? this.#child : spawnToEndWithUs(this.#needs);
    this.#child = child;
    const overMs = Date.now() + readyWithinMs;
    while (!(await this.#isHealthy())) {
      if (!this.#isRunning() || Date.now() > overMs) {
        throw new Error(`etcd ${this.name} does not answer`);
      }
      await sleep(lookEveryMs);
    }
  }

  async #isHealthy(): Promise<boolean> {
    try {
      return (await this.ask('GET', '/health')).includes('"true"');
    } catch {
      return false;
    }
  }

  /** By etcd's JSON gateway. */
  ask(method: 'GET' | 'POST', path: string, body: unknown = {}): Promise<string> {
    const { tls, folder, options: given } = this.#needs;
    const [host, port] = this.endpoint.split(':');
    const where =
      given.hosts === undefined
        ? { host, port }
        : { socketPath: join(folder, socketOf(this.name)) };
    const options = { ...where, path, method, timeout: askTimeoutMs };
    const sent = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const asked =
        tls === undefined ? askPlain(options) : askEncrypted({ ...options, ...tls.client });
      asked.on('response', (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(text)),
        );
      });
      asked.on('error', reject);
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.end(method === 'POST' ? sent : undefined);
    });
  }

  kill(): Promise<void> {
    const child = this.#child;
    if (!this.#isRunning()) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      child?.once('exit', () => resolve());
      child?.kill('SIGKILL');
    });
  }

  #isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  killNow(): void {
    this.#child?.kill('SIGKILL');
  }

  hang(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}

/** Also where this process is killed, and can tell nobody: Linux then kills what it started. */
function spawnToEndWithUs(needs: ProcessNeeds): ChildProcess {
  const can = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  const ending = can ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  const [program = '', ...args] = [...needs.host.enter, ...ending, 'etcd', ...argumentsOf(needs)];
  return spawn(program, args, { stdio: 'ignore', cwd: needs.folder });
}

/** A file in the folder of all: whoever is in no network of theirs asks by it. */
function socketOf(name: string): string {
  return `${name}:1`; // etcd wants it to look like a host and a port
}

function argumentsOf({ name, endpoint, folder, peers, options, tls }: ProcessNeeds): string[] {
  const data = join(folder, name);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const client = `${tls === undefined ? 'http' : 'https'}://${endpoint}`;
  const peer = peers.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const { quotaBytes, progressEveryMs, hosts } = options;
  const socket = hosts === undefined ? '' : `,unix://${socketOf(name)}`;
  return [
    '--logger=zap',
    '--log-level=error',
    `--name=${name}`,
    `--data-dir=${data}`,
    `--listen-client-urls=${client}${socket}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${peers.join(',')}`,
    `--initial-cluster-token=${folder}`,
    ...(quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`]),
    ...(progressEveryMs === undefined
      ? []
      : [`--experimental-watch-progress-notify-interval=${progressEveryMs}ms`]),
    ...(tls === undefined
      ? []
      : [
          '--client-cert-auth',
          `--trusted-ca-file=${join(tls.folder, 'ca.pem')}`,
          `--cert-file=${join(tls.folder, 'leaf.pem')}`,
          `--key-file=${join(tls.folder, 'leaf.key')}`,
        ]),
  ];
}

async function enableUsers(member: Process, password: string): Promise<void> {
  const steps: readonly [path: string, body: unknown][] = [
    ['user/add', { name: 'root', password }],
    ['role/add', { name: 'root' }],
    ['user/grant', { user: 'root', role: 'root' }],
    ['enable', {}],
  ];
  for (const [path, body] of steps) {
    await member.ask('POST', `/v3/auth/${path}`, body);
  }
}

async function leaderOf(members: readonly Process[]): Promise<EtcdMember> {
  for (;;) {
    for (const member of members) {
      const text = await member.ask('POST', '/v3/maintenance/status').catch(() => '{}');
      const { header, leader } = JSON.parse(text) as {
        readonly header?: { readonly member_id: string };
        readonly leader?: string;
      };
      if (leader !== undefined && leader === header?.member_id) {
        return member;
      }
    }
    await sleep(lookEveryMs);
  }
}

/** An authority, and one certificate that serves both sides. */
function makeCertificates(folder: string): Certificates {
  const inFolder = (line: string): void => {
    const { status, stderr } = spawnSync('openssl', line.split(' '), { cwd: folder });
    if (status !== 0) {
      throw new Error(`openssl ${line}: ${stderr.toString()}`);
    }
  };
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  inFolder(`req -x509 ${key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem`);
  inFolder(`req ${key} -subj /CN=member -keyout leaf.key -out leaf.csr`);
  writeFileSync(join(folder, 'leaf.ext'), 'subjectAltName=IP:127.0.0.1\n');
  inFolder(
    'x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 ' +
      '-extfile leaf.ext -out leaf.pem',
  );
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  return {
    folder,
    client: { ca: read('ca.pem'), cert: read('leaf.pem'), key: read('leaf.key') },
  };
}

/** All different: each is held until the last one is found. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
