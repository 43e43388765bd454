// Who else may have the blobs of a resource: linked clusters that mirror it and serve it to us.
import {
  deadline,
  HansaError,
  remote,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type Crypto,
  type FederatedId,
  type Random,
} from '@hansa/foundation';
import type { Peers, PeerStanding } from '../links/contract.ts';
import type { BlobSource } from './blob-sources.ts';
import { sourceMark } from './source-mark.ts';
import { blobPeerContract } from './wire.ts';

export const sourcesAskedMax = 16; // more than that help nobody: one link is full with a few
const answerMs = 1_000; // who takes longer to say yes is no help

export interface SourcesNeeds {
  readonly peers: Peers;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  avoids?(peer: ClusterId): boolean;
}

/** Everybody is asked at once; who does not know the resource does not learn its name. */
export async function otherSources(
  needs: SourcesNeeds,
  resource: FederatedId,
  signal: AbortSignal,
): Promise<readonly BlobSource[]> {
  const { peers, clock } = needs;
  const { owner } = splitFederatedId(resource);
  const able = peers
    .all()
    .filter((each) => each.cluster !== owner && each.mine && each.active)
    .filter(({ cluster }) => peers.connected(cluster) && needs.avoids?.(cluster) !== true)
    .slice(0, sourcesAskedMax);
  const limit = deadline(clock, answerMs, {
    reason: () => new HansaError('TIMED_OUT', 'a source took too long'),
    signal,
  });
  try {
    const asked = able.map(async (peer): Promise<readonly BlobSource[]> => {
      const serves = await ask(needs, { peer, resource, signal: limit.signal });
      return serves ? [sourceAt(peers, peer)] : [];
    });
    return (await Promise.all(asked)).flat();
  } finally {
    limit.done();
  }
}

export function sourceAt(
  peers: Peers,
  { cluster, name }: Pick<PeerStanding, 'cluster' | 'name'>,
): BlobSource {
  return {
    cluster,
    name: name ?? cluster.slice(0, 8),
    carrier: () => peers.carrier(cluster),
  };
}

async function ask(
  { peers, crypto, random }: SourcesNeeds,
  given: {
    readonly peer: PeerStanding;
    readonly resource: FederatedId;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { peer, resource, signal } = given;
  const salt = random.bytes(32);
  const mark = sourceMark(crypto, salt, resource);
  try {
    const carrier = peers.carrier(peer.cluster);
    const { serves } = await remote(blobPeerContract, carrier).sources({ salt, mark }, { signal });
    return serves;
  } catch {
    return false; // an older node, or one that is just leaving
  }
}
