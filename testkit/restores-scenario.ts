// A cluster whose disk is put back to an old copy: what it had signed since then, its peers hold.
// It finds out by their beats, publishes nothing until a person has decided, and never signs
// another history under a number that it had used.
import type { RecoveryWay } from '@hansa/capabilities/recovery/contract';
import {
  crash,
  cut,
  heal,
  partition,
  rush,
  someone,
  start,
  stop,
  type Deed,
  type Scenario,
  type Stage,
  type Weighted,
} from './faults.ts';
import { append, appendLarge, daily, mirror, recreate, settleIn, three } from './note-deeds.ts';

const before: Weighted = [...daily, [6, append], [1, recreate], [1, crash], [1, stop], [4, start]];
const since: Weighted = [...daily, [6, append], [1, appendLarge], [2, mirror], [1, cut]];
const after: Weighted = [
  [6, append],
  [1, partition],
  [2, heal],
  [1, crash],
  [3, start],
];

const decidedWithinMs = 240_000; // beats tell it, a person decides, and what follows may tell more
const lookEveryMs = 5_000;
const quietLooks = 6; // by then every peer that holds something has said so

async function restores(stage: Stage): Promise<void> {
  const { federation, random } = stage;
  await settleIn(stage);
  await rush(stage, { deeds: 10, gapMs: 2_500, choice: before });
  const victim = federation.cluster(someone(stage));
  const backup = await victim.backUp();
  const backedUpMs = federation.time.monotonicMs();
  // What nobody was told of is lost without a trace; some of it is to be missed.
  const missed: Deed = ({ acts }) => {
    const own = [...acts.notes].filter(([, owner]) => owner === victim.name);
    return acts.append(random.pick(own)[0]);
  };
  const choice: Weighted = [...since, [8, missed]];
  await rush(stage, { deeds: random.integer(20), gapMs: 2_500, choice });
  federation.crash(victim.name);
  // Alone, it goes on for a while before anybody can tell it; else it hears at once.
  const others = federation.clusters.filter(({ name }) => name !== victim.name);
  const alone = random.chance(0.5);
  if (alone) {
    others.forEach(({ name }) => federation.partition(victim.name, name));
  }
  await federation.restore(victim.name, { backup, backedUpMs });
  await federation.restart(victim.name);
  await rush(stage, { deeds: 8, gapMs: 2_500, choice: after });
  await decideAll(stage);
}

/** Everybody is here again; whatever is found to be rewound is decided one way or the other. */
async function decideAll(stage: Stage): Promise<void> {
  const { federation, acts, random } = stage;
  federation.network.calm();
  federation.clusters.forEach((cluster) => cluster.spare());
  await federation.complete(Promise.all(federation.clusters.map((cluster) => cluster.start())));
  const endMs = federation.time.monotonicMs() + decidedWithinMs;
  for (let quiet = 0; quiet < quietLooks; quiet += 1) {
    await federation.run(lookEveryMs);
    for (const { name, services } of federation.clusters) {
      const { rewound } = await federation.complete(services.recovery.list({}));
      for (const { id } of rewound) {
        quiet = 0;
        const way = random.pick<RecoveryWay>(['adopt', 'new-epoch']);
        const deciding = acts.attempt(name, `recover ${id} by ${way}`, ({ recovery }) =>
          way === 'adopt' ? recovery.adopt({ id }) : recovery.begin({ id }),
        );
        await federation.complete(deciding);
      }
    }
    if (federation.time.monotonicMs() > endMs) {
      throw new Error('what was rewound could not be decided');
    }
  }
}

export const restoresScenario: Scenario = { name: 'restores', clusters: three, play: restores };
