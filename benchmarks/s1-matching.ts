// S1: what finding the subscribers of an address costs as subscriptions grow from 10 to 100,000.
// Every venue has ten of all forms, so that an address is answered by as many of them in a small
// house as in a large one. One venue is playing; the others have subscribed and are quiet. The peer
// is the same trie with ten. Beside both: all venues playing, which adds what memory costs that no
// cache holds, and asking every pattern by itself, as one would without a trie.
import { matcherOf } from '@hansa/capabilities/signals/patterns/matching';
import { createPatternIndex } from '@hansa/capabilities/signals/patterns/trie';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
  type BenchmarkRun,
} from '../scripts/bench/benchmark.ts';
import { createSeededRandom } from '../testkit/seeded-random.ts';

const sizes = [10, 100, 1_000, 10_000, 100_000];
const fewest = 10;
const most = 100_000;
const perVenue = 10;
const addresses = 4_096; // where all play, more than the fastest cache holds
const asksPerTurn = 100_000;
const oneByOneAsks = 2_000_000; // of one pattern each, for all sizes alike

function patternsOf(venue: string): readonly string[] {
  return [
    `/venue/${venue}/zone/1/fixture/1/level`,
    `/venue/${venue}/zone/1/fixture/2/level`,
    `/venue/${venue}/zone/2/fixture/1/level`,
    `/venue/${venue}/zone/2/fixture/2/colour`,
    `/venue/${venue}/zone/1/**`,
    `/venue/${venue}/zone/*/fixture/*/level`,
    `/venue/${venue}/**/colour`,
    `/venue/${venue}/zone/2*/fixture/*/level`,
    `/venue/${venue}*/zone/2/fixture/2/*`,
    `/venue/${venue}/desk`,
  ];
}

/** As long for the first venue as for the last: only their number is to differ. */
function venueName(i: number): string {
  return `v${String(i).padStart(5, '0')}`;
}

interface House {
  readonly patterns: readonly string[];
  readonly addresses: readonly string[];
}

function houseOf(subscriptions: number, playing: 'one' | 'all'): House {
  const random = createSeededRandom(1, 'venues');
  const venues = subscriptions / perVenue;
  const playingVenues = playing === 'one' ? 1 : venues;
  return {
    patterns: Array.from({ length: venues }, (_, i) => patternsOf(venueName(i))).flat(),
    addresses: Array.from({ length: addresses }, () => {
      const venue = venueName(random.integer(playingVenues));
      const [zone, fixture] = [1 + random.integer(2), 1 + random.integer(2)];
      const what = random.pick(['level', 'colour']);
      return `/venue/${venue}/zone/${zone}/fixture/${fixture}/${what}`;
    }),
  };
}

/** Nanoseconds an address, and how many answers an address has. */
interface Asked {
  readonly ns: number;
  readonly answers: number;
}

function askTrie({ patterns, addresses: asked }: House): () => Asked {
  const index = createPatternIndex<string>();
  patterns.forEach((pattern, i) => index.add(pattern, `${i}`));
  return () => {
    let answers = 0;
    const count = (): void => {
      answers += 1;
    };
    const startMs = performance.now();
    for (let i = 0; i < asksPerTurn; i += 1) {
      index.match(asked[i % addresses] ?? '', count);
    }
    const ns = ((performance.now() - startMs) * 1e6) / asksPerTurn;
    return { ns, answers: answers / asksPerTurn };
  };
}

/** The median of three turns, after one that warms up. */
function settled(ask: () => Asked): Asked {
  const { answers } = ask();
  return { ns: median(Array.from({ length: 3 }, () => ask().ns)), answers };
}

function askOneByOne({ patterns, addresses: asked }: House): number {
  const matchers = patterns.map(matcherOf);
  const asks = Math.max(10, Math.floor(oneByOneAsks / matchers.length));
  let answers = 0;
  const startMs = performance.now();
  for (let i = 0; i < asks; i += 1) {
    for (const matches of matchers) {
      answers += matches(asked[i % addresses] ?? '') ? 1 : 0;
    }
  }
  return answers < 0 ? 0 : ((performance.now() - startMs) * 1e6) / asks;
}

async function run({ rounds }: BenchmarkRun): Promise<BenchmarkResult> {
  const notes = sizes.map((size) => {
    const one = settled(askTrie(houseOf(size, 'one')));
    const all = settled(askTrie(houseOf(size, 'all')));
    const alone = askOneByOne(houseOf(size, 'one'));
    return (
      `${brief(size)} subscriptions: ${brief(one.ns)} ns an address, ` +
      `${brief(all.ns)} with all venues playing, ${brief(alone)} one by one; ` +
      `${one.answers.toFixed(2)} and ${all.answers.toFixed(2)} answers`
    );
  });
  const [large, small] = [askTrie(houseOf(most, 'one')), askTrie(houseOf(fewest, 'one'))];
  const compared = await compare({
    rounds,
    better: 'lower',
    ours: async () => large().ns,
    peer: async () => small().ns,
  });
  return {
    unit: 'ns an address',
    peerName: `the same trie with ${fewest} subscriptions`,
    ...compared,
    notes: [...notes, ...compared.notes],
  };
}

export const benchmark: Benchmark = {
  id: 'S1',
  title: 'Finding who is subscribed to an address costs alike with 10 and 100,000 subscriptions',
  run,
};
