// How every simulation ends: faults stop, the dead come back, and then everybody has to agree. What
// is expected is read from disks and from the rules that owners' clusters list; none of it is
// believed because a service decided it.
import type { Rule, Verb } from '@hansa/capabilities/policies/contract';
import { laneTarget, splitFederatedId, splitLocalId, toHex } from '@hansa/foundation';
import type { Federation } from './federation.ts';
import { falseRedMs } from './link-invariants.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

// a stream that fell silent is given up in the fifth round; then it needs one more
const equalWithinMs = 240_000;
const quietMs = 15_000; // long enough for what was right by luck to show itself
// of one cluster to another in that time: eight beats and their answers, and a round of everything
// else that is asked again and again; what goes in circles says more
const quietFramesMax = 400;

/** Stops all faults, and checks that the federation becomes whole and stays so. */
export async function finish(federation: Federation): Promise<void> {
  const { network, trace, clusters } = federation;
  trace.add('', 'calm');
  network.calm();
  clusters.forEach((cluster) => cluster.spare());
  await federation.complete(Promise.all(clusters.map((cluster) => cluster.start())));
  await requireRules(federation);
  const endMs = calmSinceMs(federation) + falseRedMs;
  const green = (): Promise<void> => {
    const leftMs = Math.max(0, endMs - federation.time.monotonicMs());
    return federation.until('links are green', () => redLinks(federation), leftMs);
  };
  await green();
  await federation.until('mirrors are equal', () => unequalMirrors(federation), equalWithinMs);
  let chatter = await quietly(federation);
  if ((await redLinks(federation)).length > 0) {
    // What a fault's last moment did may show itself only now, and has its minute as well.
    await green();
    chatter = await quietly(federation);
  }
  const late = [...(await redLinks(federation)), ...(await unequalMirrors(federation))];
  const audits = await brokenAudits(federation);
  const wrong = [...chatter, ...late, ...(await wrongLists(federation)), ...audits];
  if (wrong.length > 0) {
    throw new Error(`after everything was whole: ${wrong.join('; ')}`);
  }
}

/** Since when nothing between any two is a reason to be red; it may lie ahead. */
function calmSinceMs({ network, clusters, time }: Federation): number {
  const between = clusters.flatMap(({ name: a }) =>
    clusters.map(({ name: b }) => network.calmSinceMs(a, b) ?? 0),
  );
  return Math.max(time.monotonicMs(), ...between);
}

/** Lets time pass in which nobody does anything; who says more than it needs to is named. */
async function quietly(federation: Federation): Promise<readonly string[]> {
  const { network, clusters } = federation;
  const sent = (): readonly (readonly [string, number])[] =>
    clusters.flatMap(({ name: from }) =>
      clusters
        .filter(({ name: to }) => to !== from)
        .map(({ name: to }) => [`${from} to ${to}`, network.load(from, to).frames] as const),
    );
  const before = new Map(sent());
  await federation.run(quietMs);
  return sent()
    .map(([who, frames]) => [who, frames - (before.get(who) ?? 0)] as const)
    .filter(([, frames]) => frames > quietFramesMax)
    .map(([who, frames]) => `${who}: ${frames} frames while nothing happened`);
}

/**
 * Everybody's own audit, and what it holds of others', is whole and as it was countersigned. That
 * of a restored cluster says for ever that something is missing, and should.
 */
async function brokenAudits(federation: Federation): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const { name, services } of federation.clusters) {
    const reading = async (): Promise<void> => {
      for await (const said of services.audit.verify({})) {
        const isTold = said.type === 'report' && federation.restored.has(said.report.cluster);
        if (said.type === 'report' && !said.report.verified && !isTold) {
          const { clusterName, problems } = said.report;
          const why = problems.map(({ sentence }) => sentence).join(', ');
          broken.push(`at ${name} the audit of ${clusterName} does not verify: ${why}`);
        }
      }
    };
    await federation.complete(reading());
  }
  return broken;
}

/** Rules that were acknowledged are there, and those whose removal was acknowledged are not. */
async function requireRules({ invariants, cluster }: Federation): Promise<void> {
  for (const rule of invariants.model.asked) {
    const listed = await rulesOf(cluster(rule.owner));
    const there = listed.some(({ id }) => id === rule.id);
    if (rule.sureSinceMs !== undefined && rule.endedMs === undefined && !there) {
      throw new Error(`${rule.owner} acknowledged rule ${rule.id} on ${rule.name} and lost it`);
    }
    if (rule.endedMs !== undefined && there) {
      throw new Error(`${rule.owner} removed rule ${rule.id} on ${rule.name} and has it again`);
    }
  }
}

async function rulesOf(cluster: SimulatedCluster): Promise<readonly Rule[]> {
  return (await cluster.services.policies.list({})).rules;
}

