// Two nats-servers on loopback with a leaf node between them over TLS, JetStream on both, and a
// stream of the first mirrored to the second.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, until } from './federation-rig.ts';
import { freePort } from './free-port.ts';
import { connectNats, type NatsClient } from './nats-client.ts';

const startWithinMs = 30_000;

export interface NatsServer {
  readonly client: NatsClient;
  readonly port: number;
  /** Connected leaf nodes. */
  leafs(): Promise<number>;
  kill(): Promise<void>;
  /** After `kill`, on the same folder. */
  restart(): Promise<void>;
}

export interface NatsPair {
  readonly version: string;
  readonly hub: NatsServer;
  readonly leaf: NatsServer;
  close(): Promise<void>;
}

/**
 * With `always`, every write of a stored message is on the disk before it is acknowledged. This
 * release has no such setting, so the file system is asked for it: files in a folder with the S
 * attribute are written synchronously.
 */
export type NatsDurability = 'always' | 'as it comes';

export async function startNatsPair(
  folder: string,
  durability: { readonly hub: NatsDurability; readonly leaf: NatsDurability },
): Promise<NatsPair> {
  mkdirSync(folder, { recursive: true });
  const link = await freePort();
  const { key, certificate } = certificateFiles(folder);
  const hub = await startServer(folder, {
    name: 'hub',
    durability: durability.hub,
    leafnodes:
      `listen: "127.0.0.1:${link}", tls { cert_file: "${certificate}", key_file: ` + `"${key}" }`,
  });
  const leaf = await startServer(folder, {
    name: 'leaf',
    durability: durability.leaf,
    leafnodes: `remotes: [{ url: "tls://127.0.0.1:${link}", tls { ca_file: "${certificate}" } }]`,
  });
  await untilLinked(hub);
  return {
    version: natsVersion(),
    hub,
    leaf,
    async close() {
      await Promise.all([hub.kill(), leaf.kill()]);
    },
  };
}

export function untilLinked(hub: NatsServer): Promise<void> {
  return until('the leaf node is connected', startWithinMs, async () => (await hub.leafs()) === 1);
}

export function natsVersion(): string {
  return spawnSync('nats-server', ['--version']).stdout.toString().trim().split(' ').at(-1) ?? '?';
}

/** A stream at the hub, and its mirror at the leaf. */
export async function mirrorStream({ hub, leaf }: NatsPair, name: string): Promise<void> {
  const kept = { storage: 'file', retention: 'limits', num_replicas: 1 };
  await hub.client.api(`STREAM.CREATE.${name}`, { name, subjects: [name], ...kept });
  const mirror = { name, external: { api: '$JS.hub.API', deliver: '' } };
  await leaf.client.api(`STREAM.CREATE.${name}`, { name, mirror, ...kept });
}

export async function lastOf({ client }: NatsServer, stream: string): Promise<number> {
  type Info = { state: { last_seq: number } };
  return (await client.api<Info>(`STREAM.INFO.${stream}`)).state.last_seq;
}

/** Of 127.0.0.1, signed by itself. */
export function certificateFiles(folder: string): {
  readonly key: string;
  readonly certificate: string;
} {
  const [key, certificate] = [join(folder, 'peer.key'), join(folder, 'peer.crt')];
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ' +
    '-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1';
  spawnSync('openssl', [...request.split(' '), '-keyout', key, '-out', certificate]);
  return { key, certificate };
}

async function startServer(
  folder: string,
  given: {
    readonly name: string;
    readonly durability: NatsDurability;
    readonly leafnodes: string;
  },
): Promise<NatsServer> {
  const { name, durability, leafnodes } = given;
  const store = join(folder, `nats-${name}`);
  const [port, monitor] = [await freePort(), await freePort()];
  mkdirSync(store, { recursive: true });
  if (durability === 'always' && spawnSync('chattr', ['+S', store]).status !== 0) {
    throw new Error('the file system of the folder has no synchronous writes to ask for');
  }
  const file = join(folder, `nats-${name}.conf`);
  const lines = [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitor}"`,
    `jetstream { store_dir: "${store}", domain: ${name}, max_file_store: 8G }`,
    `leafnodes { ${leafnodes} }`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  let child: ChildProcess;
  let client: NatsClient | undefined;
  const launch = async (): Promise<void> => {
    child = spawn('nats-server', ['-c', file], { stdio: 'ignore' });
    await until(`nats-server ${name} answers`, startWithinMs, async () => {
      client = await connectNats(port);
      return true;
    });
  };
  await launch();
  return {
    port,
    get client() {
      if (client === undefined) {
        throw new Error(`nats-server ${name} does not run`);
      }
      return client;
    },
    async leafs() {
      const response = await fetch(`http://127.0.0.1:${monitor}/leafz`);
      return ((await response.json()) as { leafnodes: number }).leafnodes;
    },
    async kill() {
      client?.close();
      client = undefined;
      await endProcess(child, 'SIGKILL');
    },
    restart: launch,
  };
}
