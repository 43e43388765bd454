// C2: what coordination costs. A lock acquired and released by each of several callers, over HTTP,
// beside etcd's own lock through its own HTTP gateway; and what else is shared, over HTTP and in
// process. Both sides write to the disk before they answer.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { counterContract } from '@hansa/capabilities/counters/contract';
import { lockContract } from '@hansa/capabilities/locks/contract';
import { queueContract } from '@hansa/capabilities/queues/contract';
import { near, remote } from '@hansa/foundation';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { etcdVersion, startEtcd, type EtcdCluster } from '../testkit/etcd-server.ts';
import { openCoordination } from './coordination-node.ts';

const callers = 16; // each with a lock of its own: what holders do that are not in each other's way
const spanMs = 2_000; // of one measurement
const ttlSeconds = 30;

export const benchmark: Benchmark = {
  id: 'C2',
  title: `${callers} callers each acquire and release a lock, over HTTP and on disk.`,
  async run({ rounds }): Promise<BenchmarkResult> {
    const node = await startNode();
    const etcd = await startEtcd();
    try {
      const locking = ourLocks(node.url);
      const compared = await compare({
        rounds,
        better: 'higher',
        ours: () => perSecond(locking),
        peer: () => perSecond(etcdLocks(etcd)),
      });
      return {
        ...compared,
        unit: 'locks acquired and released/s',
        peerName: `etcd ${etcdVersion()}, one member: lease, lock, unlock, by its HTTP gateway`,
        notes: [...compared.notes, ...(await others(node))],
      };
    } finally {
      await etcd.end();
      await node.end();
    }
  },
};

interface Node {
  readonly url: string;
  end(): Promise<void>;
}

/** A process of its own, as the peer is. */
async function startNode(): Promise<Node> {
  const child = fork(fileURLToPath(new URL('coordination-node.ts', import.meta.url)), {
    env: { ...process.env, HANSA_C2_NODE: '1' },
  });
  const [url] = (await once(child, 'message')) as [string];
  return {
    url,
    async end() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** One act of one caller. */
type Act = (caller: number) => Promise<unknown>;

async function perSecond(act: Act): Promise<number> {
  const untilMs = performance.now() + spanMs;
  const startedMs = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < untilMs) {
        await act(caller);
        done += 1;
      }
    }),
  );
  return (done * 1_000) / (performance.now() - startedMs);
}

const ours = { authorization: 'Bearer any' };

async function post<T>(url: string, body: object, more: Record<string, string> = ours): Promise<T> {
  const headers = { 'content-type': 'application/json', ...more };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status} ${await response.text()}`);
  }
  return (await response.json()) as T;
}

function ourLocks(url: string): Act {
  return async (caller) => {
    const asked = { names: [`l${caller}`], holder: `h${caller}`, ttlSeconds, waitMs: 0 };
    const { locks } = await post<{ locks: object }>(`${url}/locks/acquire`, asked);
    await post(`${url}/locks/release`, { locks });
  };
}

/** The lease goes with the lock, as ours does. */
function etcdLocks({ endpoints }: EtcdCluster): Act {
  const base = `http://${endpoints[0] ?? ''}/v3`;
  return async (caller) => {
    const { ID } = await post<{ ID: string }>(`${base}/lease/grant`, { TTL: ttlSeconds }, {});
    const name = Buffer.from(`l${caller}`).toString('base64');
    await post(`${base}/lock/lock`, { name, lease: ID }, {});
    await post(`${base}/lease/revoke`, { ID }, {});
  };
}

async function others({ url }: Node): Promise<readonly string[]> {
  const node = await openCoordination();
  const carrier = near(node.edge, { source: 'benchmark' });
  const locks = remote(lockContract, carrier);
  const counters = remote(counterContract, carrier);
  const queues = remote(queueContract, carrier);
  const [queue, consumer] = ['q', 'c'];
  await post(`${url}/queues`, { queue });
  await queues.create({ queue });
  const items = [{ payload: 'x'.repeat(128) }];
  const acts: readonly (readonly [string, Act])[] = [
    [
      'in process, lock acquired and released',
      async (caller) => {
        const held = await locks.acquire({ names: [`p${caller}`], holder: 'h', waitMs: 0 });
        await locks.release({ locks: held.locks });
      },
    ],
    ['over HTTP, one counter added to', () => post(`${url}/counters/add`, { name: 'c', by: 1 })],
    ['in process, one counter added to', () => counters.add({ name: 'c', by: 1 })],
    [
      'over HTTP, item pushed, pulled and acknowledged',
      async () => {
        await post(`${url}/queues/push`, { queue, items });
        const pulled = await post<Pulled>(`${url}/queues/pull`, { queue, consumer });
        await post(`${url}/queues/ack`, { queue, items: pulled.items.map(receiptOf) });
      },
    ],
    [
      'in process, item pushed, pulled and acknowledged',
      async () => {
        await queues.push({ queue, items });
        const pulled = await queues.pull({ queue, consumer });
        await queues.ack({ queue, items: pulled.items.map(receiptOf) });
      },
    ],
  ];
  const notes: string[] = [];
  for (const [what, act] of acts) {
    notes.push(`${what}: ${brief(await perSecond(act))}/s`);
  }
  await node.end();
  return notes;
}

interface Receipt {
  readonly sequence: number;
  readonly attempt: number;
}

interface Pulled {
  readonly items: readonly Receipt[];
}

function receiptOf({ sequence, attempt }: Receipt): Receipt {
  return { sequence, attempt };
}
