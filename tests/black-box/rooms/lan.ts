// A local network of one's own: a namespace whose loopback says that it is one. Nodes in it are
// called from outside by their sockets, which are files.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { prepareCluster, type Cluster } from '../harness/cluster.ts';
import { program } from '../harness/place.ts';
import { endProcess, trackProcess } from '../harness/processes.ts';
import { until } from '../harness/until.ts';

export interface Lan {
  /** Of every node in it. */
  readonly host: string;
  start(name: string): Promise<LanNode>;
}

export interface LanNode {
  readonly cluster: Cluster;
  stop(): Promise<void>;
  /** Where its UDP port is another one. */
  restart(flags: readonly string[]): Promise<void>;
}

const host = '10.77.0.1';
const setUp = [
  'ip link set lo up multicast on',
  `ip addr add ${host}/24 dev lo`,
  'ip route add 224.0.0.0/4 dev lo',
].join(' && ');

export async function openLan(): Promise<Lan> {
  const words = ['--user', '--map-root-user', '--net', 'sh', '-c', `${setUp} && echo up; exec cat`];
  const holder = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  trackProcess(holder);
  await once(holder.stdout, 'data');
  return {
    host,
    async start(name) {
      const cluster = prepareCluster({ name });
      let child = await run(holder, cluster, []);
      const stop = (): Promise<void> => endProcess(child, 'SIGTERM');
      return {
        cluster,
        stop,
        async restart(flags) {
          await stop();
          child = await run(holder, cluster, flags);
        },
      };
    },
  };
}

async function run(
  holder: ChildProcess,
  cluster: Cluster,
  flags: readonly string[],
): Promise<ChildProcess> {
  const { name, data, home, env } = cluster;
  const inside = ['--target', String(holder.pid), '--user', '--net', '--preserve-credentials'];
  const up = ['up', '--name', name, '--data', data, '--link-host', host, '--mdns', 'on', ...flags];
  const child = spawn('nsenter', [...inside, process.execPath, program, ...up], {
    cwd: home,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  trackProcess(child);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(`${name} is up`, () => said.includes('is up:'));
  return child;
}
