// Signals of three clusters that all have a namespace of their own, while links break, rights come
// and go and processes die: nobody is told what it may not have, what was acknowledged as durable
// is there in the end, and everybody agrees with each owner.
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
} from './faults.ts';
import type { Acts, Outcome } from './federation-acts.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import { contentOf } from './wire-watch.ts';

interface Story {
  /** By address, what was said there: nobody says it a second time, elsewhere or again. */
  readonly once: Map<string, { readonly value: string; outcome: Outcome | 'under way' }>;
  /** All that was ever said at an address that many write. */
  readonly said: Map<string, Set<string>>;
  number: number;
}

const lamps = ['first', 'second', 'third']; // addresses that everybody writes
const agreeWithinMs = 120_000; // a mirror's slowest retry, a new line, and a round of revisions

const stories = new WeakMap<Acts, Story>();

function storyOf({ acts }: Stage): Story {
  const known = stories.get(acts);
  const made = known ?? { once: new Map(), said: new Map(), number: 0 };
  stories.set(acts, made);
  return made;
}

function namespaceOf(owner: string): string {
  return `${owner}.stage-1`;
}

function valueOf(stage: Stage, owner: string): string {
  const story = storyOf(stage);
  story.number += 1;
  return `${contentOf(namespaceOf(owner))} #${story.number}`;
}

/** At an address of its own, where the rule says durable. */
const keep: Deed = async (stage) => {
  const owner = someone(stage);
  const value = valueOf(stage, owner);
  const address = `/${owner}/once/${storyOf(stage).number}`;
  const one: { value: string; outcome: Outcome | 'under way' } = { value, outcome: 'under way' };
  storyOf(stage).once.set(address, one);
  const writer = stage.random.chance(0.5) ? owner : otherThan(stage, owner);
  one.outcome = await stage.acts.attempt(writer, `keep ${address}`, ({ signal }) =>
    signal.set({ address, value }),
  );
};

const light: Deed = (stage) => {
  const owner = someone(stage);
  const address = `/${owner}/${stage.random.pick(lamps)}`;
  const value = valueOf(stage, owner);
  const { said } = storyOf(stage);
  said.set(address, (said.get(address) ?? new Set()).add(value));
  return stage.acts.attempt(someone(stage), `light ${address}`, ({ signal }) =>
    signal.set({ address, value }),
  );
};

const emit: Deed = (stage) => {
  const owner = someone(stage);
  const value = valueOf(stage, owner);
  return stage.acts.attempt(someone(stage), `emit at ${owner}`, ({ signal }) =>
    signal.emit({ address: `/${owner}/cue`, type: 'event', given: { value } }),
  );
};

const withhold: Deed = async (stage) => {
  const { federation, acts } = stage;
  const { rules } = federation.invariants.model;
  if (rules.length > 0) {
    const rule = stage.random.pick(rules);
    await acts.unshare(rule);
    await federation.time.sleep(stage.random.between(0, 20_000));
    await acts.share(rule);
  }
};

/** For a while one gets nothing of another, whatever rules say. */
const block: Deed = async (stage) => {
  const owner = someone(stage);
  const peer = otherThan(stage, owner);
  await stage.acts.block(owner, peer);
  await stage.federation.time.sleep(stage.random.between(0, 20_000));
  await stage.acts.unblock(owner, peer);
};

function shareAll({ federation, acts }: Stage, owner: string): Promise<unknown> {
  const name = namespaceOf(owner);
  const others = federation.clusters.filter((each) => each.name !== owner);
  const each = others.flatMap(({ name: peer }) =>
    (['pull', 'push'] as const).map((verb) => {
      const verbs = verb === 'pull' ? (['see', 'pull'] as const) : (['push'] as const);
      return acts.share({ owner, peer, name, kind: 'namespace', verbs, effect: 'allow' });
    }),
  );
  return Promise.all(each);
}

