// What goes wrong in every story, and how deeds follow each other: for all scenarios, whatever they
// are about.
import type { Acts } from './federation-acts.ts';
import type { Federation, FederationOptions } from './federation.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Stage {
  readonly federation: Federation;
  readonly acts: Acts;
  readonly random: SeededRandom;
}

export interface Scenario {
  readonly name: string;
  readonly clusters: readonly string[];
  options?(random: SeededRandom): FederationOptions;
  play(stage: Stage): Promise<void>;
  /** What must hold in the end beside what always must: asked when everything is whole again. */
  after?(stage: Stage): Promise<void>;
}

export type Deed = (stage: Stage) => Promise<unknown> | void;
export type Weighted = readonly (readonly [weight: number, deed: Deed])[];

export function otherThan(stage: Stage, name: string): string {
  return stage.random.pick(stage.federation.clusters.filter((each) => each.name !== name)).name;
}

export function someone(stage: Stage): string {
  return stage.random.pick(stage.federation.clusters).name;
}

/**
 * Does deeds one after the other without waiting for them, with times between them drawn evenly.
 */
export async function rush(
  stage: Stage,
  how: { readonly deeds: number; readonly gapMs: number; readonly choice: Weighted },
): Promise<void> {
  const { federation, random } = stage;
  const total = how.choice.reduce((sum, [weight]) => sum + weight, 0);
  const under: Promise<unknown>[] = [];
  for (let done = 0; done < how.deeds; done += 1) {
    let drawn = random.between(0, total);
    const chosen = how.choice.find(([weight]) => (drawn -= weight) < 0) ?? how.choice[0];
    const work = chosen?.[1](stage);
    if (work !== undefined) {
      under.push(work);
    }
    await federation.run(random.between(0, how.gapMs));
  }
  await federation.complete(Promise.allSettled(under));
}

export const partition: Deed = (stage) => {
  const from = someone(stage);
  const oneWay = stage.random.chance(0.5);
  stage.federation.partition(from, otherThan(stage, from), { oneWay });
};

export const heal: Deed = (stage) => {
  const from = someone(stage);
  stage.federation.heal(from, otherThan(stage, from));
};

export const cut: Deed = (stage) => {
  const from = someone(stage);
  stage.federation.network.cut(from, otherThan(stage, from));
};

export const crash: Deed = (stage) => {
  const { random, federation } = stage;
  const cluster = federation.cluster(someone(stage));
  if (random.chance(0.6)) {
    cluster.crashAtWrite(random.integer(12), random.chance(0.5) ? 'before' : 'after');
  } else {
    federation.crash(cluster.name);
  }
};

export const stop: Deed = (stage) => stage.federation.cluster(someone(stage)).stop();

export const start: Deed = (stage) => stage.federation.cluster(someone(stage)).start();
