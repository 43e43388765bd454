// T6: durable puts into a cluster's store on etcd of three members, from 1 and from 64 callers,
// beside the same etcd driven by a bare client that sends one put per call. Both talk to the leader
// over one connection, in turns, and to both a put is done when a majority has it on disk.
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { KeyValueStore } from '@hansa/foundation';
import { openEtcdStore } from '@hansa/store-etcd';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { etcdVersion, startEtcd, type EtcdCluster } from '../testkit/etcd-server.ts';
import { quantile } from './data-rig.ts';
import { until } from './federation-rig.ts';

const manyCallers = 64;
const valueBytes = 128;
const keys = 10_000;
const turnMs = 2_000; // an fsync of a shared disk may take tens of milliseconds

const watchedKey = Buffer.from('watched');
const watchedPuts = 500;
const seenWithinMs = 30_000;

type Put = (key: Buffer, value: Buffer) => Promise<unknown>;

interface Turn {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export const benchmark: Benchmark = {
  id: 'T6',
  title: 'Durable puts into three members of etcd keep pace with a bare client of the same etcd.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const etcd = await startEtcd({ members: 3 });
    const bare = await connectBare(etcd);
    const store = await openOurs(etcd);
    const [mine, theirs]: [Turn[], Turn[]] = [[], []];
    try {
      const ours: Put = (key, value) => store.set(key, value);
      const many = await compare({
        rounds,
        better: 'higher',
        ours: () => noted(mine, ours, manyCallers),
        peer: () => noted(theirs, bare.put, manyCallers),
      });
      const [told, theirTold] = [spoken(mine.splice(0)), spoken(theirs.splice(0))];
      const single = await compare({
        rounds,
        better: 'higher',
        ours: () => noted(mine, ours, 1),
        peer: () => noted(theirs, bare.put, 1),
      });
      return {
        ...many,
        unit: `durable puts/s of ${manyCallers} callers`,
        peerName: `etcd ${etcdVersion()}, the same members, a bare gRPC client, a put per call`,
        notes: [
          ...many.notes,
          `${manyCallers} callers: ours ${told}; bare ${theirTold}`,
          `1 caller: ratio ${brief(single.ratio)}; ours ${spoken(mine)}; bare ${spoken(theirs)}`,
          ...single.notes.map((note) => `1 caller, ${note}`),
          `from the start of a put to a watch: ${await watched(store)}`,
          `three members on one disk of one machine, fsync on, ${valueBytes} B values`,
        ],
      };
    } finally {
      await store.close();
      bare.close();
      await etcd.end();
    }
  },
};

async function openOurs(etcd: EtcdCluster): Promise<KeyValueStore> {
  const { endpoint } = await etcd.leader();
  const clock = createSystemClock();
  const random = createSystemRandom();
  return openEtcdStore({ endpoints: [endpoint], clock, random });
}

/** As little as a client can do: key and value as bytes in, and whether there was an error. */
async function connectBare(etcd: EtcdCluster): Promise<{ put: Put; close(): void }> {
  const { endpoint } = await etcd.leader();
  const client = new Client(endpoint, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    put: (key, value) =>
      new Promise((resolve, reject) => {
        const valueTag = Buffer.of(0x12, 0x80 | (value.length & 0x7f), value.length >> 7);
        const request = Buffer.concat([Buffer.of(0x0a, key.length), key, valueTag, value]);
        client.makeUnaryRequest(
          '/etcdserverpb.KV/Put',
          same,
          same,
          request,
          (error: ServiceError | null) => (error === null ? resolve(undefined) : reject(error)),
        );
      }),
    close: () => client.close(),
  };
}

async function noted(turns: Turn[], put: Put, callers: number): Promise<number> {
  const turn = await measure(put, callers);
  turns.push(turn);
  return turn.perSecond;
}

/** All callers, each waiting for its last put before the next. */
async function measure(put: Put, callers: number): Promise<Turn> {
  const value = Buffer.alloc(valueBytes, 7);
  const tookMs: number[] = [];
  const start = performance.now();
  const call = async (): Promise<void> => {
    while (performance.now() - start < turnMs) {
      const name = Math.floor(Math.random() * keys);
      const putMs = performance.now();
      await put(Buffer.from(String(name).padStart(16, '0')), value);
      tookMs.push(performance.now() - putMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const perSecond = (tookMs.length / (performance.now() - start)) * 1_000;
  return { perSecond, p50: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99) };
}

/** One put after the other, and a watch of the same store. */
async function watched(store: KeyValueStore): Promise<string> {
  const control = new AbortController();
  const begun: number[] = [];
  const tookMs: number[] = [];
  const watch = store.watch({ key: watchedKey }, { signal: control.signal });
  const seeing = (async () => {
    for await (const batch of watch) {
      if ('events' in batch) {
        tookMs.push(performance.now() - (begun[tookMs.length] ?? 0));
      }
    }
  })();
  for (let i = 0; i < watchedPuts; i += 1) {
    begun.push(performance.now());
    await store.set(watchedKey, Buffer.alloc(valueBytes, i));
  }
  await until('all puts are seen', seenWithinMs, async () => tookMs.length >= watchedPuts);
  control.abort();
  await seeing;
  return `p50 ${brief(quantile(tookMs, 0.5))} ms, p99 ${brief(quantile(tookMs, 0.99))} ms`;
}

function spoken(turns: readonly Turn[]): string {
  const middle = (pick: (turn: Turn) => number): string => brief(median(turns.map(pick)));
  const [rate, p50, p99] = [
    middle(({ perSecond }) => perSecond),
    middle((turn) => turn.p50),
    middle((turn) => turn.p99),
  ];
  return `${rate}/s, p50 ${p50} ms, p99 ${p99} ms`;
}
