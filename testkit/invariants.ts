// What must hold at every moment of every simulation, whatever goes wrong. Broken ones are
// gathered, because they are found in the middle of a cluster's own work; the federation stops on
// them.
import type { LinkRecord } from '@hansa/capabilities/links/keys';
import type { AppliedRecord } from '@hansa/capabilities/sync/keys';
import { concatBytes, splitFederatedId, toHex, type Codec, type Crypto } from '@hansa/foundation';
import { createDiskWitness, type DiskWitness, type MirrorOnDisk } from './disk-witness.ts';
import { createSharingModel, type SharingModel } from './sharing-model.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { SimulatedNetwork, TappedFrame } from './simulated-network.ts';
import type { Trace } from './trace.ts';
import { createWireWatch } from './wire-watch.ts';

/** The longest a link may be shown as healthy after nothing gets through any more. */
export const falseGreenMs = 9_000; // three beats are missed by then, and the third had time to come
// over ten seconds: redialling after 250 ms, doubling, stays far below
const dialsPerWindowMax = 60;
const dialWindowMs = 10_000;

export interface Invariants {
  readonly model: SharingModel;
  readonly witness: DiskWitness;
  readonly broken: readonly string[];
  breaks(sentence: string): void;
  tap(frame: TappedFrame): void;
  attend(cluster: SimulatedCluster): void;
  /** The owner's own durable record of its link to the peer. */
  linkRecord(owner: string, peer: string): LinkRecord | undefined;
  /** An append that its owner was told is done. */
  acknowledged(cluster: SimulatedCluster, ack: Acknowledged): void;
  /** Everything that can be checked while the federation goes on. */
  check(): Promise<void>;
}

export interface Acknowledged {
  readonly resource: string;
  readonly epoch: number;
  readonly sequence: number;
}

interface InvariantNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly trace: Trace;
  readonly clusters: readonly SimulatedCluster[];
  network(): SimulatedNetwork;
  nowMs(): number;
}

interface LinkSeen {
  readonly record: LinkRecord;
  readonly closedMs: number | undefined;
}

export function createInvariants(needs: InvariantNeeds): Invariants {
  const { codec, trace, nowMs } = needs;
  const broken: string[] = [];
  const links = new Map<string, LinkSeen>();
  const positions = new Map<string, AppliedRecord>();
  const breaks = (sentence: string): void => {
    trace.add('', `BROKEN: ${sentence}`);
    broken.push(sentence);
  };
  const named = new Map<string, string>();
  const nameOf = (cluster: string): string => named.get(cluster) ?? cluster;
  const witness = createDiskWitness({
    codec,
    crypto: needs.crypto,
    witnessed: {
      applied: (cluster, record) =>
        followApplied({ ...needs, witness, positions, breaks }, cluster, record),
      unmirrored: (cluster, resource) => positions.delete(`${cluster.name} ${resource}`),
      disordered: (cluster, sentence) => breaks(`at ${cluster.name}, ${sentence}`),
      failed: (cluster, error) =>
        breaks(`the disk of ${cluster.name} is unreadable: ${String(error)}`),
      linked: (cluster, record) => followLinked({ links, nowMs, breaks, nameOf }, cluster, record),
    },
  });
  const model = createSharingModel({
    nowMs,
    link(owner, peer) {
      const seen = links.get(`${owner} ${peer}`);
      const open = seen !== undefined && !seen.record.closed && seen.record.confirmedHere;
      return { open, closedMs: seen?.closedMs };
    },
  });
  const watch = createWireWatch({ model, breaks });
  const checking = { ...needs, witness, breaks, checkedMirrors: new Map<string, string>() };
  const dials = new Map<string, number>();
  let dialWindow = 0;
  return {
    model,
    witness,
    broken,
    breaks,
    tap: watch,
    attend(cluster) {
      named.set(cluster.place.cluster, cluster.name);
      witness.attend(cluster);
    },
    linkRecord: (owner, peer) => links.get(`${owner} ${peer}`)?.record,
    acknowledged(cluster, { resource, epoch, sequence }) {
      const id = `${cluster.place.cluster}:${resource}` as AppliedRecord['head']['resource'];
      if (witness.point(id, { epoch, sequence }) === undefined) {
        breaks(
          `${cluster.name} acknowledged ${resource} ${epoch}/${sequence} and has not stored it`,
        );
      }
    },
    async check() {
      for (const cluster of needs.clusters) {
        await checkMirrors(checking, cluster);
        await checkStatuses(checking, cluster);
      }
      if (nowMs() - dialWindow >= dialWindowMs) {
        dialWindow = nowMs();
        checkDials({ ...needs, breaks }, dials);
      }
    },
  };
}

interface Following {
  readonly trace: Trace;
  readonly witness: DiskWitness;
  readonly positions: Map<string, AppliedRecord>;
  breaks(sentence: string): void;
}

/** Every position a mirror ever stood at, as its disk saw it. */
function followApplied(
  { trace, witness, positions, breaks }: Following,
  cluster: SimulatedCluster,
  record: AppliedRecord,
): void {
  const { epoch, sequence } = record;
  const { resource } = record.head;
  const { local } = splitFederatedId(resource);
  // Unknown between two transactions of one batch.
  const digest = record.digest && toHex(record.digest);
  const where = `${cluster.name}'s mirror of ${local} at ${epoch}/${sequence}`;
  trace.add(
    cluster.name,
    `applied ${local} ${epoch}/${sequence} ${digest?.slice(0, 8) ?? 'between'}`,
  );
  const before = positions.get(`${cluster.name} ${resource}`);
  positions.set(`${cluster.name} ${resource}`, record);
  if (before !== undefined && isBehind(record, before)) {
    breaks(`${where} went back from ${before.epoch}/${before.sequence}`);
  }
  const point = witness.point(resource, record);
  if (point === undefined) {
    breaks(`${where} stands where its owner never stood`);
  } else if (digest !== undefined && point.digest !== digest) {
    breaks(`${where} has not the digest that its owner had there`);
  }
}

