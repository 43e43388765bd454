// What owners of notes do in simulations, and how a story of notes begins: for all scenarios that
// are about resources, mirrors and links.
import {
  otherThan,
  rush,
  someone,
  type Deed,
  type Scenario,
  type Stage,
  type Weighted,
} from './faults.ts';

export const two: readonly string[] = ['lubeck', 'bergen'];
export const three: readonly string[] = ['lubeck', 'bergen', 'visby'];

function someNote({ acts, random }: Stage): string {
  return random.pick([...acts.notes.keys()]);
}

function ownerOf({ acts }: Stage, note: string): string {
  return acts.notes.get(note) ?? '';
}

export const append: Deed = (stage) => stage.acts.append(someNote(stage));

export const appendLarge: Deed = (stage) => stage.acts.append(someNote(stage), true);

export const share: Deed = (stage) => {
  const name = someNote(stage);
  const owner = ownerOf(stage, name);
  const peer = stage.random.chance(0.1) ? undefined : otherThan(stage, owner);
  const verbs = stage.random.chance(0.2) ? (['see'] as const) : (['see', 'pull'] as const);
  const effect = stage.random.chance(0.15) ? 'deny' : 'allow';
  return stage.acts.share({ owner, peer, name, verbs, effect });
};

export const unshare: Deed = (stage) => {
  const { rules } = stage.federation.invariants.model;
  return rules.length === 0 ? undefined : stage.acts.unshare(stage.random.pick(rules));
};

export const mirror: Deed = (stage) => {
  const name = someNote(stage);
  return stage.acts.mirror(otherThan(stage, ownerOf(stage, name)), name);
};

export const unmirror: Deed = (stage) => {
  const name = someNote(stage);
  return stage.acts.unmirror(otherThan(stage, ownerOf(stage, name)), name);
};

export const remirror: Deed = async (stage) => {
  const name = someNote(stage);
  const cluster = otherThan(stage, ownerOf(stage, name));
  await stage.acts.unmirror(cluster, name);
  await stage.acts.mirror(cluster, name);
};

export const remove: Deed = (stage) => stage.acts.remove(someNote(stage));

export const recreate: Deed = async (stage) => {
  const name = someNote(stage);
  await stage.acts.remove(name);
  if (stage.random.chance(0.8)) {
    await stage.acts.create(ownerOf(stage, name), name);
  }
};

export const flip: Deed = (stage) => {
  const from = someone(stage);
  const traffic = stage.random.pick([['bulk'], ['state'], ['bulk', 'state']] as const);
  const probability = stage.random.pick([0, 0.05, 0.3]);
  stage.federation.flip(from, otherThan(stage, from), { probability, traffic });
};

export const slow: Deed = (stage) => {
  const { random, federation } = stage;
  const from = someone(stage);
  const least = random.pick([1, 40, 300]);
  federation.shape(from, otherThan(stage, from), {
    latencyMs: [least, least * random.between(1, 4)],
    bytesPerSecond: random.pick([Number.POSITIVE_INFINITY, 200_000, 20_000]),
  });
};

export const relink: Deed = async (stage) => {
  const a = someone(stage);
  const b = otherThan(stage, a);
  await stage.acts.unlink(a, b);
  if (stage.random.chance(0.7)) {
    await stage.acts.unlink(b, a);
    await stage.acts.link(a, b);
  }
};

export const setClock: Deed = (stage) => {
  const { federation, random } = stage;
  federation.cluster(someone(stage)).setSkew(random.between(-skewMaxMs / 2, skewMaxMs / 2));
};

export const rotate: Deed = (stage) =>
  stage.acts.attempt(someone(stage), 'rotate', ({ identity }) => identity.rotate({}));

export const skewMaxMs = 50_000; // under the tolerance of certificates and of heads

/** Links everybody, and gives every cluster two notes, most of them shared and mirrored. */
export async function settleIn(stage: Stage): Promise<void> {
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

export function chaos(
  choice: Weighted,
  how: { deeds?: number; gapMs?: number } = {},
): Scenario['play'] {
  return async (stage) => {
    await settleIn(stage);
    await rush(stage, { deeds: how.deeds ?? 30, gapMs: how.gapMs ?? 2_500, choice });
  };
}

export const daily: Weighted = [
  [10, append],
  [2, share],
  [2, unshare],
  [2, mirror],
];
