// Stories of how links begin, and of a clock that none of them can bear.
import type { Scenario, Stage } from './faults.ts';
import type { Outcome } from './federation-acts.ts';
import { settleIn, three, two } from './note-deeds.ts';

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

export const invitesScenario: Scenario = { name: 'invites', clusters: three, play: invites };
export const clockAheadScenario: Scenario = {
  name: 'clock-ahead',
  clusters: two,
  play: clockAhead,
};