function isBehind(now: AppliedRecord, before: AppliedRecord): boolean {
  return now.epoch === before.epoch ? now.sequence < before.sequence : now.epoch < before.epoch;
}

function followLinked(
  given: {
    readonly links: Map<string, LinkSeen>;
    nowMs(): number;
    breaks(sentence: string): void;
    nameOf(cluster: string): string;
  },
  cluster: SimulatedCluster,
  record: LinkRecord,
): void {
  const { links, nowMs, breaks, nameOf } = given;
  const key = `${cluster.name} ${nameOf(record.peer)}`;
  const before = links.get(key);
  const closedMs = record.closed ? (before?.closedMs ?? nowMs()) : undefined;
  links.set(key, { record, closedMs });
  if (before !== undefined && record.epoch < before.record.epoch) {
    breaks(`${cluster.name}'s link to ${nameOf(record.peer)} went back to epoch ${record.epoch}`);
  }
  const redeemers = new Set<string>();
  for (const [between, { record: each }] of links) {
    if (toHex(each.inviterNonce) === toHex(record.inviterNonce)) {
      const [holder = '', peer = ''] = between.split(' ');
      redeemers.add(each.invitedByUs ? peer : holder);
    }
  }
  if (redeemers.size > 1) {
    breaks(`one invitation linked ${[...redeemers].join(' and ')}`);
  }
}

interface Checking extends InvariantNeeds {
  readonly witness: DiskWitness;
  /** The position at which a mirror was last compared whole. */
  readonly checkedMirrors: Map<string, string>;
  breaks(sentence: string): void;
}

async function checkMirrors(checking: Checking, cluster: SimulatedCluster): Promise<void> {
  const { witness, checkedMirrors, breaks } = checking;
  for (const mirror of await witness.mirrored(cluster)) {
    const { epoch, sequence, head } = mirror.applied;
    const key = `${cluster.name} ${head.resource}`;
    // What is being made another position's in place says so, and is of none meanwhile.
    const isOfNone = mirror.applied.repairing === true;
    if (isOfNone || checkedMirrors.get(key) === `${epoch}/${sequence}`) {
      continue;
    }
    checkedMirrors.set(key, `${epoch}/${sequence}`);
    const { local } = splitFederatedId(head.resource);
    const where = `${cluster.name}'s mirror of ${local} at ${epoch}/${sequence}`;
    const point = witness.point(head.resource, mirror.applied);
    if (point !== undefined && point.content !== mirror.content) {
      breaks(`${where} has other entries than its owner had there`);
    }
    await checkBlobs(checking, { cluster, mirror, where });
  }
}

async function checkBlobs(
  { crypto, breaks }: Checking,
  given: {
    readonly cluster: SimulatedCluster;
    readonly mirror: MirrorOnDisk;
    readonly where: string;
  },
): Promise<void> {
  const { blobs } = given.cluster.disk;
  const { sequence, head } = given.mirror.applied;
  for (const { id } of given.mirror.blobs) {
    if ((await blobs.info(id)) === undefined) {
      // Between two transactions of one batch an entry may still name a blob that the batch's own
      // end replaces, and which is therefore never fetched.
      if (sequence === head.sequence) {
        breaks(`${given.where} names blob ${id}, which it lacks`);
      }
      continue;
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.read(id, { verify: false })) {
      pieces.push(piece);
    }
    if (toHex(crypto.hash(concatBytes(pieces))) !== id) {
      breaks(`${given.where} holds other bytes under the id of blob ${id}`);
    }
  }
}

async function checkStatuses(
  { clusters, network, nowMs, trace, breaks }: Checking,
  cluster: SimulatedCluster,
): Promise<void> {
  if (!cluster.running) {
    return;
  }
  const { links } = await cluster.links();
  for (const link of links) {
    const peer = clusters.find(({ place }) => place.cluster === link.peer);
    if (peer === undefined || (link.status !== 'live' && link.status !== 'idle')) {
      continue;
    }
    const since = [
      network().blockedSinceMs(cluster.name, peer.name),
      network().blockedSinceMs(peer.name, cluster.name),
      peer.downSinceMs,
    ].flatMap((ms) => ms ?? []);
    const cutMs = nowMs() - Math.min(...since);
    if (since.length > 0 && cutMs > falseGreenMs) {
      trace.add(cluster.name, `link ${link.name} ${link.status}`);
      breaks(
        `${cluster.name} shows its link to ${peer.name} as ${link.status}, ` +
          `${Math.round(cutMs)} ms after it was cut`,
      );
    }
  }
}

function checkDials(
  given: InvariantNeeds & { breaks(sentence: string): void },
  before: Map<string, number>,
): void {
  const { clusters, network, breaks } = given;
  for (const from of clusters) {
    for (const to of clusters.filter((each) => each !== from)) {
      const key = `${from.name} ${to.name}`;
      const now = network().dials(from.name, to.name);
      const dialled = now - (before.get(key) ?? 0);
      before.set(key, now);
      if (dialled > dialsPerWindowMax) {
        breaks(`${from.name} dialled ${to.name} ${dialled} times within ${dialWindowMs} ms`);
      }
    }
  }
}
