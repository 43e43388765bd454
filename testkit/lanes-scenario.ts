// Spaces that one cluster owns and all write: what was acknowledged anywhere reaches the owner,
// each write once, and what was deleted stays deleted, whatever breaks between them.
import type { KvEntry } from '@hansa/capabilities/kv/contract';
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

/** Nobody writes it a second time; whoever owns the space may delete it. */
interface OnceWritten {
  readonly writer: string;
  readonly value: string;
  written: Outcome | 'under way';
  erased: Outcome | 'under way' | 'no';
}

interface Written {
  /** By key. */
  readonly once: Map<string, OnceWritten>;
  number: number;
}

const owner = 'lubeck';
const space = `${owner}.space-1`;
const contested = ['first', 'second', 'third']; // keys that everybody writes
const promotedWithinMs = 120_000; // an offer, a mirror's retry at its slowest, and a promotion
const agreeWithinMs = 60_000;
const pageOfAll = 1_000; // more than a story writes

const stories = new WeakMap<Acts, Written>();

function writtenIn({ acts }: Stage): Written {
  const known = stories.get(acts);
  const made = known ?? { once: new Map(), number: 0 };
  stories.set(acts, made);
  return made;
}

function spelledAt({ federation }: Stage, at: string): string {
  return at === owner ? space : `${federation.cluster(owner).place.cluster}:kv/${space}`;
}

const put: Deed = async (stage) => {
  const writer = someone(stage);
  const story = writtenIn(stage);
  story.number += 1;
  const key = `${writer}-${story.number}`;
  const value = `${contentOf(space)} ${key}`;
  const one: OnceWritten = { writer, value, written: 'under way', erased: 'no' };
  story.once.set(key, one);
  one.written = await stage.acts.attempt(writer, `put ${key}`, ({ kv }) =>
    kv.put({ space: spelledAt(stage, writer), key, text: value }),
  );
};

const contest: Deed = (stage) => {
  const writer = someone(stage);
  const key = stage.random.pick(contested);
  const value = `${contentOf(space)} ${key} ${stage.random.integer(1_000_000)}`;
  const where = { space: spelledAt(stage, writer), key };
  return stage.acts.attempt(writer, `write ${key}`, ({ kv }) =>
    stage.random.chance(0.2) ? kv.delete(where) : kv.put({ ...where, text: value }),
  );
};

/** The owner deletes what it has seen: no older write may bring it back. */
const erase: Deed = async (stage) => {
  const at = stage.federation.cluster(owner);
  const { once } = writtenIn(stage);
  const candidates = [...once].filter(([, { erased }]) => erased === 'no');
  if (!at.running || candidates.length === 0) {
    return;
  }
  const [key, one] = stage.random.pick(candidates);
  await stage.acts.attempt(owner, `erase ${key}`, async ({ kv }) => {
    await kv.get({ space, key });
    one.erased = 'under way';
    await kv.delete({ space, key });
    one.erased = 'done';
  });
  one.erased = one.erased === 'under way' ? 'unknown' : one.erased;
};

/** At the owner nothing that was erased is ever seen again. */
const look: Deed = async (stage) => {
  const erased = [...writtenIn(stage).once].filter(([, one]) => one.erased === 'done');
  const at = stage.federation.cluster(owner);
  if (!at.running) {
    return;
  }
  await stage.acts.attempt(owner, 'look', async (services) => {
    const entries = await entriesAt(stage, { name: owner, services });
    const seen = new Set(entries.map(({ key }) => key));
    for (const [key] of erased.filter(([each]) => seen.has(each))) {
      stage.federation.invariants.breaks(`${owner} shows ${key} again, which it had deleted`);
    }
  });
};

/** For a while the others may not push; what they wrote meanwhile is promoted when they may. */
const withhold: Deed = async (stage) => {
  const { federation, acts } = stage;
  const peer = otherThan(stage, owner);
  const rule = federation.invariants.model.rules.find(
    (each) => each.peer === peer && each.verbs.includes('push'),
  );
  if (rule !== undefined) {
    await acts.unshare(rule);
    await federation.time.sleep(stage.random.between(0, 20_000));
    await allowPush(stage, peer);
  }
};

