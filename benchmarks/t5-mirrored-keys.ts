// T5: a space of 10,000 keys is mirrored for the first time, and how long a single write takes to
// be seen by whoever watches the mirror; beside etcd and etcdctl make-mirror.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { etcdVersion } from '../testkit/etcd-server.ts';
import { quantile, startDataPair, type DataPair } from './data-rig.ts';
import { makeMirror, startEtcd, type Etcd } from './etcd-rig.ts';
import { until } from './federation-rig.ts';

const keys = 10_000;
const valueBytes = 128;
const timedPuts = 200; // of a round
const mirroredWithinMs = 300_000;
const countEveryMs = 20; // each look costs etcd a count of all keys

interface Delays {
  readonly p50: number[];
  readonly p99: number[];
  readonly acked: number[];
}

export const benchmark: Benchmark = {
  id: 'T5',
  title: 'A space of 10,000 keys is mirrored (goal: 10 times etcd; put to watch at B p50 ≤ 2 ms).',
  async run({ rounds }): Promise<BenchmarkResult> {
    const pair = await startDataPair();
    const etcds = [await startEtcd(), await startEtcd()] as const;
    const [mine, theirs]: [Delays, Delays] = [
      { p50: [], p99: [], acked: [] },
      { p50: [], p99: [], acked: [] },
    ];
    let round = 0;
    try {
      const compared = await compare({
        rounds,
        better: 'higher',
        ours: () => oursOnce(pair, `space${(round += 1)}`, mine),
        peer: () => theirsOnce(etcds, `space${round}/`, theirs),
      });
      return {
        ...compared,
        unit: 'keys/s on the disk of the mirror',
        peerName: `etcd ${etcdVersion()}, two servers, etcdctl make-mirror without TLS, fsync on`,
        notes: [
          ...compared.notes,
          `put at A to watch at B, ours: ${told(mine)}`,
          `the same over etcd and make-mirror: ${told(theirs)}`,
          `values of ${valueBytes} B; ours within the nodes, etcd by its JSON gateway`,
        ],
      };
    } finally {
      await Promise.all(etcds.map((etcd) => etcd.close()));
      await pair.close();
    }
  },
};

function told({ p50, p99, acked }: Delays): string {
  const [half, late, ack] = [p50, p99, acked].map((values) => brief(median(values)));
  return `p50 ${half} ms, p99 ${late} ms (of it until the put is acknowledged: p50 ${ack} ms)`;
}

async function oursOnce(
  { lubeck, bergen }: DataPair,
  space: string,
  delays: Delays,
): Promise<number> {
  await lubeck.createSpace(space);
  await lubeck.share('kv', space);
  await lubeck.fill(space, { keys, bytes: valueBytes });
  const revision = await lubeck.revision(space);
  const startedMs = performance.now();
  await bergen.mirror(`lubeck:kv/${space}`);
  await bergen.untilRevision(`lubeck:${space}`, revision);
  const tookMs = performance.now() - startedMs;
  const mirrored = await bergen.keys(`lubeck:${space}`);
  if (mirrored !== keys) {
    throw new Error(`the mirror has ${mirrored} keys, not ${keys}`);
  }
  await bergen.watch(`lubeck:${space}`);
  const acked = await lubeck.putTimed(space, timedPuts);
  note(delays, await bergen.delays(timedPuts), acked);
  return (1_000 * keys) / tookMs;
}

async function theirsOnce(
  [a, b]: readonly [Etcd, Etcd],
  prefix: string,
  delays: Delays,
): Promise<number> {
  await a.fill(prefix, { keys, bytes: valueBytes });
  const startedMs = performance.now();
  const mirror = makeMirror(a, b, prefix);
  try {
    await until('etcd mirrored all keys', mirroredWithinMs, async () => {
      await sleep(countEveryMs);
      return (await b.count(prefix)) >= keys;
    });
    const tookMs = performance.now() - startedMs;
    const seen: number[] = [];
    const acked: number[] = [];
    const stop = await b.watch(prefix, (value) => {
      seen.push(performance.now() - Number(value.trim()));
    });
    for (let at = 0; at < timedPuts; at += 1) {
      const putMs = performance.now();
      await a.put(`${prefix}timed${at % 100}`, `${putMs}`.padEnd(valueBytes));
      acked.push(performance.now() - putMs);
      await sleep(2 + 8 * Math.random());
    }
    await until('all of them are seen', mirroredWithinMs, async () => seen.length >= timedPuts);
    stop();
    note(delays, seen, acked);
    return (1_000 * keys) / tookMs;
  } finally {
    await mirror.close();
  }
}

function note(delays: Delays, seen: readonly number[], acked: readonly number[]): void {
  delays.p50.push(quantile(seen, 0.5));
  delays.p99.push(quantile(seen, 0.99));
  delays.acked.push(quantile(acked, 0.5));
}
