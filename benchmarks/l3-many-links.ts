// L3: 256 links of one hub that shares 1,000 resources with everybody, in simulation: what the
// process with all 257 clusters holds and what a virtual second of beats costs it. Beside the same
// clusters before they were linked, since both ends of every link live in that process.
import { join } from 'node:path';
import { brief, median, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { startAsked } from './asked.ts';
import type { ManyLinks } from './many-links.ts';

const peers = 256;
const resources = 1_000;
const restMs = 20_000; // ten beats of every link in both directions
const roundsMax = 3; // each is a run of its own, from the same seed: they hardly differ
const megabyte = 1e6;
const script = join(import.meta.dirname, 'many-links.ts');

interface Run {
  readonly linkedMb: number;
  readonly aloneMb: number;
  readonly heapPerLinkKb: number;
  readonly beatMs: number;
  readonly aloneMs: number;
}

export const benchmark: Benchmark = {
  id: 'L3',
  title: 'A hub of 256 links shares 1,000 resources with each, in simulation: memory and beats.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const runs: Run[] = [];
    for (let round = 0; round < Math.min(rounds, roundsMax); round += 1) {
      runs.push(await once());
    }
    const middle = (of: (run: Run) => number): number => median(runs.map(of));
    const [ours, peer] = [middle((run) => run.linkedMb), middle((run) => run.aloneMb)];
    const perBeat = middle((run) => run.beatMs) / (peers * 2 * (restMs / 2_000));
    return {
      ours,
      peer,
      ratio: peer / ours,
      rounds: runs.length,
      unit: 'MB resident, all clusters',
      peerName: 'the same 257 clusters in one process, not linked',
      notes: [
        `a link with both its ends and 1,000 resources known over it: ` +
          `${brief(middle((run) => run.heapPerLinkKb))} kB of heap`,
        `a virtual second: ${brief(middle((run) => run.beatMs) / (restMs / 1_000))} ms of ` +
          `processor ` +
          `linked, ${brief(middle((run) => run.aloneMs) / (restMs / 1_000))} ms before; ` +
          `${brief(perBeat)} ms a beat, both ends, cryptography real, network in memory`,
      ],
    };
  },
};

async function once(): Promise<Run> {
  const process = await startAsked<ManyLinks>(script, [], ['--max-old-space-size=12288']);
  try {
    const alone = await process.node.prepare({ peers, resources });
    const before = await process.node.rest(restMs);
    const linked = await process.node.link();
    const after = await process.node.rest(restMs);
    if (after.live !== peers) {
      throw new Error(`${after.live} of ${peers} links are well`);
    }
    return {
      linkedMb: linked.rssBytes / megabyte,
      aloneMb: alone.rssBytes / megabyte,
      heapPerLinkKb: (linked.heapBytes - alone.heapBytes) / peers / 1_000,
      beatMs: after.cpuMs,
      aloneMs: before.cpuMs,
    };
  } finally {
    await process.kill();
  }
}
