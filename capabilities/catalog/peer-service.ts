// The catalog as a peer sees it: what policy lets it see, and nothing else, not even by its
// absence.
import { callingCluster, changedKeys, type ClusterId } from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';
import { catalogPageMax } from './contract.ts';
import { ownItem, type CatalogNeeds } from './service.ts';
import type { CatalogPeer } from './wire.ts';

export interface CatalogPeerNeeds extends CatalogNeeds {
  readonly enforcement: Enforcement;
}

export function createCatalogPeer(needs: CatalogPeerNeeds): CatalogPeer {
  const { enforcement, resources } = needs;
  const seen = (peer: ClusterId): readonly string[] =>
    [...enforcement.visible(peer, 'see')]
      .toSorted()
      .map((id) => `${id} ${enforcement.granted(peer, id).join()}`);
  return {
    async list({ after }, call) {
      const peer = callingCluster(call);
      const visible = enforcement.visible(peer, 'see');
      const rest = resources
        .all()
        .filter(({ id }) => visible.has(id) && (after === undefined || id > after));
      const items = rest.slice(0, catalogPageMax).map(async (resource) => ({
        ...(await ownItem(needs, resource)),
        verbs: enforcement.granted(peer, resource.id),
      }));
      return { items: await Promise.all(items), more: rest.length > catalogPageMax };
    },
    async *changes(_input, call) {
      const peer = callingCluster(call);
      let generation = 0;
      let before = seen(peer).join('\n');
      const changed = changedKeys<'changed'>(
        (tell) => enforcement.subscribe(() => tell('changed')),
        call?.signal,
      );
      for await (const _change of changed) {
        const now = seen(peer).join('\n');
        // A change of what this peer may not see must not even be felt.
        if (now !== before) {
          before = now;
          generation += 1;
          yield { generation };
        }
      }
    },
  };
}
