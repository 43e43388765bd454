// What a file of benchmarks/ exports, and what it may use: one claim, measured beside a peer in the
// same run.

export interface BenchmarkRun {
  /** How often ours and the peer's are run, one after the other. */
  readonly rounds: number;
}

export interface BenchmarkResult {
  /** Of `ours` and `peer`: `keys/s`, `ms p50`. */
  readonly unit: string;
  /** Medians over the rounds. */
  readonly ours: number;
  readonly peer: number;
  /** With its version and how it was configured: `nats-server 2.10, leaf node, TLS 1.3`. */
  readonly peerName: string;
  /** Above 1 means that ours is better. */
  readonly ratio: number;
  readonly rounds: number;
  /** Spread, sizes, configurations: whatever a reader must know to believe the number. */
  readonly notes?: readonly string[];
}

export interface Benchmark {
  /** As in docs/benchmarks.md: `T5`. */
  readonly id: string;
  /** The claim as a sentence. */
  readonly title: string;
  run(options: BenchmarkRun): Promise<BenchmarkResult>;
}

export interface Comparison {
  readonly rounds: number;
  readonly better: 'higher' | 'lower';
  /** One measurement each, in the benchmark's unit. */
  ours(): Promise<number>;
  peer(): Promise<number>;
}

export interface Compared {
  readonly ours: number;
  readonly peer: number;
  readonly ratio: number;
  readonly rounds: number;
  /** One line on the spread of each. */
  readonly notes: readonly string[];
}

/**
 * Ours and the peer's by turns, so that whatever else the machine does meets both; the first pair
 * warms up and is not counted.
 */
export async function compare(comparison: Comparison): Promise<Compared> {
  const { rounds, better } = comparison;
  const [ours, peer]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round += 1) {
    const mine = await comparison.ours();
    const theirs = await comparison.peer();
    if (round >= 0) {
      ours.push(mine);
      peer.push(theirs);
    }
  }
  const [mine, theirs] = [median(ours), median(peer)];
  return {
    ours: mine,
    peer: theirs,
    ratio: better === 'higher' ? mine / theirs : theirs / mine,
    rounds,
    notes: [spread('ours', ours), spread('peer', peer)],
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function spread(name: string, values: readonly number[]): string {
  return `${name}: ${brief(Math.min(...values))} to ${brief(Math.max(...values))}`;
}

/** Three digits are all that a shared machine can say. */
export function brief(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 6 });
}
