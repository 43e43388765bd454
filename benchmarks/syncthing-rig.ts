// Two syncthing processes on loopback that know each other and share one folder. Nothing of them
// leaves the machine: no announcements, no relays, no upgrades, no reports.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { until } from './federation-rig.ts';

export interface SyncthingPair {
  readonly version: string;
  /** Files put here are sent. */
  readonly source: string;
  /** Tells the sender to look, and waits until the receiver has everything, on its disk. */
  sync(files: number): Promise<void>;
  close(): Promise<void>;
}

const folderId = 'measured';
const startWithinMs = 60_000;
const syncWithinMs = 300_000;
const lookEveryMs = 5;

interface Thing {
  readonly device: string;
  readonly address: string;
  readonly shared: string;
  rest<T>(method: string, path: string, body?: unknown): Promise<T>;
  end(): Promise<void>;
}

export async function startSyncthings(folder: string): Promise<SyncthingPair> {
  const version = spawnSync('syncthing', ['--version']).stdout.toString().split(' ')[1] ?? '?';
  const [a, b] = await Promise.all([startThing(folder, 'a'), startThing(folder, 'b')]);
  await introduce(a, b);
  await introduce(b, a);
  await until('the two are connected', startWithinMs, async () => {
    type Connections = { connections: Record<string, { connected: boolean }> };
    const { connections } = await a.rest<Connections>('GET', 'system/connections');
    return connections[b.device]?.connected === true;
  });
  return {
    version,
    source: a.shared,
    async sync(files) {
      await a.rest('POST', `db/scan?folder=${folderId}`);
      const deadlineMs = performance.now() + syncWithinMs;
      for (;;) {
        const at = await b.rest<Status>('GET', `db/status?folder=${folderId}`);
        if (at.state === 'idle' && at.localFiles >= files && at.needFiles === 0) {
          return;
        }
        if (performance.now() > deadlineMs) {
          throw new Error(`syncthing did not finish: ${JSON.stringify(at)}`);
        }
        await new Promise((resolve) => {
          setTimeout(resolve, lookEveryMs);
        });
      }
    },
    async close() {
      await Promise.all([a.end(), b.end()]);
    },
  };
}

interface Status {
  readonly state: string;
  readonly localFiles: number;
  readonly needFiles: number;
}

async function startThing(folder: string, name: string): Promise<Thing> {
  const home = join(folder, `syncthing-${name}`);
  const shared = join(folder, `shared-${name}`);
  mkdirSync(shared, { recursive: true });
  const [gui, listen] = [await freePort(), await freePort()];
  const key = `key-of-${name}`;
  spawnSync('syncthing', [
    'generate',
    '--home',
    home,
    '--no-default-folder',
    '--skip-port-probing',
  ]);
  const child = spawn(
    'syncthing',
    [
      'serve',
      '--home',
      home,
      '--no-browser',
      '--no-restart',
      '--gui-apikey',
      key,
      '--gui-address',
      `127.0.0.1:${gui}`,
    ],
    { stdio: 'ignore', env: { ...process.env, STNOUPGRADE: '1', STNODEFAULTFOLDER: '1' } },
  );
  const rest = restOf(gui, key);
  await until(`syncthing ${name} answers`, startWithinMs, async () => {
    await rest('GET', 'system/ping');
    return true;
  });
  const { myID } = await rest<{ myID: string }>('GET', 'system/status');
  const address = `tcp://127.0.0.1:${listen}`;
  await rest('PATCH', 'config/options', {
    listenAddresses: [address],
    globalAnnounceEnabled: false,
    localAnnounceEnabled: false,
    relaysEnabled: false,
    natEnabled: false,
    urAccepted: -1,
    autoUpgradeIntervalH: 0,
    crashReportingEnabled: false,
  });
  return { device: myID, address, shared, rest, end: () => endChild(child) };
}

/** Everything else as syncthing has it by default: TLS 1.3, fsync on, four copiers and hashers. */
async function introduce(here: Thing, other: Thing): Promise<void> {
  const { device: deviceID, address } = other;
  await here.rest('PUT', `config/devices/${deviceID}`, { deviceID, addresses: [address] });
  await here.rest('PUT', `config/folders/${folderId}`, {
    id: folderId,
    path: here.shared,
    devices: [{ deviceID: here.device }, { deviceID }],
    // It is told when there is something new: its watcher waits ten seconds on purpose.
    fsWatcherEnabled: false,
    rescanIntervalS: 3_600,
  });
}

function restOf(port: number, key: string): Thing['rest'] {
  return async <T>(method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}/rest/${path}`, {
      method,
      headers: { 'X-API-Key': key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function endChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
