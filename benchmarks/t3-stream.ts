// T3: messages of 128 bytes from 64 appenders to a stream at one cluster, each acknowledged when it
// is on the disk, until the last of them is on the disk of the other cluster; beside JetStream with
// a mirror behind a leaf node.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { startDataPair, type DataPair } from './data-rig.ts';
import { until } from './federation-rig.ts';
import { lastOf, mirrorStream, startNatsPair, type NatsPair } from './nats-rig.ts';

const appenders = 64;
const oursPerRound = 8_000;
const theirsPerRound = 1_000; // as many as take it seconds
const arriveWithinMs = 300_000;
const payloadBytes = 128;

export const benchmark: Benchmark = {
  id: 'T3',
  title: 'A durable stream at A, fsync before ack, is mirrored to the disk of B (goal: 5 times).',
  async run({ rounds }): Promise<BenchmarkResult> {
    const acked: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    const pair = await startDataPair();
    const nats = await startNatsPair(pair.folder, { hub: 'always', leaf: 'always' });
    try {
      await pair.lubeck.createStream('events');
      await pair.lubeck.share('stream', 'events');
      await pair.bergen.mirror('lubeck:stream/events');
      await mirrorStream(nats, 'events');
      const compared = await compare({
        rounds,
        better: 'higher',
        ours: () => oursOnce(pair, acked.ours),
        peer: () => theirsOnce(nats, acked.theirs),
      });
      return {
        ...compared,
        unit: 'messages/s on both disks',
        peerName:
          `nats-server ${nats.version}, leaf node with TLS, JetStream file streams, ` +
          'every write synchronous at both',
        notes: [
          ...compared.notes,
          `${appenders} appenders of one message each at a time`,
          'ours within the node as its API takes 500 requests a second, theirs over one socket',
          `acknowledged at A: ours ${rate(acked.ours)}/s, theirs ${rate(acked.theirs)}/s`,
          'this release of NATS cannot be told to sync always: its files have the attribute S',
        ],
      };
    } finally {
      await nats.close();
      await pair.close();
    }
  },
};

function rate(values: readonly number[]): string {
  return brief(median(values));
}

async function oursOnce({ lubeck, bergen }: DataPair, acked: number[]): Promise<number> {
  const work = { count: oursPerRound, callers: appenders, bytes: payloadBytes };
  const goal = (await lubeck.last('events')) + oursPerRound;
  const startedMs = performance.now();
  const ackMs = await lubeck.append('events', work);
  acked.push((1_000 * oursPerRound) / ackMs);
  await bergen.untilLast('lubeck:events', goal);
  return (1_000 * oursPerRound) / (performance.now() - startedMs);
}

async function theirsOnce({ hub, leaf }: NatsPair, acked: number[]): Promise<number> {
  const goal = (await lastOf(hub, 'events')) + theirsPerRound;
  const message = Buffer.alloc(payloadBytes, 'x');
  const startedMs = performance.now();
  let left = theirsPerRound;
  const appender = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await hub.client.request('events', message);
    }
  };
  await Promise.all(Array.from({ length: appenders }, appender));
  acked.push((1_000 * theirsPerRound) / (performance.now() - startedMs));
  await until('all of them arrived', arriveWithinMs, async () => {
    return (await lastOf(leaf, 'events')) >= goal;
  });
  return (1_000 * theirsPerRound) / (performance.now() - startedMs);
}
