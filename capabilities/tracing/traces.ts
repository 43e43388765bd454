// One change followed from cluster to cluster: what is known here, and what the owner and those who
// hold a copy say of it. Nobody else is asked: a question would tell what we hold.
import {
  deadline,
  HansaError,
  isHansaError,
  remote,
  reportOf,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Hop, Trace, TracedHop } from './contract.ts';
import { reaches, type HeldBook } from './held-book.ts';
import { hopSteps } from './hop.ts';
import { nameOf, ownHops, type HopsNeeds, type Place } from './hops.ts';
import { readChangeId, resolveResource, type SpelledChange } from './spelling.ts';
import { tracingPeerContract } from './wire.ts';

const askedMax = 64; // clusters that are asked about one change; the rest is counted
const answerMs = 5_000; // a person waits for all of them

export interface TracesNeeds extends HopsNeeds {
  readonly clock: Clock;
  readonly peers: Peers;
  readonly held: HeldBook;
}

interface Found {
  readonly resource: FederatedId;
  readonly place: Place;
}

export async function traceChange(
  needs: TracesNeeds,
  spelled: string,
  signal: AbortSignal | undefined,
): Promise<Trace> {
  const { signer, peers } = needs;
  const found = placeOf(needs, readChangeId(spelled));
  const { resource, place } = found;
  const { owner } = splitFederatedId(resource);
  const here = await ownHops(needs, resource, place);
  if (owner === signer.cluster && here.length === 0) {
    const at = `${place.epoch}/${place.sequence}`;
    throw new HansaError('CHANGE_NOT_FOUND', `no change ${at} of it is kept here`);
  }
  const rest =
    owner === signer.cluster
      ? await fromHolders(needs, found, signal)
      : await fromOwner(needs, found, signal);
  const named = here.map((hop) => ({ ...hop, cluster: signer.cluster, where: signer.name }));
  return {
    id: `${resource}#${place.epoch}/${place.sequence}`,
    resource,
    owner,
    ownerName: owner === signer.cluster ? signer.name : nameOf(peers, owner),
    ...place,
    hops: inOrder([...named, ...rest.hops], owner),
    unknown: rest.unknown,
  };
}

/** The latest where no place is spelled; of the present epoch where none is. */
function placeOf(needs: TracesNeeds, { resource: spelled, at }: SpelledChange): Found {
  const resource = resolveResource(needs, spelled);
  const { owner, local } = splitFederatedId(resource);
  const latest: Place | undefined =
    owner === needs.signer.cluster
      ? needs.resources.point(local)
      : (needs.mirrors.find(resource)?.applied ?? needs.mirrors.head(resource));
  const epoch = at?.epoch ?? latest?.epoch;
  const sequence = at?.sequence ?? latest?.sequence;
  if (epoch === undefined || sequence === undefined) {
    throw new HansaError('CHANGE_NOT_FOUND', `nothing of ${spelled} is here yet`);
  }
  return { resource, place: { epoch, sequence } };
}

interface Told {
  readonly hops: readonly TracedHop[];
  readonly unknown: readonly string[];
}

async function fromOwner(
  needs: TracesNeeds,
  found: Found,
  signal: AbortSignal | undefined,
): Promise<Told> {
  const { owner } = splitFederatedId(found.resource);
  const told = await ask(needs, owner, { found, signal });
  const others = 'which other clusters have it is told to its owner alone';
  return { hops: told.hops, unknown: [...told.unknown, others] };
}

async function fromHolders(
  needs: TracesNeeds,
  found: Found,
  signal: AbortSignal | undefined,
): Promise<Told> {
  const { peers, held } = needs;
  const copies = held.copies(found.resource, found.place);
  const asked = copies.slice(0, askedMax);
  const told = await Promise.all(
    asked.map(async ({ peer, position, sinceMs }): Promise<Told> => {
      const where = nameOf(peers, peer);
      const standing = `${position.epoch}/${position.sequence}`;
      const beat: Hop = reaches(position, found.place)
        ? {
            step: 'held',
            ...(sinceMs === undefined ? {} : { atMs: sinceMs }),
            sentence: `its beats say that it holds ${standing}`,
          }
        : { step: 'waiting', sentence: `its beats say that it holds ${standing}` };
      const own = await ask(needs, peer, { found, signal });
      return { hops: [{ ...beat, cluster: peer, where }, ...own.hops], unknown: own.unknown };
    }),
  );
  const silent = peers
    .all()
    .filter(({ cluster }) => !peers.connected(cluster))
    .map(({ name, cluster }) => `${name ?? cluster.slice(0, 8)} is not connected now`);
  const left = copies.length - asked.length;
  return {
    hops: told.flatMap(({ hops }) => hops),
    unknown: [
      ...told.flatMap(({ unknown }) => unknown),
      ...silent.slice(0, askedMax),
      ...(left > 0 ? [`${left} more clusters hold a copy and were not asked`] : []),
    ],
  };
}

async function ask(
  { clock, peers }: TracesNeeds,
  peer: ClusterId,
  given: { readonly found: Found; readonly signal: AbortSignal | undefined },
): Promise<Told> {
  const { resource, place } = given.found;
  const where = nameOf(peers, peer);
  const limit = deadline(clock, answerMs, {
    reason: () => new HansaError('TIMED_OUT', `${where} did not answer in time`),
    signal: given.signal,
  });
  try {
    const wire = remote(tracingPeerContract, peers.observer(peer));
    const { hops } = await wire.hops({ resource, ...place }, { signal: limit.signal });
    const nothing = hops.length === 0 ? [`${where} knows nothing of this change any more`] : [];
    return { hops: hops.map((hop) => ({ ...hop, cluster: peer, where })), unknown: nothing };
  } catch (error) {
    if (isHansaError(error, 'CANCELLED')) {
      throw error;
    }
    return { hops: [], unknown: [`${where} has not told its part: ${reportOf(error).message}`] };
  } finally {
    limit.done();
  }
}

/** The owner first, then cluster by cluster; at each, step by step. */
function inOrder(hops: readonly TracedHop[], owner: ClusterId): readonly TracedHop[] {
  const rank = ({ cluster }: TracedHop): number => (cluster === owner ? 0 : 1);
  const stepOf = ({ step }: TracedHop): number => hopSteps.indexOf(step);
  return hops.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.cluster === b.cluster ? 0 : a.cluster < b.cluster ? -1 : 1) ||
      stepOf(a) - stepOf(b),
  );
}
