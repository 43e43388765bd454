// What must hold of links at every moment: records go forward, an invitation makes one link, and a
// status is neither green where nothing gets through nor red where everything does.
import type { LinkRecord } from '@hansa/capabilities/links/keys';
import { toHex } from '@hansa/foundation';
import type { InvariantNeeds } from './invariant-needs.ts';
import type { LinkFacts, SharingModel } from './sharing-model.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** The longest a link may be shown as healthy after nothing gets through any more. */
export const falseGreenMs = 9_000; // three beats are missed by then, and the third had time to come
/**
 * The longest a link may be shown as broken after everything gets through again: the same as at the
 * end, where all faults stop.
 */
export const falseRedMs = 60_000;

interface LinkSeen {
  readonly record: LinkRecord;
  readonly closedMs: number | undefined;
  readonly changedMs: number;
}

interface Told {
  nowMs(): number;
  breaks(sentence: string): void;
  nameOf(cluster: string): string;
}

/** Every side's own durable record of its links, by its name and the peer's. */
export interface LinksSeen {
  record(owner: string, peer: string): LinkRecord | undefined;
  changedMs(owner: string, peer: string): number;
  facts(owner: string, peer: string): LinkFacts;
  follow(told: Told, cluster: SimulatedCluster, record: LinkRecord): void;
  /** What is on that disk is told anew. */
  forget(owner: string): void;
}

export function createLinksSeen(): LinksSeen {
  const links = new Map<string, LinkSeen>();
  const seen = (owner: string, peer: string): LinkSeen | undefined => links.get(`${owner} ${peer}`);
  return {
    record: (owner, peer) => seen(owner, peer)?.record,
    changedMs: (owner, peer) => seen(owner, peer)?.changedMs ?? 0,
    facts(owner, peer) {
      const link = seen(owner, peer);
      const open = link !== undefined && !link.record.closed && link.record.confirmedHere;
      return { open, closedMs: link?.closedMs };
    },
    forget(owner) {
      const its = [...links.keys()].filter((name) => name.startsWith(`${owner} `));
      its.forEach((name) => links.delete(name));
    },
    follow({ nowMs, breaks, nameOf }, cluster, record) {
      const key = `${cluster.name} ${nameOf(record.peer)}`;
      const before = links.get(key);
      const closedMs = record.closed ? (before?.closedMs ?? nowMs()) : undefined;
      links.set(key, { record, closedMs, changedMs: nowMs() });
      if (before !== undefined && record.epoch < before.record.epoch) {
        const peer = nameOf(record.peer);
        breaks(`${cluster.name}'s link to ${peer} went back to epoch ${record.epoch}`);
      }
      const redeemers = redeemersOf(links, record);
      if (redeemers.length > 1) {
        breaks(`one invitation linked ${redeemers.join(' and ')}`);
      }
    },
  };
}

function redeemersOf(links: ReadonlyMap<string, LinkSeen>, record: LinkRecord): readonly string[] {
  const redeemers = new Set<string>();
  for (const [between, { record: each }] of links) {
    if (toHex(each.inviterNonce) === toHex(record.inviterNonce)) {
      const [holder = '', peer = ''] = between.split(' ');
      redeemers.add(each.invitedByUs ? peer : holder);
    }
  }
  return [...redeemers];
}

interface StatusNeeds extends InvariantNeeds {
  readonly model: SharingModel;
  readonly links: LinksSeen;
  breaks(sentence: string): void;
}

interface Between {
  readonly cluster: SimulatedCluster;
  readonly peer: SimulatedCluster;
  readonly status: string;
  readonly reason?: string | undefined;
}

export function createStatusCheck(needs: StatusNeeds): {
  check(cluster: SimulatedCluster): Promise<void>;
} {
  return {
    async check(cluster) {
      if (!cluster.running) {
        return;
      }
      const { links } = await cluster.links();
      for (const { peer: id, status, reason } of links) {
        const peer = needs.clusters.find(({ place }) => place.cluster === id);
        if (peer === undefined) {
          continue;
        }
        const between: Between = { cluster, peer, status, reason };
        if (status === 'live' || status === 'idle') {
          checkGreen(needs, between);
        } else {
          await checkRed(needs, between);
        }
      }
    },
  };
}

function checkGreen(
  { network, nowMs, trace, breaks }: StatusNeeds,
  { cluster, peer, status }: Between,
): void {
  const since = [
    network().blockedSinceMs(cluster.name, peer.name),
    network().blockedSinceMs(peer.name, cluster.name),
    peer.downSinceMs,
  ].flatMap((ms) => ms ?? []);
  const cutMs = nowMs() - Math.min(...since);
  if (since.length > 0 && cutMs > falseGreenMs) {
    trace.add(cluster.name, `link ${peer.name} ${status}`);
    breaks(
      `${cluster.name} shows its link to ${peer.name} as ${status}, ` +
        `${Math.round(cutMs)} ms after it was cut`,
    );
  }
}

async function checkRed(needs: StatusNeeds, between: Between): Promise<void> {
  const { nowMs, breaks } = needs;
  const { cluster, peer, status, reason } = between;
  const since = wellSinceMs(needs, cluster, peer);
  if (since === undefined || nowMs() - since <= falseRedMs || (await isRewound(cluster, peer))) {
    return;
  }
  breaks(
    `${cluster.name} shows its link to ${peer.name} as ${status} ` +
      `(${reason ?? 'without a reason'}), ${Math.round(nowMs() - since)} ms after the last ` +
      `fault between them`,
  );
}

/** Since when there is nothing that a link between the two could be red for. */
function wellSinceMs(
  { network, model, links }: StatusNeeds,
  a: SimulatedCluster,
  b: SimulatedCluster,
): number | undefined {
  const both = [a, b] as const;
  const calm = network().calmSinceMs(a.name, b.name);
  const [ours, theirs] = [links.record(a.name, b.name), links.record(b.name, a.name)];
  const linked =
    [ours, theirs].every((each) => each?.closed === false && each.confirmedHere) &&
    ours?.epoch === theirs?.epoch &&
    (ours?.mine === true || theirs?.mine === true);
  const trusted = [model.trustsSinceMs(a.name, b.name), model.trustsSinceMs(b.name, a.name)];
  const steady = both.map((each) => each.steadySinceMs);
  const since = [calm, ...trusted, ...steady];
  if (!linked || since.includes(undefined)) {
    return undefined;
  }
  const changed = [links.changedMs(a.name, b.name), links.changedMs(b.name, a.name)];
  return Math.max(...changed, ...since.map((ms) => ms ?? 0));
}

/** What is behind its own signature waits for a person, and the link says so. */
async function isRewound(a: SimulatedCluster, b: SimulatedCluster): Promise<boolean> {
  const lists = await Promise.all([a, b].map(({ services }) => services.recovery.list({})));
  return lists.some(({ rewound }) => rewound.length > 0);
}
