// S5: what becomes of the moves of fingers on a screen: told as often as one can see, the newest of
// each. The peer is the same router with moves that belong to no gesture, which are told as they
// come.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { startSignalRig } from './signal-rig.ts';
import type { Touched } from './signal-touch.ts';

const ms = 1_000;
/** What the protocol's authors publish: told of sent, on a fixed wait that moves put off. */
const shapes = [
  { fingers: 1, rate: 120, claimed: '6 of 122' },
  { fingers: 1, rate: 240, claimed: '3 of 242' },
  { fingers: 10, rate: 60, claimed: '121 of 620' },
  { fingers: 10, rate: 1_000, claimed: 'nothing' },
];

async function run({ rounds }: { readonly rounds: number }): Promise<BenchmarkResult> {
  const rig = await startSignalRig();
  const seen = new Map<string, Touched[]>();
  const measure = async (begun: boolean): Promise<number> => {
    let share = Number.NaN;
    for (const { fingers, rate } of shapes) {
      const touched = await rig.load.touch(rig.ours.ws, { fingers, rate, ms, begun });
      const key = `${fingers} ${rate} ${begun}`;
      seen.set(key, [...(seen.get(key) ?? []), touched]);
      share = touched.told / touched.sent; // of the last, where there is most
    }
    return share;
  };
  try {
    const compared = await compare({
      rounds,
      better: 'lower',
      ours: () => measure(true),
      peer: () => measure(false),
    });
    return {
      ...compared,
      unit: 'told of each sent, ten fingers at 1,000 moves a second',
      peerName: 'the same router with moves of no gesture',
      notes: [
        ...compared.notes,
        ...shapes.map(({ fingers, rate, claimed }) => {
          const of = (begun: boolean, which: keyof Touched): string =>
            brief(
              median(
                (seen.get(`${fingers} ${rate} ${begun}`) ?? []).slice(1).map((each) => each[which]),
              ),
            );
          return (
            `${fingers} at ${brief(rate)} a second: ${of(true, 'told')} of ${of(true, 'sent')} ` +
            `told, ${of(true, 'p50')} ms after it was sent (p99 ${of(true, 'p99')}); without ` +
            `${of(false, 'told')}, ${of(false, 'p50')} ms; they claim ${claimed}`
          );
        }),
        'theirs tells a move only after 16 ms without another one; ours at most every 16 ms',
      ],
    };
  } finally {
    await rig.close();
  }
}

export const benchmark: Benchmark = {
  id: 'S5',
  title: 'Moves of gestures are told at the pace of a screen',
  run,
};
