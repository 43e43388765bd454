// Listens to the catalogs of linked clusters: whenever one opens or closes a door to us, whoever
// waits before it hears of it at once.
import { aborted, remote, reportOf, type Clock, type ClusterId, type Log } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { CatalogNews } from './contract.ts';
import { catalogPeerContract } from './wire.ts';

const againMs = 5_000; // a peer that refuses to tell is asked twelve times a minute

export interface CatalogWatchingNeeds {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CatalogWatching {
  readonly news: CatalogNews;
  /** Listens to every cluster that we may pull from, while it is connected. */
  run(signal: AbortSignal): Promise<void>;
}

export function createCatalogWatching(needs: CatalogWatchingNeeds): CatalogWatching {
  const { peers } = needs;
  const listeners = new Set<(peer: ClusterId) => void>();
  const tell = (peer: ClusterId): void => listeners.forEach((listener) => listener(peer));
  const loops = new Map<ClusterId, Promise<void>>();
  const begin = (peer: ClusterId, signal: AbortSignal): void => {
    const { mine, active } = peers.standing(peer);
    if (!signal.aborted && mine && active && peers.connected(peer) && !loops.has(peer)) {
      const loop = listen(needs, peer, { tell, signal }).finally(() => loops.delete(peer));
      loops.set(peer, loop);
    }
  };
  return {
    news: {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    async run(signal) {
      const stop = peers.subscribe((peer) => begin(peer, signal));
      peers.all().forEach(({ cluster }) => begin(cluster, signal));
      await aborted(signal);
      stop();
      await Promise.allSettled(loops.values());
    },
  };
}

async function listen(
  { peers, clock, log }: CatalogWatchingNeeds,
  peer: ClusterId,
  given: { readonly signal: AbortSignal; tell(peer: ClusterId): void },
): Promise<void> {
  const { signal, tell } = given;
  try {
    const wire = remote(catalogPeerContract, peers.carrier(peer));
    const told = wire.changes({}, { signal })[Symbol.asyncIterator]();
    let next = told.next();
    tell(peer); // what changed while nobody listened; from the question on, we hear of it
    while ((await next).done !== true) {
      tell(peer);
      next = told.next();
    }
  } catch (error) {
    if (!signal.aborted) {
      log.event('catalog.unheard', { peer, reason: reportOf(error).code });
    }
  }
  await clock.sleep(againMs, signal).catch(() => undefined);
}
