// A hub that many link to, and that dies: everybody comes back within half a minute, and nobody
// dials it more often than patience allows.
import type { Scenario, Stage } from './faults.ts';

export const convergedWithinMs = 30_000; // the goal for a hub that is back, at any size
const leaves = ['bergen', 'visby', 'riga', 'danzig', 'reval', 'stralsund'];
const hub = 'lubeck';
const linkedAtOnce = 8;
// a dial waits five seconds at most; a hub that is away for a minute is dialled this often, and
// twice as often as that by nobody
const dialsPerMinuteMax = 24;

/** Links every other cluster with the first, which shares one note with all of them. */
export async function gather(stage: Stage): Promise<string> {
  const { federation, acts } = stage;
  const [{ name: middle } = { name: '' }, ...others] = federation.clusters;
  const note = await federation.complete(acts.create(middle));
  await federation.complete(acts.append(note));
  for (let at = 0; at < others.length; at += linkedAtOnce) {
    const some = others.slice(at, at + linkedAtOnce).map(async ({ name }) => {
      const { token } = await federation.cluster(middle).services.links.invite({ confirm: true });
      await federation.cluster(name).services.links.accept({ token, confirm: true });
      const rule = { owner: middle, peer: name, name: note, verbs: ['see', 'pull'] } as const;
      await acts.share({ ...rule, effect: 'allow' });
      await acts.mirror(name, note);
    });
    await federation.complete(Promise.all(some));
  }
  return note;
}

/** What is not yet as it should be between the hub and its leaves. */
export async function unsettled({ federation }: Stage): Promise<readonly string[]> {
  const [first, ...others] = federation.clusters;
  const missing: string[] = [];
  const { links } = first === undefined ? { links: [] } : await first.links();
  const green = links.filter(({ status }) => status === 'live' || status === 'idle');
  if (green.length < others.length) {
    missing.push(`${green.length} of ${others.length} links are green at the hub`);
  }
  for (const leaf of others) {
    const { mirrors } = await leaf.services.sync.list({});
    const [mirror] = mirrors;
    const due = mirror && federation.invariants.witness.position(mirror.resource);
    if (mirror?.state !== 'current' || mirror.applied?.sequence !== due?.sequence) {
      missing.push(`${leaf.name} is ${mirror?.state} at ${mirror?.applied?.sequence ?? 0}`);
    }
  }
  return missing;
}

async function herd(stage: Stage): Promise<void> {
  const { federation, acts, random } = stage;
  const note = await gather(stage);
  await federation.until('all are whole', () => unsettled(stage), convergedWithinMs);
  for (let round = 0; round < 3; round += 1) {
    const before = dialsOf(stage);
    const awayMs = random.between(500, 60_000);
    federation.crash(hub);
    await federation.run(awayMs);
    await federation.restart(hub);
    await federation.complete(acts.append(note));
    await federation.until('all are whole again', () => unsettled(stage), convergedWithinMs);
    for (const [name, dials] of dialsOf(stage)) {
      const most = dialsPerMinuteMax * Math.ceil((awayMs + convergedWithinMs) / 60_000);
      const dialled = dials - (before.get(name) ?? 0);
      if (dialled > most) {
        federation.invariants.breaks(`${name} dialled the hub ${dialled} times, not ${most}`);
      }
    }
  }
}

function dialsOf({ federation }: Stage): ReadonlyMap<string, number> {
  return new Map(leaves.map((name) => [name, federation.network.dials(name, hub)]));
}

export const herdScenario: Scenario = { name: 'herd', clusters: [hub, ...leaves], play: herd };
