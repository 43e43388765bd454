// The stories that simulations tell, each with its own weights of what goes wrong. A story decides
// everything by the federation's chance, so a seed and its name are enough to tell it again.
import {
  crash,
  cut,
  heal,
  otherThan,
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
import type { Outcome } from './federation-acts.ts';
import { peopleScenario } from './people-scenario.ts';

const two: readonly string[] = ['lubeck', 'bergen'];
const three: readonly string[] = ['lubeck', 'bergen', 'visby'];

function someNote({ acts, random }: Stage): string {
  return random.pick([...acts.notes.keys()]);
}

function ownerOf({ acts }: Stage, note: string): string {
  return acts.notes.get(note) ?? '';
}

const append: Deed = (stage) => stage.acts.append(someNote(stage));

const appendLarge: Deed = (stage) => stage.acts.append(someNote(stage), true);

const share: Deed = (stage) => {
  const name = someNote(stage);
  const owner = ownerOf(stage, name);
  const peer = stage.random.chance(0.1) ? undefined : otherThan(stage, owner);
  const verbs = stage.random.chance(0.2) ? (['see'] as const) : (['see', 'pull'] as const);
  const effect = stage.random.chance(0.15) ? 'deny' : 'allow';
  return stage.acts.share({ owner, peer, name, verbs, effect });
};

const unshare: Deed = (stage) => {
  const { rules } = stage.federation.invariants.model;
  return rules.length === 0 ? undefined : stage.acts.unshare(stage.random.pick(rules));
};

const mirror: Deed = (stage) => {
  const name = someNote(stage);
  return stage.acts.mirror(otherThan(stage, ownerOf(stage, name)), name);
};

const unmirror: Deed = (stage) => {
  const name = someNote(stage);
  return stage.acts.unmirror(otherThan(stage, ownerOf(stage, name)), name);
};

const remirror: Deed = async (stage) => {
  const name = someNote(stage);
  const cluster = otherThan(stage, ownerOf(stage, name));
  await stage.acts.unmirror(cluster, name);
  await stage.acts.mirror(cluster, name);
};

const remove: Deed = (stage) => stage.acts.remove(someNote(stage));

const recreate: Deed = async (stage) => {
  const name = someNote(stage);
  await stage.acts.remove(name);
  if (stage.random.chance(0.8)) {
    await stage.acts.create(ownerOf(stage, name), name);
  }
};

const flip: Deed = (stage) => {
  const from = someone(stage);
  const traffic = stage.random.chance(0.7) ? (['bulk'] as const) : (['bulk', 'state'] as const);
  const probability = stage.random.pick([0, 0.05, 0.3]);
  stage.federation.flip(from, otherThan(stage, from), { probability, traffic });
};

const slow: Deed = (stage) => {
  const { random, federation } = stage;
  const from = someone(stage);
  const least = random.pick([1, 40, 300]);
  federation.shape(from, otherThan(stage, from), {
    latencyMs: [least, least * random.between(1, 4)],
    bytesPerSecond: random.pick([Number.POSITIVE_INFINITY, 200_000, 20_000]),
  });
};

const relink: Deed = async (stage) => {
  const a = someone(stage);
  const b = otherThan(stage, a);
  await stage.acts.unlink(a, b);
  if (stage.random.chance(0.7)) {
    await stage.acts.unlink(b, a);
    await stage.acts.link(a, b);
  }
};

const setClock: Deed = (stage) => {
  const { federation, random } = stage;
  federation.cluster(someone(stage)).setSkew(random.between(-skewMaxMs / 2, skewMaxMs / 2));
};

const rotate: Deed = (stage) =>
  stage.acts.attempt(someone(stage), 'rotate', ({ identity }) => identity.rotate({}));

const skewMaxMs = 50_000; // under the tolerance of certificates and of heads

/** Links everybody, and gives every cluster two notes, most of them shared and mirrored. */
async function settleIn(stage: Stage): Promise<void> {
  const { federation, acts, random } = stage;
  const names = federation.clusters.map(({ name }) => name);
  for (const [index, a] of names.entries()) {
    for (const b of names.slice(index + 1)) {
      await federation.link(a, b);
    }
  }
  const work: Promise<unknown>[] = [];
  for (const owner of names) {
    for (const name of [
      await federation.complete(acts.create(owner)),
      await federation.complete(acts.create(owner)),
    ]) {
      work.push(acts.append(name));
      for (const peer of names.filter((each) => each !== owner)) {
        if (random.chance(0.75)) {
          const rule = { owner, peer, name, verbs: ['see', 'pull'], effect: 'allow' } as const;
          work.push(acts.share(rule), acts.mirror(peer, name));
        }
      }
    }
  }
  await federation.complete(Promise.all(work));
}

function chaos(choice: Weighted, how: { deeds?: number; gapMs?: number } = {}): Scenario['play'] {
  return async (stage) => {
    await settleIn(stage);
    await rush(stage, { deeds: how.deeds ?? 30, gapMs: how.gapMs ?? 2_500, choice });
  };
}

const daily: Weighted = [
  [10, append],
  [2, share],
  [2, unshare],
  [2, mirror],
];

/** Tokens that several redeem at once, and that are redeemed twice, while either side may die. */
async function invite(stage: Stage): Promise<void> {
  const { federation, acts, random } = stage;
  const names = random
    .pick([federation.clusters, federation.clusters.toReversed()])
    .map(({ name }) => name);
  const [inviter = '', ...others] = names;
  const tokens: string[] = [];
  for (let made = 0; made < 2; made += 1) {
    await federation.complete(
      acts.attempt(inviter, 'invite', async ({ links }) => {
        tokens.push((await links.invite({ confirm: random.chance(0.5) })).token);
      }),
    );
  }
  if (random.chance(0.5)) {
    const victim = federation.cluster(random.pick(names));
    victim.crashAtWrite(random.integer(4), random.chance(0.5) ? 'before' : 'after');
  }
  const redeeming: Promise<Outcome>[] = [];
  for (const token of tokens) {
    for (const other of [...others, random.pick(others)]) {
      const confirm = random.chance(0.5);
      redeeming.push(
        acts.attempt(other, 'accept', ({ links }) => links.accept({ token, confirm })),
      );
      await federation.run(random.between(0, 40));
    }
  }
  await federation.complete(Promise.all(redeeming));
  await federation.complete(Promise.all(federation.clusters.map((cluster) => cluster.start())));
  await federation.run(2_000);
}

async function invites(stage: Stage): Promise<void> {
  await invite(stage);
  const { federation, acts } = stage;
  const confirming = federation.clusters.flatMap(({ name }) =>
    federation.clusters
      .filter((peer) => peer.name !== name)
      .map(({ place }) =>
        acts.attempt(name, `confirm ${place.name}`, ({ links }) =>
          links.confirm({ peer: place.cluster }),
        ),
      ),
  );
  await federation.complete(Promise.all(confirming));
}

/** A clock that runs over a minute ahead: what it stamps is refused until time has caught up. */
async function clockAhead(stage: Stage): Promise<void> {
  const { federation, acts, random } = stage;
  await settleIn(stage);
  await federation.run(5_000);
  const ahead = random.between(65_000, 120_000);
  const owner = federation.cluster('lubeck');
  owner.setSkew(ahead);
  const [name = ''] = [...acts.notes].find(([, each]) => each === 'lubeck') ?? [];
  const open = {
    owner: 'lubeck',
    peer: 'bergen',
    name,
    verbs: ['see', 'pull'],
    effect: 'allow',
  } as const;
  await federation.complete(acts.share(open));
  await federation.complete(acts.mirror('bergen', name));
  await federation.complete(acts.append(name));
  await federation.until(
    'the mirror is refused for its owner’s clock',
    async () => {
      const { mirrors } = await federation.cluster('bergen').services.sync.list({ peer: 'lubeck' });
      return mirrors.some(({ lastError }) => lastError?.code === 'CLOCK_AHEAD');
    },
    45_000,
  );
  owner.setSkew(random.between(-1_000, 1_000));
  await federation.run(ahead - 50_000);
}

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
  { name: 'flips', clusters: two, play: chaos([...daily, [5, flip], [1, appendLarge]]) },
  { name: 'slow', clusters: two, play: chaos([...daily, [4, slow], [1, cut]], { gapMs: 4_000 }) },
  { name: 'invites', clusters: three, play: invites },
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
  { name: 'clock-ahead', clusters: two, play: clockAhead },
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
