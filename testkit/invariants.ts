// What must hold at every moment of every simulation, whatever goes wrong. Broken ones are
// gathered, because they are found in the middle of a cluster's own work; the federation stops on
// them. Which invariant of the project is checked where: docs/simulation.md.
import type { LinkRecord } from '@hansa/capabilities/links/keys';
import type { BlobReference } from '@hansa/capabilities/resources/contract';
import type { AppliedRecord } from '@hansa/capabilities/sync/keys';
import { concatBytes, splitFederatedId, toHex } from '@hansa/foundation';
import { createDiskWitness, type DiskWitness } from './disk-witness.ts';
import { createSharingModel, type SharingModel } from './sharing-model.ts';
import type { InvariantNeeds } from './invariant-needs.ts';
import { createLinksSeen, createStatusCheck } from './link-invariants.ts';
import { createLoadCheck } from './load-invariants.ts';
import { headHolds } from './signed-heads.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { TappedFrame } from './simulated-network.ts';
import type { Trace } from './trace.ts';
import { createWireWatch } from './wire-watch.ts';

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
  /** The cluster's disk was put back to what it was then. */
  restored(cluster: SimulatedCluster, backedUpMs: number): void;
  /** Everything that can be checked while the federation goes on. */
  check(): Promise<void>;
}

export interface Acknowledged {
  readonly resource: string;
  readonly epoch: number;
  readonly sequence: number;
}

export function createInvariants(needs: InvariantNeeds): Invariants {
  const { codec, trace, nowMs } = needs;
  const broken: string[] = [];
  const links = createLinksSeen();
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
      linked: (cluster, record) => links.follow({ nowMs, breaks, nameOf }, cluster, record),
    },
  });
  const model = createSharingModel({ nowMs, link: links.facts });
  const watch = createWireWatch({ model, breaks });
  const checkedMirrors = new Map<string, string>();
  const checkedBlobs = new Set<string>();
  const checking = { ...needs, witness, breaks, checkedMirrors, checkedBlobs };
  const statuses = createStatusCheck({ ...needs, model, links, breaks });
  const loads = createLoadCheck({ ...needs, breaks });
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
    linkRecord: links.record,
    acknowledged(cluster, { resource, epoch, sequence }) {
      const id = `${cluster.place.cluster}:${resource}` as AppliedRecord['head']['resource'];
      if (witness.points(id, { epoch, sequence }).length === 0) {
        breaks(
          `${cluster.name} acknowledged ${resource} ${epoch}/${sequence} and has not stored it`,
        );
      }
    },
    restored(cluster, backedUpMs) {
      const isOurs = (name: string): boolean => name.startsWith(`${cluster.name} `);
      for (const known of [positions, checkedMirrors]) {
        [...known.keys()].filter(isOurs).forEach((name) => known.delete(name));
      }
      links.forget(cluster.name);
      model.forgetSince(cluster.name, backedUpMs);
      witness.attendAgain(cluster);
    },
    async check() {
      for (const cluster of needs.clusters) {
        await checkMirrors(checking, cluster);
        await statuses.check(cluster);
      }
      loads.check();
    },
  };
}

interface Following extends Pick<InvariantNeeds, 'clusters' | 'crypto'> {
  readonly trace: Trace;
  readonly witness: DiskWitness;
  readonly positions: Map<string, AppliedRecord>;
  breaks(sentence: string): void;
}

/** Every position a mirror ever stood at, as its disk saw it. */
function followApplied(
  following: Following,
  cluster: SimulatedCluster,
  record: AppliedRecord,
): void {
  const { trace, witness, positions, breaks } = following;
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
  const points = witness.points(resource, record);
  if (points.length === 0) {
    breaks(`${where} stands where its owner never stood`);
  } else if (digest !== undefined && !points.some((point) => point.digest === digest)) {
    breaks(`${where} has not the digest that its owner had there`);
  }
  if (!isSigned(following, record.head)) {
    breaks(`${where} was applied under a head that its owner did not sign`);
  }
}

/** By any key that the owner ever had: which one counted when, is the mirror's own question. */
function isSigned({ clusters, crypto }: Following, head: AppliedRecord['head']): boolean {
  const { owner } = splitFederatedId(head.resource);
  const keys = clusters.find(({ place: each }) => each.cluster === owner)?.publicKeys() ?? [];
  return keys.some((key) => headHolds(crypto, head, key));
}

function isBehind(now: AppliedRecord, before: AppliedRecord): boolean {
  return now.epoch === before.epoch ? now.sequence < before.sequence : now.epoch < before.epoch;
}

interface Checking extends InvariantNeeds {
  readonly witness: DiskWitness;
  /** The position at which a mirror was last compared whole. */
  readonly checkedMirrors: Map<string, string>;
  /** By cluster and id: whose bytes were looked at once. */
  readonly checkedBlobs: Set<string>;
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
    const points = witness.points(head.resource, mirror.applied);
    const held = await mirror.read();
    if (points.length > 0 && !points.some(({ content }) => content === held.content)) {
      breaks(`${where} has other entries than its owner had there`);
    }
    const isWhole = sequence === head.sequence;
    await checkBlobs(checking, { cluster, blobs: held.blobs, isWhole, where });
  }
}

async function checkBlobs(
  { crypto, checkedBlobs, breaks }: Checking,
  given: {
    readonly cluster: SimulatedCluster;
    readonly blobs: readonly BlobReference[];
    /** The mirror is at the end of a batch. */
    readonly isWhole: boolean;
    readonly where: string;
  },
): Promise<void> {
  const { blobs } = given.cluster.disk;
  for (const { id } of given.blobs) {
    if ((await blobs.info(id)) === undefined) {
      // Between two transactions of one batch an entry may still name a blob that the batch's own
      // end replaces, and which is therefore never fetched.
      if (given.isWhole) {
        breaks(`${given.where} names blob ${id}, which it lacks`);
      }
      continue;
    }
    if (checkedBlobs.has(`${given.cluster.name} ${id}`)) {
      continue;
    }
    checkedBlobs.add(`${given.cluster.name} ${id}`);
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.read(id, { verify: false })) {
      pieces.push(piece);
    }
    if (toHex(crypto.hash(concatBytes(pieces))) !== id) {
      breaks(`${given.where} holds other bytes under the id of blob ${id}`);
    }
  }
}