/** Whether both disks say that the two are linked with each other, in the same epoch. */
export function linkedOnDisk({ invariants }: Federation, a: string, b: string): boolean {
  const [ours, theirs] = [invariants.linkRecord(a, b), invariants.linkRecord(b, a)];
  const open = [ours, theirs].every((each) => each?.closed === false && each.confirmedHere);
  return open && ours?.epoch === theirs?.epoch && (ours?.mine === true || theirs?.mine === true);
}

async function redLinks(federation: Federation): Promise<string[]> {
  const red: string[] = [];
  for (const cluster of federation.clusters) {
    const { links } = await cluster.links();
    for (const { peer, status, reason } of links) {
      const name = federation.clusters.find(({ place }) => place.cluster === peer)?.name ?? peer;
      const green = status === 'live' || status === 'idle';
      if (green !== linkedOnDisk(federation, cluster.name, name)) {
        red.push(`${cluster.name} shows ${name} as ${status} (${reason ?? 'without a reason'})`);
      }
    }
  }
  return red;
}

function allows(
  rules: readonly Rule[],
  asked: { readonly peer: SimulatedCluster; readonly name: string; readonly verb: Verb },
): boolean {
  const about = rules.filter(
    ({ resources, peers, verbs }) =>
      resources.name === asked.name &&
      verbs.includes(asked.verb) &&
      ('public' in peers || ('cluster' in peers && peers.cluster === asked.peer.place.cluster)),
  );
  return (
    about.some(({ effect }) => effect === 'allow') && !about.some(({ effect }) => effect === 'deny')
  );
}

/** Whether the peer gets it in the end: by a public rule, or by its own over a link that stands. */
async function gets(
  federation: Federation,
  asked: {
    readonly owner: SimulatedCluster;
    readonly peer: SimulatedCluster;
    name: string;
    verb: Verb;
  },
): Promise<boolean> {
  const { owner, peer } = asked;
  const rules = await rulesOf(owner);
  const linked = linkedOnDisk(federation, owner.name, peer.name);
  const counted = rules.filter(
    ({ peers, effect }) => linked || 'public' in peers || effect === 'deny',
  );
  return allows(counted, asked);
}

async function unequalMirrors(federation: Federation): Promise<string[]> {
  const unequal: string[] = [];
  for (const cluster of federation.clusters) {
    const { mirrors } = await cluster.services.sync.list({});
    const onDisk = await federation.invariants.witness.mirrored(cluster);
    for (const { resource, state, lastError } of mirrors) {
      const { owner: ownerId, local } = splitFederatedId(resource);
      const owner = federation.clusters.find(({ place }) => place.cluster === ownerId);
      if (owner === undefined || !linkedOnDisk(federation, cluster.name, owner.name)) {
        continue;
      }
      const { name } = splitLocalId(local);
      const position = federation.invariants.witness.position(resource);
      // A lane is read by whom it is for: no rule selects it.
      const due =
        position !== undefined &&
        (laneTarget(local) !== undefined ||
          (await gets(federation, { owner, peer: cluster, name, verb: 'pull' })));
      const applied = onDisk.find(({ applied: each }) => each.head.resource === resource)?.applied;
      const equal =
        applied?.epoch === position?.epoch &&
        applied?.sequence === position?.sequence &&
        applied?.digest !== undefined &&
        toHex(applied.digest) === position?.digest;
      // What was never shared is absent; what is not shared any more is withdrawn as well.
      const resting = state === 'absent' || state === 'frozen';
      if (due ? !equal || state !== 'current' : !resting) {
        const stands = `${applied?.epoch ?? 0}/${applied?.sequence ?? 0}`;
        const wanted = due ? `${position.epoch}/${position.sequence}` : 'absent';
        unequal.push(
          `${cluster.name}'s mirror of ${name} is ${state} at ${stands}, not ${wanted}: ` +
            `${lastError?.code ?? 'no error'}`,
        );
      }
    }
  }
  return unequal;
}

/** What peers list of each other is what they may see, all of it and nothing else. */
async function wrongLists(federation: Federation): Promise<string[]> {
  const wrong: string[] = [];
  for (const peer of federation.clusters) {
    for (const owner of federation.clusters) {
      if (owner === peer || !linkedOnDisk(federation, owner.name, peer.name)) {
        continue;
      }
      const asked = peer.services.catalog.list({ peer: owner.place.cluster });
      const { items } = await federation.complete(asked);
      const listed = items.map(({ name }) => name).toSorted();
      const due: string[] = [];
      for (const { name } of owner.services.log.all()) {
        if (await gets(federation, { owner, peer, name, verb: 'see' })) {
          due.push(name);
        }
      }
      if (listed.join() !== due.toSorted().join()) {
        wrong.push(
          `${peer.name} lists ${listed.join()} of ${owner.name}, and should ${due.join()}`,
        );
      }
    }
  }
  return wrong;
}
