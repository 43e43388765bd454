// The stories that simulations tell, each with its own weights of what goes wrong. A story decides
// everything by the federation's chance, so a seed and its name are enough to tell it again.
import { crash, cut, heal, partition, start, stop, type Scenario } from './faults.ts';
import { herdScenario } from './herd-scenario.ts';
import { lanesScenario } from './lanes-scenario.ts';
import { clockAheadScenario, invitesScenario } from './link-scenarios.ts';
import { bridgedScenario, flappingScenario } from './network-scenarios.ts';
import {
  append,
  appendLarge,
  chaos,
  daily,
  flip,
  recreate,
  relink,
  remirror,
  remove,
  rotate,
  setClock,
  skewMaxMs,
  slow,
  three,
  two,
  unmirror,
} from './note-deeds.ts';
import { peopleScenario } from './people-scenario.ts';
import { restoresScenario } from './restores-scenario.ts';
import { revocationsScenario } from './revocations-scenario.ts';
import { signalsScenario } from './signals-scenario.ts';

export const scenarios: readonly Scenario[] = [
  { name: 'days', clusters: three, play: chaos([...daily, [1, remove], [2, unmirror]]) },
  {
    name: 'partitions',
    clusters: two,
    play: chaos([...daily, [4, partition], [2, heal], [1, cut]], { gapMs: 6_000 }),
  },
  {
    name: 'crashes',
    clusters: two,
    play: chaos([...daily, [3, crash], [1, stop], [6, start], [1, appendLarge]]),
  },
  {
    name: 'flips',
    clusters: two,
    play: chaos([...daily, [12, append], [5, flip], [1, appendLarge]], { deeds: 45 }),
  },
  { name: 'slow', clusters: two, play: chaos([...daily, [4, slow], [1, cut]], { gapMs: 4_000 }) },
  invitesScenario,
  { name: 'relinks', clusters: two, play: chaos([...daily, [3, relink], [1, cut]]) },
  {
    name: 'epochs',
    clusters: two,
    play: chaos([...daily, [6, recreate], [2, remirror], [1, crash], [3, start]]),
  },
  {
    name: 'clocks',
    clusters: two,
    options: (random) => ({
      clocks: Object.fromEntries(
        two.map((name) => [
          name,
          {
            skewMs: random.between(-skewMaxMs / 2, skewMaxMs / 2),
            drift: random.between(-0.0005, 0.0005),
          },
        ]),
      ),
    }),
    play: chaos([...daily, [2, setClock], [1, cut], [1, crash], [3, start]]),
  },
  clockAheadScenario,
  {
    // Owners keep so little that whoever was away is behind it: copies come whole, or by ranges.
    name: 'compaction',
    clusters: two,
    options: () => ({ kept: { changes: 1, bytes: 1, batchChanges: 2, intervalMs: 2_000 } }),
    play: chaos(
      [
        ...daily,
        ...([
          [14, append],
          [3, remirror],
          [5, partition],
          [2, heal],
          [2, crash],
          [2, stop],
          [4, start],
        ] as const),
      ],
      { deeds: 50, gapMs: 5_000 },
    ),
  },
  {
    name: 'rotations',
    clusters: three,
    play: chaos([...daily, [5, rotate], [2, crash], [2, stop], [6, start], [2, cut], [1, relink]]),
  },
  peopleScenario,
  lanesScenario,
  signalsScenario,
  restoresScenario,
  bridgedScenario,
  flappingScenario,
  revocationsScenario,
  herdScenario,
  {
    name: 'everything',
    clusters: three,
    play: chaos([
      ...daily,
      [2, partition],
      [2, heal],
      [1, cut],
      [2, crash],
      [1, stop],
      [6, start],
      [1, flip],
      [1, slow],
      [1, recreate],
      [1, remirror],
      [1, relink],
    ]),
  },
];
