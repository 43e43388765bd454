// A hub with very many leaves on virtual time, as a process of its own: how long after the hub is
// back everybody is whole again, and how many dial it in the same instant.
import { setMaxListeners } from 'node:events';
import type { Stage } from '../testkit/faults.ts';
import { createActs } from '../testkit/federation-acts.ts';
import { createFederation } from '../testkit/federation.ts';
import { gather, unsettled } from '../testkit/herd-scenario.ts';
import { askedBy } from './asked.ts';

export interface Herd {
  /** Makes the clusters, links all with the hub, and waits until all hold what it shares. */
  gather(size: {
    readonly clusters: number;
    readonly seed: number;
  }): Promise<{ settledMs: number }>;
  /** The hub dies, is away, and comes back with a change that nobody has yet. */
  restart(awayMs: number): Promise<Restarted>;
}

export interface Restarted {
  /** From the hub's start until all links are green and all mirrors have the change. */
  readonly convergedMs: number;
  /** The most that dialled within one step, and all that did until then. */
  readonly dialsPeak: number;
  readonly dials: number;
}

export const stepMs = 100; // a handshake's time: who comes in the same one comes together
const givenUpMs = 300_000;
setMaxListeners(0); // a hub's many links listen to one signal each time
const hub = 'hub';
let stage: (Stage & { readonly note: string }) | undefined;

function present(): Stage & { readonly note: string } {
  if (stage === undefined) {
    throw new Error('nothing was gathered');
  }
  return stage;
}

function dialled({ federation }: Stage): number {
  const leaves = federation.clusters.filter(({ name }) => name !== hub);
  return leaves.reduce((sum, { name }) => sum + federation.network.dials(name, hub), 0);
}

/** Past the checks that stories make all along: they cost more than what is measured. */
async function settled(given: Stage, stepped: () => void = () => undefined): Promise<number> {
  const { time } = given.federation;
  const begunMs = time.monotonicMs();
  while ((await unsettled(given)).length > 0) {
    if (time.monotonicMs() - begunMs > givenUpMs) {
      throw new Error(`not whole: ${(await unsettled(given)).slice(0, 3).join('; ')}`);
    }
    await time.advance(stepMs);
    stepped();
  }
  return time.monotonicMs() - begunMs;
}

const node: Herd = {
  async gather({ clusters, seed }) {
    const leaves = Array.from({ length: clusters - 1 }, (_, at) => `leaf-${at}`);
    const federation = await createFederation({ seed, clusters: [hub, ...leaves] });
    const made = { federation, acts: createActs(federation), random: federation.random };
    stage = { ...made, note: await gather(made) };
    const settledMs = await settled(made);
    // From now on nobody can dial a leaf, as behind most routers: else the hub, as soon as it runs,
    // dials all of them, and nobody waits.
    for (const leaf of leaves) {
      federation.shape(hub, leaf, { dialFailProbability: 1, oneWay: true });
    }
    return { settledMs };
  },
  async restart(awayMs) {
    const given = present();
    const { federation, acts, note } = given;
    federation.cluster(hub).crash();
    await federation.time.advance(awayMs);
    const begunMs = federation.time.monotonicMs();
    const first = dialled(given);
    let [before, dialsPeak] = [first, 0];
    await federation.complete(federation.cluster(hub).start());
    await federation.complete(acts.append(note));
    await settled(given, () => {
      const now = dialled(given);
      dialsPeak = Math.max(dialsPeak, now - before);
      before = now;
    });
    const convergedMs = federation.time.monotonicMs() - begunMs;
    return { convergedMs, dialsPeak, dials: dialled(given) - first };
  },
};

askedBy(node, async () => present().federation.close());
