// The directories of clusters that know each other's people, while what is between them breaks and
// they die: in the end everybody tells the same of everybody, and nobody who was removed is back.
import type { Acts } from './federation-acts.ts';
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
import type { Services, SimulatedCluster } from './simulated-cluster.ts';

/** `leaving` and `unsure`: what was asked has no known outcome, so either is right. */
type Standing = 'there' | 'leaving' | 'gone' | 'unsure';

interface People {
  /** By `<home> <name>`. No name is given a second time. */
  readonly standing: Map<string, Standing>;
  /** `<cluster> <home> <name>` of those who were removed, and whom the cluster shows no more. */
  readonly missed: Set<string>;
  readonly groups: Map<string, string>;
}

const resource = 'directory/people';
const keeper = 'keeper'; // is never removed: who shows it has read that directory
const agreeWithinMs = 30_000; // of reading what mirrors already hold
const pageOfAll = 1_000; // more than a story makes

const stories = new WeakMap<Acts, People>();

function peopleOf({ acts }: Stage): People {
  const known = stories.get(acts);
  const made = known ?? { standing: new Map(), missed: new Set(), groups: new Map() };
  stories.set(acts, made);
  return made;
}

function nextName(count: number): string {
  return `p-${count}`;
}

async function putUser(stage: Stage, home: string, name: string): Promise<void> {
  const { standing, groups } = peopleOf(stage);
  standing.set(`${home} ${name}`, 'unsure');
  const own = [...groups].filter(([, at]) => at === home).map(([group]) => group);
  const joined = own.length > 0 && stage.random.chance(0.7) ? [stage.random.pick(own)] : [];
  const done = await stage.acts.attempt(home, `put user ${name}`, ({ directory }) =>
    directory.putUser({ user: name, displayName: `Somebody ${name}`, groups: joined }),
  );
  if (done === 'done') {
    standing.set(`${home} ${name}`, 'there');
  }
}

async function putGroup(stage: Stage, home: string, group: string): Promise<void> {
  const done = await stage.acts.attempt(home, `put group ${group}`, ({ directory }) =>
    directory.putGroup({ group, description: `All of ${group}` }),
  );
  if (done === 'done') {
    peopleOf(stage).groups.set(group, home);
  }
}

const add: Deed = (stage) =>
  putUser(stage, someone(stage), nextName(peopleOf(stage).standing.size));

const found: Deed = (stage) =>
  putGroup(stage, someone(stage), `group-${stage.random.integer(1_000_000)}`);

const rename: Deed = (stage) => {
  const chosen = somebody(stage);
  return (
    chosen &&
    stage.acts.attempt(chosen.home, `rename ${chosen.name}`, ({ directory }) =>
      directory.putUser({
        user: chosen.name,
        expect: 'present',
        displayName: `Name ${stage.random.integer(1_000_000)}`,
      }),
    )
  );
};

const remove: Deed = async (stage) => {
  const chosen = somebody(stage);
  if (chosen === undefined) {
    return;
  }
  const { standing } = peopleOf(stage);
  const key = `${chosen.home} ${chosen.name}`;
  standing.set(key, 'leaving');
  const done = await stage.acts.attempt(chosen.home, `remove ${chosen.name}`, ({ directory }) =>
    directory.removeUser({ user: chosen.name }),
  );
  // Refused is who was not running, and what met another change of the same.
  const now = { done: 'gone', refused: 'there', unknown: 'unsure' } as const;
  standing.set(key, now[done]);
};

function somebody(stage: Stage): { readonly home: string; readonly name: string } | undefined {
  const there = [...peopleOf(stage).standing]
    .filter(([key, standing]) => standing === 'there' && !key.endsWith(` ${keeper}`))
    .map(([key]) => key);
  const [home = '', name = ''] = there.length === 0 ? [] : stage.random.pick(there).split(' ');
  return name === '' ? undefined : { home, name };
}

/** Somebody looks up another cluster's people; whoever was gone there stays gone. */
const look: Deed = async (stage) => {
  const home = someone(stage);
  const at = stage.federation.cluster(otherThan(stage, home));
  if (!at.running) {
    return;
  }
  const { standing } = peopleOf(stage);
  const removed = [...standing].filter(([, each]) => each === 'gone').map(([key]) => key);
  await stage.acts.attempt(at.name, `look at ${home}`, async (services) => {
    const names = (await usersOf(stage, services, home)).map(({ name }) => name);
    follow(stage, { at: at.name, home, names, removed });
  });
};

