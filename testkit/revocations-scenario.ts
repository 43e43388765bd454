// Peers that lose what they had: a link is closed, a peer is blocked whatever rules say, and what
// was shared is shared no more. From then on nothing of it leaves, also while the network and the
// owner's own process make it hard.
import {
  crash,
  cut,
  heal,
  otherThan,
  partition,
  rush,
  someone,
  start,
  type Deed,
  type Scenario,
  type Stage,
} from './faults.ts';
import {
  append,
  appendLarge,
  daily,
  mirror,
  relink,
  settleIn,
  share,
  three,
  unshare,
} from './note-deeds.ts';

const block: Deed = (stage) => {
  const owner = someone(stage);
  return stage.acts.block(owner, otherThan(stage, owner));
};

const unblock: Deed = (stage) => {
  const owner = someone(stage);
  return stage.acts.unblock(owner, otherThan(stage, owner));
};

async function revocations(stage: Stage): Promise<void> {
  const { federation, acts } = stage;
  await settleIn(stage);
  await rush(stage, {
    deeds: 40,
    gapMs: 2_500,
    choice: [
      ...daily,
      [4, append],
      [2, appendLarge],
      [3, share],
      [4, unshare],
      [2, mirror],
      [4, block],
      [3, unblock],
      [1, relink],
      [1, cut],
      [1, partition],
      [2, heal],
      [1, crash],
      [3, start],
    ],
  });
  federation.clusters.forEach((cluster) => cluster.spare());
  await federation.complete(Promise.all(federation.clusters.map((cluster) => cluster.start())));
  for (const { name } of federation.clusters) {
    for (const { name: peer } of federation.clusters.filter((each) => each.name !== name)) {
      await federation.complete(acts.unblock(name, peer));
    }
  }
}

export const revocationsScenario: Scenario = {
  name: 'revocations',
  clusters: three,
  play: revocations,
};
