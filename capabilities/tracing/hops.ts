// What this cluster itself knows of a change: as its owner, or as one that mirrors it.
import {
  clusterIdSchema,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Lane } from '../lanes/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { ResourceLog, SequencedChange } from '../resources/contract.ts';
import type { AppliedBatch, Mirrors } from '../sync/contract.ts';
import type { Hop } from './contract.ts';
import { hopsMax, sentenceLengthMax } from './hop.ts';
import { reaches } from './held-book.ts';

export interface HopsNeeds {
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly peers: Pick<Peers, 'standing'>;
  lanes(): Promise<readonly Lane[]>;
}

export interface Place {
  readonly epoch: number;
  readonly sequence: number;
}

/** As the owner: the change itself. Undefined where it is not kept, or was never there. */
export async function findChange(
  { resources }: Pick<HopsNeeds, 'resources'>,
  local: LocalId,
  { epoch, sequence }: Place,
): Promise<SequencedChange | undefined> {
  if (resources.find(local)?.epoch !== epoch) {
    return undefined;
  }
  // A change lies at its predecessor's sequence; between two points there are a thousand at most.
  let before = 0;
  for await (const point of resources.checkpoints(local, { epoch, sequence: 0 })) {
    if (point.sequence >= sequence) {
      break;
    }
    before = point.sequence;
  }
  for await (const each of resources.changes(local, { epoch, sequence: before })) {
    if (each.sequence >= sequence) {
      return each.sequence === sequence ? each : undefined;
    }
  }
  return undefined;
}

export async function ownHops(
  needs: HopsNeeds,
  resource: FederatedId,
  place: Place,
): Promise<readonly Hop[]> {
  const { owner, local } = splitFederatedId(resource);
  const hops =
    owner === needs.signer.cluster
      ? await ownerHops(needs, local, place)
      : await mirrorHops(needs, resource, place);
  return hops
    .slice(0, hopsMax)
    .map((hop) => ({ ...hop, sentence: printable(hop.sentence).slice(0, sentenceLengthMax) }));
}

/** Authors and reasons are others' words. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}

async function ownerHops(needs: HopsNeeds, local: LocalId, place: Place): Promise<readonly Hop[]> {
  const found = await findChange(needs, local, place);
  if (found === undefined) {
    return [];
  }
  const { author, ops, hlc } = found.change;
  const writer = writerOf(needs, author);
  const written: Hop = {
    step: writer === undefined ? 'written' : 'promoted',
    atMs: hlc[0],
    sentence:
      writer === undefined
        ? `${ops.length} operation(s) by ${author} were appended`
        : `${ops.length} operation(s) were taken from the lane of ${writer}`,
  };
  return [
    written,
    {
      step: 'signed',
      sentence:
        `every head from ${place.epoch}/${place.sequence} on says it; ` +
        'heads are signed as they are asked for',
    },
  ];
}

/** What was promoted from a lane has the writing cluster for its author. */
function writerOf({ signer, peers }: HopsNeeds, author: string): string | undefined {
  const cluster = clusterIdSchema.safeParse(author);
  return cluster.success && cluster.data !== signer.cluster
    ? nameOf(peers, cluster.data)
    : undefined;
}

export function nameOf(peers: Pick<Peers, 'standing'>, cluster: ClusterId): string {
  return peers.standing(cluster).name ?? `${cluster.slice(0, 8)}…`;
}

async function mirrorHops(
  needs: HopsNeeds,
  resource: FederatedId,
  place: Place,
): Promise<readonly Hop[]> {
  const mirror = needs.mirrors.find(resource);
  if (mirror === undefined) {
    return [];
  }
  const batch = needs.mirrors
    .batches(resource)
    .find((each) => reaches({ ...place, sequence: each.upTo }, place) && isIn(each, place));
  if (batch !== undefined) {
    return [...batchHops(needs, batch), ...(await laneHops(needs, resource, place))];
  }
  const { applied, lastError, state } = mirror;
  if (applied !== undefined && (applied.epoch > place.epoch || reaches(applied, place))) {
    const sentence =
      `it is in what was applied up to ${applied.epoch}/${applied.sequence}, ` +
      'and when it came is not remembered';
    const exact = applied.sequence === place.sequence ? { atMs: applied.appliedMs } : {};
    return [{ step: 'applied', ...exact, sentence }];
  }
  const why = lastError === undefined ? '' : `: ${lastError.message}`;
  return [{ step: 'waiting', sentence: `it is not applied; the mirror is ${state}${why}` }];
}

function isIn(batch: AppliedBatch, { epoch, sequence }: Place): boolean {
  return batch.epoch === epoch && batch.after < sequence && sequence <= batch.upTo;
}

function batchHops({ peers }: HopsNeeds, batch: AppliedBatch): readonly Hop[] {
  const { receivedMs, verifiedMs, appliedMs, signedMs, changes, upTo, epoch, sources } = batch;
  const what = changes === 0 ? 'what differed was copied' : `a batch of ${changes} change(s)`;
  const fetched = sources.map(({ cluster, bytes }): Hop => ({
    step: 'fetched',
    sentence: `${bytes} bytes of blobs were asked of ${nameOf(peers, cluster)}`,
  }));
  return [
    { step: 'signed', atMs: signedMs, sentence: `the head of ${epoch}/${upTo} that came with it` },
    { step: 'received', atMs: receivedMs, sentence: `${what} up to ${epoch}/${upTo}` },
    ...(verifiedMs === undefined
      ? []
      : [
          {
            step: 'verified' as const,
            atMs: verifiedMs,
            tookMs: span(receivedMs, verifiedMs),
            sentence: 'signature, order, chain and digest',
          },
        ]),
    ...fetched,
    {
      step: 'applied',
      atMs: appliedMs,
      tookMs: span(verifiedMs ?? receivedMs, appliedMs),
      sentence: `${batch.blobs} blob(s) were new`,
    },
  ];
}

/** A wall clock may be set back meanwhile. */
function span(fromMs: number, toMs: number): number {
  return Math.max(0, Math.round(toMs - fromMs));
}

/** Of a lane that we take from: whether we have brought it into our resource. */
async function laneHops(
  { lanes }: HopsNeeds,
  resource: FederatedId,
  place: Place,
): Promise<readonly Hop[]> {
  const lane = (await lanes()).find((each) => each.lane === resource && each.side === 'theirs');
  if (lane === undefined) {
    return [];
  }
  const { name } = splitFederatedId(lane.resource);
  if (lane.promoted === undefined || !reaches(lane.promoted, place)) {
    const why = lane.lastError === undefined ? '' : `: ${lane.lastError.message}`;
    return [{ step: 'waiting', sentence: `it is not promoted into ${name}${why}` }];
  }
  const open = lane.conflicts === 0 ? '' : `; ${lane.conflicts} conflict(s) of the lane are open`;
  return [{ step: 'promoted', sentence: `it was judged for ${name}${open}` }];
}
