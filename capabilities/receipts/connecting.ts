// Who has just come: told once per connection, since beats are no news.
import type { ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';

/** Calls back whenever a cluster that was not connected is. Returns how to stop. */
export function onConnected(
  peers: Pick<Peers, 'connected' | 'subscribe'>,
  came: (cluster: ClusterId) => void,
): () => void {
  const connected = new Set<ClusterId>();
  return peers.subscribe((cluster) => {
    if (!peers.connected(cluster)) {
      connected.delete(cluster);
    } else if (!connected.has(cluster)) {
      connected.add(cluster);
      came(cluster);
    }
  });
}
