// Three sites of each kind of router, a hub with a leaf on either side of it, and the load: all of
// them processes of their own on loopback, their links encrypted.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { startAsked } from './asked.ts';
import { endProcess, until } from './federation-rig.ts';
import { freePort } from './free-port.ts';
import { certificateFiles, natsVersion } from './nats-rig.ts';
import { profileFlags } from './profiled.ts';
import type { SignalLoad } from './signal-load.ts';

/** Ports that clients go to. */
export interface Sites {
  readonly version: string;
  readonly hub: number;
  /** A leaf of the hub. */
  readonly a: number;
  /** Another one, or the same where none is asked for. */
  readonly b: number;
}

export interface SignalRig {
  readonly load: SignalLoad;
  /** `ws` is a router by itself, and where its WebSocket is; the sites are reached by TCP. */
  readonly ours: Sites & { readonly ws: number };
  readonly nats: Sites;
  readonly mosquitto: Sites;
  close(): Promise<void>;
}

interface Tls {
  readonly key: string;
  readonly certificate: string;
}

interface Start {
  readonly keep: (child: ChildProcess) => void;
  readonly hasB: boolean;
}

const program = join(import.meta.dirname, '..', 'cli', 'bin', 'hansa.js');
const loadScript = join(import.meta.dirname, 'signal-load.ts');
const startWithinMs = 30_000;
const host = '127.0.0.1';

/** With `b` left out, nobody has to be told what is measured but the hub. */
export async function startSignalRig(leaves: 'a' | 'a and b' = 'a and b'): Promise<SignalRig> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-signals-'));
  const children: ChildProcess[] = [];
  const keep: Start['keep'] = (child) => void children.push(child);
  const tls = certificateFiles(folder);
  const hasB = leaves === 'a and b';
  const ours = await startOurs(tls, { keep, hasB });
  const nats = await startNats(folder, tls, { keep, hasB });
  const mosquitto = await startMosquitto(folder, tls, { keep, hasB });
  const load = await startAsked<SignalLoad>(loadScript, []);
  return {
    load: load.node,
    ours,
    nats,
    mosquitto,
    async close() {
      await load.end();
      await Promise.all(children.map((child) => endProcess(child, 'SIGTERM')));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Served {
  readonly port: number;
  readonly tcpPort: number;
}

/** Nobody is asked for a token, as at the others; links between routers are TLS as theirs. */
async function startOurs(
  { key, certificate }: Tls,
  { keep, hasB }: Start,
): Promise<Sites & { ws: number }> {
  const serve = async (...flags: string[]): Promise<Served> => {
    const always = '-o json signal serve --port 0 --tcp-port 0 --open --rate-limit 0';
    const args = [
      ...profileFlags,
      program,
      ...always.split(' '),
      '--log-level',
      'problem',
      ...flags,
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    keep(child);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until('a router is there', startWithinMs, async () => said.includes('\n'));
    return JSON.parse(said) as Served;
  };
  const alone = await serve();
  const features = ['--features', 'param,event,federation'];
  const hub = await serve(...features, '--tls-cert', certificate, '--tls-key', key);
  const leaf = (name: string): Promise<Served> =>
    serve(
      '--federation-hub',
      `wss://${host}:${hub.port}`,
      '--federation-namespaces',
      `/bench/${name}/**`,
    );
  const a = await leaf('a');
  const b = hasB ? await leaf('b') : a;
  return {
    version: `Node ${process.versions.node}`,
    ws: alone.port,
    hub: hub.tcpPort,
    a: a.tcpPort,
    b: b.tcpPort,
  };
}

async function startNats(folder: string, tls: Tls, { keep, hasB }: Start): Promise<Sites> {
  const link = await freePort();
  const server = async (name: string, leafnodes: string): Promise<number> => {
    const port = await freePort();
    const file = join(folder, `nats-${name}.conf`);
    const lines = [`listen: "${host}:${port}"`, `leafnodes { ${leafnodes} }`];
    writeFileSync(file, `${lines.join('\n')}\n`);
    keep(spawn('nats-server', ['-c', file], { stdio: 'ignore' }));
    await untilThere(port);
    return port;
  };
  const files = `cert_file: "${tls.certificate}", key_file: "${tls.key}"`;
  const hub = await server('hub', `listen: "${host}:${link}", tls { ${files} }`);
  const remote = `remotes: [{ url: "tls://${host}:${link}", tls { ca_file: "${tls.certificate}" } }]`;
  const a = await server('a', remote);
  const b = hasB ? await server('b', remote) : a;
  return { version: natsVersion(), hub, a, b };
}

async function startMosquitto(folder: string, tls: Tls, { keep, hasB }: Start): Promise<Sites> {
  const link = await freePort();
  const broker = async (name: string, more: readonly string[]): Promise<number> => {
    const port = await freePort();
    const file = join(folder, `mosquitto-${name}.conf`);
    const lines = [
      'allow_anonymous true',
      'persistence false',
      `user ${userInfo().username}`,
      // No message waits in vain, and none is lost, as long as the load waits for them.
      'max_queued_messages 0',
      'set_tcp_nodelay true',
      'log_type none',
      `listener ${port} ${host}`,
      ...more,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
    keep(spawn('mosquitto', ['-c', file], { stdio: 'ignore' }));
    await untilThere(port);
    return port;
  };
  const hub = await broker('hub', [
    `listener ${link} ${host}`,
    `certfile ${tls.certificate}`,
    `keyfile ${tls.key}`,
  ]);
  const bridge = (name: string, direction: string): readonly string[] => [
    `connection ${name}`,
    `address ${host}:${link}`,
    `topic bench/# ${direction} 0`,
    `bridge_cafile ${tls.certificate}`,
  ];
  const a = await broker('a', bridge('a', 'out'));
  const b = hasB ? await broker('b', bridge('b', 'in')) : a;
  const said = spawnSync('mosquitto', ['-h']).stdout.toString();
  return { version: /version (\S+)/.exec(said)?.[1] ?? '?', hub, a, b };
}

async function untilThere(port: number): Promise<void> {
  await until(`somebody listens on ${port}`, startWithinMs, async () => {
    const socket = connect({ port, host });
    return new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  });
}
