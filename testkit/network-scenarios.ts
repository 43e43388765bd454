// Stories of networks that are neither whole nor broken: one cluster reaches both of two that do
// not reach each other, and links that come and go faster than anybody settles.
import { crash, otherThan, rush, someone, start, type Deed, type Scenario } from './faults.ts';
import type { Stage } from './faults.ts';
import { append, appendLarge, chaos, daily, remirror, settleIn, three, two } from './note-deeds.ts';

const bridgedMs = 40_000; // longer than any connection outlives silence
const wellWithinMs = 20_000; // what is not cut is well soon, whatever else is

/** The middle reaches both others, which do not reach each other, or in one direction alone. */
async function bridged(stage: Stage): Promise<void> {
  const { federation, random } = stage;
  await settleIn(stage);
  for (let round = 0; round < 2; round += 1) {
    const middle = someone(stage);
    const [a = '', b = ''] = federation.clusters
      .map(({ name }) => name)
      .filter((name) => name !== middle);
    const [from, to] = random.pick([
      [a, b],
      [b, a],
    ] as const);
    federation.partition(from, to, { oneWay: random.chance(0.4) });
    await rush(stage, {
      deeds: 10,
      gapMs: (2 * bridgedMs) / 10,
      choice: [...daily, [2, appendLarge], [1, remirror]],
    });
    await federation.until(
      `${middle} is well linked with both`,
      () => unwell(stage, middle),
      wellWithinMs,
    );
    federation.heal(a, b);
    await federation.run(random.between(0, 10_000));
  }
}

async function unwell({ federation }: Stage, name: string): Promise<readonly string[]> {
  const { links } = await federation.cluster(name).links();
  return links
    .filter(({ status }) => status !== 'live' && status !== 'idle')
    .map(({ name: peer, status, reason }) => `${peer} is ${status} (${reason ?? ''})`);
}

export const bridgedScenario: Scenario = { name: 'bridged', clusters: three, play: bridged };

const flapMs: readonly [number, number] = [50, 4_000]; // around a beat, and around a redial
const flapsMax = 12;

/** One link that breaks and heals, by another fault each time, before it has settled. */
const flap: Deed = async (stage) => {
  const { federation, random } = stage;
  const from = someone(stage);
  const to = otherThan(stage, from);
  const flaps = 1 + random.integer(flapsMax);
  for (let flapped = 0; flapped < flaps; flapped += 1) {
    const how = random.pick(['cut', 'both', 'one'] as const);
    if (how === 'cut') {
      federation.network.cut(from, to);
    } else {
      federation.partition(from, to, { oneWay: how === 'one' });
    }
    await federation.time.sleep(random.between(...flapMs));
    federation.heal(from, to);
    await federation.time.sleep(random.between(...flapMs));
  }
};

export const flappingScenario: Scenario = {
  name: 'flapping',
  clusters: two,
  play: chaos([...daily, [4, append], [5, flap], [1, crash], [3, start]], { gapMs: 6_000 }),
};