function follow(
  stage: Stage,
  seen: {
    readonly at: string;
    readonly home: string;
    readonly names: readonly string[];
    /** As it was before the look, whose answer may be older than what was removed since. */
    readonly removed: readonly string[];
  },
): void {
  const { at, home, names, removed } = seen;
  const { missed } = peopleOf(stage);
  if (!names.includes(keeper)) {
    return; // it has not read that directory yet
  }
  for (const key of removed.filter((each) => each.startsWith(`${home} `))) {
    const name = key.slice(home.length + 1);
    if (!names.includes(name)) {
      missed.add(`${at} ${key}`);
    } else if (missed.has(`${at} ${key}`)) {
      stage.federation.invariants.breaks(`${at} shows ${name} of ${home} again, who was removed`);
    }
  }
}

async function usersOf(
  { federation }: Stage,
  { directory }: Services,
  home: string,
): Promise<Awaited<ReturnType<typeof directory.users>>['users']> {
  const { cluster } = federation.cluster(home).place;
  return (await directory.users({ limit: pageOfAll, home: cluster })).users;
}

/** Everybody is linked, shares its directory with all others, and mirrors theirs. */
async function settle(stage: Stage): Promise<void> {
  const { federation, acts } = stage;
  const names = federation.clusters.map(({ name }) => name);
  for (const [index, a] of names.entries()) {
    for (const b of names.slice(index + 1)) {
      await federation.link(a, b);
    }
  }
  const each = names.map(async (home) => {
    await putGroup(stage, home, `group-of-${home}`);
    await putUser(stage, home, keeper);
    for (const peer of names.filter((other) => other !== home)) {
      await acts.attempt(home, `share its people with ${peer}`, ({ policies }) =>
        policies.add({
          effect: 'allow',
          verbs: ['see', 'pull'],
          resources: { kind: 'directory', name: 'people' },
          peers: { cluster: federation.cluster(peer).place.cluster },
        }),
      );
    }
  });
  await federation.complete(Promise.all(each));
  const mirroring = names.flatMap((home) =>
    names
      .filter((peer) => peer !== home)
      .map((peer) =>
        acts.attempt(peer, `mirror the people of ${home}`, ({ sync }) =>
          sync.add({ resource: `${federation.cluster(home).place.cluster}:${resource}` }),
        ),
      ),
  );
  await federation.complete(Promise.all(mirroring));
}

/** What a cluster tells of another's people, less how it stands to them itself. */
async function told(stage: Stage, at: SimulatedCluster, home: string): Promise<string> {
  const { cluster } = stage.federation.cluster(home).place;
  const own = at.name === home ? '' : `@${cluster}`;
  const users = await usersOf(stage, at.services, home);
  const lines = users.map(({ name, displayName, groups, sinceMs, disabled }) =>
    JSON.stringify({ name, displayName, groups, sinceMs, disabled }),
  );
  for (const [group, founded] of peopleOf(stage).groups) {
    if (founded === home) {
      const { members } = await at.services.directory.showGroup({ group: `${group}${own}` });
      lines.push(`${group}: ${members.map((each) => each.split('@')[0]).join()}`);
    }
  }
  return lines.join('\n');
}

function standingAt(stage: Stage, home: string): readonly (readonly [string, Standing])[] {
  return [...peopleOf(stage).standing].flatMap(([key, each]) => {
    const [at, name = ''] = key.split(' ');
    return at === home ? [[name, each] as const] : [];
  });
}

async function requireAgreement(stage: Stage): Promise<void> {
  const { federation } = stage;
  for (const { name: home } of federation.clusters) {
    const own = await federation.complete(told(stage, federation.cluster(home), home));
    for (const [name, each] of standingAt(stage, home)) {
      const shown = new RegExp(`"name":"${name}"|user:${name}(?:,|$)`, 'm').test(own);
      if (shown ? each === 'gone' : each === 'there') {
        throw new Error(`${home} ${shown ? 'still shows' : 'has lost'} ${name}, who is ${each}`);
      }
    }
    const others = federation.clusters.filter(({ name }) => name !== home);
    await federation.until(
      `all tell the same of the people of ${home}`,
      async () => {
        const differing: string[] = [];
        for (const at of others) {
          const theirs = await federation.complete(told(stage, at, home).catch(String));
          differing.push(...(theirs === own ? [] : [`${at.name} tells ${theirs}, not ${own}`]));
        }
        return differing;
      },
      agreeWithinMs,
    );
  }
}

export const peopleScenario: Scenario = {
  name: 'people',
  clusters: ['lubeck', 'bergen', 'visby'],
  async play(stage) {
    await settle(stage);
    await rush(stage, {
      deeds: 60,
      gapMs: 2_500,
      choice: [
        [10, add],
        [2, found],
        [4, rename],
        [7, remove],
        [12, look],
        [3, partition],
        [3, heal],
        [1, cut],
        [1, crash],
        [1, stop],
        [4, start],
      ],
    });
  },
  after: requireAgreement,
};
