// What peers hold of ours, by the word of their beats, and their copies entry by entry.
import { federatedId, remote, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { HeldPosition } from '../sync/contract.ts';
import type { HeldCopies } from './contract.ts';
import { recoveryPeerContract } from './wire.ts';

export function createHeldCopies(needs: {
  readonly cluster: ClusterId;
  readonly peers: Peers;
  readonly held: ReadonlyMap<ClusterId, readonly HeldPosition[]>;
}): HeldCopies {
  const { cluster, peers, held } = needs;
  return {
    holders(id) {
      const resource = federatedId(cluster, id);
      return [...held]
        .filter(([, rows]) => rows.some((row) => row.resource === resource))
        .map(([peer]) => peer)
        .filter((peer) => peers.connected(peer));
    },
    async *entries(from, id, signal) {
      const peer = remote(recoveryPeerContract, peers.observer(from));
      const resource = federatedId(cluster, id);
      let after: Uint8Array | undefined;
      for (;;) {
        const page = await peer.entries({ resource, after }, { signal });
        yield* page.entries;
        after = page.entries.at(-1)?.key;
        if (page.last || after === undefined) {
          return;
        }
      }
    },
  };
}
