// Trust as people handle it: judgements made and taken back, requests answered, our own request
// made.
import { clusterIdSchema, HansaError, remote, type ClusterId, type Log } from '@hansa/foundation';
import type { Peers, Reaching } from '../links/contract.ts';
import type { Forecast } from '../policies/contract.ts';
import type { Judgement, Trust, TrustRequest } from './contract.ts';
import type { Levels } from './levels.ts';
import type { Requests } from './requests.ts';
import { trustPeerContract } from './wire.ts';

const idPrefixMin = 4; // hex digits: fewer would mean another cluster by accident

export interface TrustNeeds {
  readonly log: Log;
  readonly signer: { readonly cluster: ClusterId };
  readonly peers: Peers;
  readonly reaching: Pick<Reaching, 'meet'>;
  readonly forecast: Forecast;
  readonly judging: Levels;
}

export function createTrust(needs: TrustNeeds & { readonly requests: Requests }): Trust {
  const { peers, judging, requests, forecast } = needs;
  const called = (spelled: string): ClusterId => clusterCalled(needs, spelled);
  const judgement = (cluster: ClusterId): Judgement => {
    const { name } = peers.standing(cluster);
    const record = judging.find(cluster) ?? { cluster, level: 'public' as const, note: '' };
    return name === undefined ? record : { ...record, name };
  };
  const set: Trust['set'] = async ({ peer, level, note }) => {
    const cluster = called(peer);
    await judging.set(cluster, level, note);
    needs.log.event('trust.judged', { peer: cluster, level });
    return judgement(cluster);
  };
  return {
    set,
    list: async () => ({
      judgements: judging
        .all()
        .map(({ cluster }) => judgement(cluster))
        .toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0)),
    }),
    plan: async ({ peer, level }) => forecast({ cluster: called(peer), trust: level }),
    requests: async () => ({ requests: requests.waiting() }),
    async accept({ peer, note }) {
      const { cluster } = requestOf(requests, peer);
      // The note is ours: what the other said of itself is no reason, and is not kept as one.
      const made = await set({ peer: cluster, level: 'trusted', note });
      await requests.drop(cluster);
      return made;
    },
    async reject({ peer }) {
      const request = requestOf(requests, peer);
      await requests.drop(request.cluster);
      needs.log.event('trust.rejected', { peer: request.cluster });
      return request;
    },
    request: async (input, call) =>
      ask(needs, { ...input, cluster: called(input.peer) }, call?.signal),
  };
}

/** Over the link where there is one; a stranger is visited for it. */
async function ask(
  { peers, reaching }: TrustNeeds,
  { cluster, message = '', at }: Parameters<Trust['request']>[0] & { readonly cluster: ClusterId },
  signal: AbortSignal | undefined,
): Promise<{ cluster: ClusterId }> {
  if (at === undefined) {
    const wire = remote(trustPeerContract, peers.observer(cluster));
    await wire.request({ message }, { signal });
    return { cluster };
  }
  const never = new AbortController().signal;
  const meeting = await reaching.meet(at, cluster, signal ?? never);
  try {
    await remote(trustPeerContract, meeting.carrier).request({ message }, { signal });
  } finally {
    meeting.leave();
  }
  return { cluster };
}

/** Any cluster by its whole id; a linked one, or one that asks, by less. */
function clusterCalled(
  { peers, signer, requests }: TrustNeeds & { readonly requests: Requests },
  spelled: string,
): ClusterId {
  const id = clusterIdSchema.safeParse(spelled);
  const asking = id.success ? undefined : requestsCalled(requests, spelled);
  const [one, another] = asking ?? [];
  const cluster = id.success
    ? id.data
    : one !== undefined && another === undefined
      ? one.cluster
      : peers.resolve(spelled).cluster;
  if (cluster === signer.cluster) {
    throw new HansaError('INPUT_INVALID', 'this is our own cluster: nobody judges oneself');
  }
  return cluster;
}

function requestsCalled(requests: Requests, spelled: string): readonly TrustRequest[] {
  const isMeant = ({ cluster, name }: TrustRequest): boolean =>
    name === spelled || (spelled.length >= idPrefixMin && cluster.startsWith(spelled));
  return requests.waiting().filter(isMeant);
}

function requestOf(requests: Requests, spelled: string): TrustRequest {
  const [one, another] = requestsCalled(requests, spelled);
  if (one === undefined || another !== undefined) {
    const how = one === undefined ? 'no cluster called' : 'several clusters whose ids begin with';
    throw new HansaError('TRUST_REQUEST_NOT_FOUND', `${how} "${spelled}" asked for trust`);
  }
  return one;
}