async function settle(stage: Stage): Promise<void> {
  const { federation, acts } = stage;
  const names = federation.clusters.map(({ name }) => name);
  for (const [index, a] of names.entries()) {
    for (const b of names.slice(index + 1)) {
      await federation.link(a, b);
    }
  }
  for (const owner of names) {
    const name = namespaceOf(owner);
    await federation.complete(
      acts.attempt(owner, `add ${name}`, async ({ namespaces, router }) => {
        await namespaces.add({ name, patterns: [`/${owner}/**`] });
        await router.putRule({ pattern: `/${owner}/once/**`, durable: true });
      }),
    );
    await federation.complete(shareAll(stage, owner));
    const { cluster } = federation.cluster(owner).place;
    const mirroring = names
      .filter((peer) => peer !== owner)
      .map((peer) =>
        acts.attempt(peer, `mirror ${name}`, ({ sync }) =>
          sync.add({ resource: `${cluster}:namespace/${name}` }),
        ),
      );
    await federation.complete(Promise.all(mirroring));
  }
  await federation.run(5_000);
}

async function play(stage: Stage): Promise<void> {
  const { federation } = stage;
  await settle(stage);
  await rush(stage, {
    deeds: 60,
    gapMs: 2_500,
    choice: [
      [14, light],
      [8, keep],
      [4, emit],
      [3, withhold],
      [1, block],
      [3, partition],
      [3, heal],
      [2, cut],
      [2, crash],
      [1, stop],
      [5, start],
    ],
  });
  // Whatever became of them, in the end everybody may read and write again.
  federation.clusters.forEach((cluster) => cluster.spare());
  await federation.complete(Promise.all(federation.clusters.map((cluster) => cluster.start())));
  for (const { name } of federation.clusters) {
    const others = federation.clusters.filter((each) => each.name !== name);
    const each = others.map((peer) => stage.acts.unblock(name, peer.name));
    await federation.complete(Promise.all(each));
    await federation.complete(shareAll(stage, name));
  }
}

async function valueAt({ services }: SimulatedCluster, address: string): Promise<string> {
  const found = await services.signal.get({ address }).catch(() => undefined);
  return found === undefined ? 'nothing' : JSON.stringify(found.value);
}

async function requireAgreement(stage: Stage): Promise<void> {
  const { federation } = stage;
  const { once, said } = storyOf(stage);
  const there = 'what was acknowledged as durable is there';
  await federation.until(there, () => lost(stage), agreeWithinMs);
  const addresses = [...once.keys(), ...said.keys()];
  await federation.until(
    'everybody has what the owner has',
    async () => {
      const found = addresses.map((address) => federation.complete(differing(stage, address)));
      return (await Promise.all(found)).flat();
    },
    agreeWithinMs,
  );
}

async function lost(stage: Stage): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [address, { value, outcome }] of storyOf(stage).once) {
    const held = await stage.federation.complete(valueAt(ownerAt(stage, address), address));
    const isIt = held === JSON.stringify(value);
    if (!isIt && (outcome === 'done' || held !== 'nothing')) {
      found.push(`${address} is ${held}, not ${value}, which was ${outcome}`);
    }
  }
  return found;
}

function ownerAt({ federation }: Stage, address: string): SimulatedCluster {
  return federation.cluster(address.split('/')[1] ?? '');
}

async function differing(stage: Stage, address: string): Promise<readonly string[]> {
  const own = await valueAt(ownerAt(stage, address), address);
  const said = storyOf(stage).said.get(address);
  if (own === 'nothing') {
    return []; // what was taken and not yet stored when its owner died may stand elsewhere
  }
  if (said !== undefined && !said.has(JSON.parse(own))) {
    throw new Error(`${address} is ${own}, which nobody said there`);
  }
  const others = stage.federation.clusters.map(async (cluster) => {
    const theirs = await valueAt(cluster, address);
    return theirs === own ? [] : [`${cluster.name} has ${theirs} at ${address}, not ${own}`];
  });
  return (await Promise.all(others)).flat();
}

export const signalsScenario: Scenario = {
  name: 'signals',
  clusters: ['lubeck', 'bergen', 'visby'],
  play,
  after: requireAgreement,
};
