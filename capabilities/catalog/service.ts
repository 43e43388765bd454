// The catalog for people: own resources as they are, peers' as they tell.
import {
  federatedId,
  laneTarget,
  remote,
  reportOf,
  splitFederatedId,
  type ClusterId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { verbs } from '../policies/contract.ts';
import type { Resource, ResourceLog } from '../resources/contract.ts';
import {
  catalogPagesMax,
  type Catalog,
  type CatalogItem,
  type UnansweredPeer,
} from './contract.ts';
import { catalogPeerContract } from './wire.ts';

export interface CatalogNeeds {
  readonly signer: Signer;
  readonly peers: Peers;
  readonly resources: ResourceLog;
}

export function createCatalog(needs: CatalogNeeds): Catalog {
  const { peers, resources } = needs;
  return {
    async list({ peer, kind, own }, call) {
      const wanted = (item: CatalogItem): boolean => kind === undefined || item.kind === kind;
      if (peer !== undefined) {
        const items = await askPeer(needs, peers.resolve(peer).cluster, call?.signal);
        return { items: items.filter(wanted), unanswered: [] };
      }
      const owned = resources.all().filter(({ id }) => laneTarget(id) === undefined);
      const mine = await Promise.all(owned.map((each) => ownItem(needs, each)));
      const unanswered: UnansweredPeer[] = [];
      const linked = own === true ? [] : peers.all().filter((each) => each.mine && each.active);
      const theirs = await Promise.all(
        linked.map(async ({ cluster, name }) => {
          try {
            return await askPeer(needs, cluster, call?.signal);
          } catch (error) {
            unanswered.push({ peer: name ?? cluster, problem: reportOf(error) });
            return [];
          }
        }),
      );
      return { items: [...mine, ...theirs.flat()].filter(wanted), unanswered };
    },
  };
}

export async function ownItem(
  { resources, signer }: CatalogNeeds,
  resource: Resource,
): Promise<CatalogItem> {
  const position = resources.point(resource.id);
  const { id, kind, type, name, description, labels, epoch } = resource;
  return {
    resource: federatedId(signer.cluster, id),
    kind,
    type,
    name,
    owner: signer.cluster,
    ownerName: signer.name,
    description,
    labels,
    epoch,
    sequence: position?.sequence ?? 0,
    verbs: [...verbs],
  };
}

async function askPeer(
  { peers }: CatalogNeeds,
  cluster: ClusterId,
  signal: AbortSignal | undefined,
): Promise<readonly CatalogItem[]> {
  const wire = remote(catalogPeerContract, peers.carrier(cluster));
  const ownerName = peers.standing(cluster).name ?? cluster.slice(0, 8);
  const items: CatalogItem[] = [];
  let after: LocalId | undefined;
  for (let page = 0; page < catalogPagesMax; page += 1) {
    const answer = await wire.list(after === undefined ? {} : { after }, { signal });
    // An owner speaks for itself alone: whatever else it lists is not its to offer.
    const honest = answer.items.filter(
      ({ owner, resource }) => owner === cluster && splitFederatedId(resource).owner === cluster,
    );
    items.push(...honest.map((item) => ({ ...item, ownerName })));
    const last = answer.items.at(-1);
    if (!answer.more || last === undefined) {
      break;
    }
    after = splitFederatedId(last.resource).local;
  }
  return items;
}