function allowPush({ acts }: Stage, peer: string): Promise<unknown> {
  const effect = 'allow';
  return Promise.all([
    acts.share({ owner, peer, name: space, kind: 'kv', verbs: ['see', 'pull'], effect }),
    acts.share({ owner, peer, name: space, kind: 'kv', verbs: ['push'], effect }),
  ]);
}

async function entriesAt(
  stage: Stage,
  { name, services }: Pick<SimulatedCluster, 'name' | 'services'>,
): Promise<readonly KvEntry[]> {
  const { entries } = await services.kv.list({ space: spelledAt(stage, name), limit: pageOfAll });
  return entries;
}

async function settle(stage: Stage): Promise<void> {
  const { federation, acts } = stage;
  const names = federation.clusters.map(({ name }) => name);
  for (const peer of names.filter((each) => each !== owner)) {
    await federation.link(owner, peer);
  }
  await federation.complete(
    acts.attempt(owner, `create ${space}`, ({ kv }) => kv.create({ name: space, shared: true })),
  );
  for (const peer of names.filter((each) => each !== owner)) {
    await federation.complete(allowPush(stage, peer));
    await federation.complete(
      acts.attempt(peer, `mirror ${space}`, ({ sync }) =>
        sync.add({ resource: spelledAt(stage, peer) }),
      ),
    );
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
      [16, put],
      [6, contest],
      [5, erase],
      [6, look],
      [1, withhold],
      [3, partition],
      [3, heal],
      [2, cut],
      [2, crash],
      [1, stop],
      [5, start],
    ],
  });
  // Whatever became of them, in the end everybody may push again.
  federation.clusters.forEach((cluster) => cluster.spare());
  await federation.complete(Promise.all(federation.clusters.map((cluster) => cluster.start())));
  for (const { name } of federation.clusters.filter((each) => each.name !== owner)) {
    await federation.complete(allowPush(stage, name));
  }
}

async function requirePromoted(stage: Stage): Promise<void> {
  const { federation } = stage;
  const { once } = writtenIn(stage);
  await federation.until('all lanes are promoted', () => unpromoted(stage), promotedWithinMs);
  const entries = await federation.complete(entriesAt(stage, federation.cluster(owner)));
  const held = new Map(entries.map((entry) => [entry.key, entry]));
  for (const [key, { writer, value, erased }] of once) {
    const entry = held.get(key);
    if (entry !== undefined && erased === 'done') {
      throw new Error(`${owner} holds ${key} of ${writer} again, which it had deleted`);
    }
    if (entry !== undefined && (entry.text !== value || entry.version !== 1)) {
      throw new Error(`${key} of ${writer} arrived ${entry.version} times, not once`);
    }
  }
  await federation.until(
    'everybody reads the same',
    async () => {
      const own = textOf(await entriesAt(stage, federation.cluster(owner)));
      const differing: string[] = [];
      for (const at of federation.clusters) {
        const theirs = await federation.complete(entriesAt(stage, at).then(textOf, String));
        differing.push(...(theirs === own ? [] : [`${at.name} reads ${theirs}, not ${own}`]));
      }
      return differing;
    },
    agreeWithinMs,
  );
}

/** Writes that were acknowledged, that nobody erased, and that the owner does not hold. */
async function unpromoted(stage: Stage): Promise<readonly string[]> {
  const entries = await entriesAt(stage, stage.federation.cluster(owner));
  const held = new Set(entries.map(({ key }) => key));
  return [...writtenIn(stage).once]
    .filter(([key, one]) => one.written === 'done' && one.erased === 'no' && !held.has(key))
    .map(([key]) => `${key} has not arrived`);
}

function textOf(entries: readonly KvEntry[]): string {
  return entries.map(({ key, text }) => `${key}=${text}`).join('\n');
}

export const lanesScenario: Scenario = {
  name: 'lanes',
  clusters: [owner, 'bergen', 'visby'],
  play,
  after: requirePromoted,
};
