// G4: while a blob of 1 GiB moves, changes and beats go on as if it did not. Ours is the time that
// a change takes to the mirror during the transfer over the data plane; the peer is the same pair
// at rest. The notes tell the same of a transfer that stays on QUIC, and of beats and event loops.
import { join } from 'node:path';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import type { Seen } from './blob-node.ts';
import { makeFiles, settleDisk, startBlobPair, type BlobPair } from './blob-rig.ts';

const largeBytes = 1_024 * 1_024 * 1_024;
const quicBytes: number = 64 * 1_024 * 1_024; // iroh's binding moves ten a second
const everyMs = 100;
const restingNotes = 50;
const quicRounds = 2;

interface Observed {
  readonly p50: number;
  readonly p99: number;
  readonly seen: Seen;
}

export const benchmark: Benchmark = {
  id: 'G4',
  title: 'A transfer of 1 GiB delays neither a beat nor a change.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const pair = await startBlobPair('negotiated');
    const moving: Observed[] = [];
    const resting: Observed[] = [];
    try {
      await prepare(pair);
      const compared = await compare({
        rounds,
        better: 'lower',
        async ours() {
          const one = await whileMoving(pair, largeBytes);
          moving.push(one);
          return one.p50;
        },
        async peer() {
          const one = await atRest(pair);
          resting.push(one);
          return one.p50;
        },
      });
      return {
        ...compared,
        unit: 'ms p50 from a change to its mirror',
        peerName: 'the same two clusters with nothing to transfer',
        notes: [
          ...compared.notes,
          words('1 GiB over TLS', moving),
          words('at rest', resting),
          words('64 MiB over QUIC alone', await overQuic()),
        ],
      };
    } finally {
      await pair.close();
    }
  },
};

async function prepare({ lubeck, bergen }: BlobPair): Promise<void> {
  await lubeck.publish('changes');
  await lubeck.publish('large');
  await lubeck.note('changes');
  await bergen.mirror('lubeck:note/changes', 1);
}

async function overQuic(): Promise<readonly Observed[]> {
  const pair = await startBlobPair('iroh-only');
  const observed: Observed[] = [];
  try {
    await prepare(pair);
    for (let round = 0; round < quicRounds; round += 1) {
      observed.push(await whileMoving(pair, quicBytes));
    }
  } finally {
    await pair.close();
  }
  return observed;
}

let made = 0;

async function whileMoving(pair: BlobPair, bytes: number): Promise<Observed> {
  const { folder, lubeck, bergen } = pair;
  const paths = makeFiles(join(folder, `large-${(made += 1)}`), 1, bytes);
  settleDisk();
  // What is measured begins when the blob is in the owner's store and starts to move.
  await lubeck.add('large', paths);
  let over = false;
  const moved = bergen.mirror('lubeck:note/large', 1).finally(() => {
    over = true;
  });
  const observed = await observe(pair, () => over);
  await moved;
  return observed;
}

function atRest(pair: BlobPair): Promise<Observed> {
  let left = restingNotes;
  return observe(pair, () => (left -= 1) < 0);
}

async function observe({ lubeck, bergen }: BlobPair, isOver: () => boolean): Promise<Observed> {
  await bergen.watch('lubeck');
  let notes = 0;
  for (; !isOver(); notes += 1) {
    await lubeck.note('changes');
    await new Promise((resolve) => {
      setTimeout(resolve, everyMs);
    });
  }
  let seen = await bergen.seen();
  while (seen.noteMs.length < notes) {
    seen = await bergen.seen();
  }
  const sorted = seen.noteMs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), seen };
}

function words(what: string, all: readonly Observed[]): string {
  const of = (pick: (one: Observed) => number): string => brief(median(all.map(pick)));
  const worst = Math.max(...all.map(({ seen }) => seen.silentMsMax));
  const statuses = [...new Set(all.flatMap(({ seen }) => seen.statuses))].join(' ');
  return (
    `${what}: change ${of(({ p50 }) => p50)} ms p50, ${of(({ p99 }) => p99)} ms p99; ` +
    `longest silence between beats ${brief(worst)} ms; ` +
    `event loop ${of(({ seen }) => seen.loopMsMax)} ms at worst; link ${statuses}`
  );
}
