// What linked clusters tell of their apps, kept by the cluster that told it, for as long as the
// link is not closed: after a lost connection it is still the best hint there is.
import {
  aborted,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type ErrorReport,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { App } from './contract.ts';
import { appsPeerContract, type Announced } from './wire.ts';

// an older peer knows no apps until it is upgraded: then it is heard a minute late at worst
const unknownAgainMs = 60_000;
const againMs = 5_000; // a peer that does not tell is asked twelve times a minute

export interface NeighboursNeeds {
  readonly cluster: ClusterId;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Heard {
  /** Calls may be passed on to what lies behind it. */
  readonly proxy: boolean;
  readonly apps: readonly Announced[];
  /** Why it was last not heard. */
  readonly problem?: ErrorReport | undefined;
}

export interface Neighbours {
  heard(peer: ClusterId): Heard | undefined;
  /** All that peers tell of, the nearest first, of connected peers first. */
  apps(): readonly (App & { readonly via: ClusterId; readonly distance: number })[];
  subscribe(changed: () => void): () => void;
  run(signal: AbortSignal): Promise<void>;
}

export function createNeighbours(needs: NeighboursNeeds): Neighbours {
  const { peers } = needs;
  const heard = new Map<ClusterId, Heard>();
  const listeners = new Set<() => void>();
  const loops = new Map<ClusterId, Promise<void>>();
  const tell = (peer: ClusterId, now: Heard): void => {
    const before = heard.get(peer);
    heard.set(peer, now);
    if (JSON.stringify(before) !== JSON.stringify(now)) {
      listeners.forEach((listener) => listener());
    }
  };
  const begin = (peer: ClusterId, signal: AbortSignal): void => {
    const { mine, active, name } = peers.standing(peer);
    if (name === undefined || !active) {
      if (heard.delete(peer)) {
        listeners.forEach((listener) => listener());
      }
      return;
    }
    if (!signal.aborted && mine && peers.connected(peer) && !loops.has(peer)) {
      const loop = listen(needs, peer, { signal, tell, before: () => heard.get(peer) });
      loops.set(
        peer,
        loop.finally(() => {
          loops.delete(peer);
          begin(peer, signal);
        }),
      );
    }
  };
  return {
    heard: (peer) => heard.get(peer),
    apps: () =>
      [...heard]
        .flatMap(([via, { apps }]) => apps.map((app) => ({ ...app, via })))
        .toSorted(
          (a, b) =>
            Number(peers.connected(b.via)) - Number(peers.connected(a.via)) ||
            a.distance - b.distance ||
            (a.via < b.via ? -1 : 1),
        )
        .map((app) => ({ ...app, ...nameOf(peers, app.cluster) })),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
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

function nameOf(peers: Peers, cluster: ClusterId): { readonly clusterName?: string } {
  const { name } = peers.standing(cluster);
  return name === undefined ? {} : { clusterName: name };
}

async function listen(
  { cluster, peers, clock, log }: NeighboursNeeds,
  peer: ClusterId,
  given: {
    readonly signal: AbortSignal;
    tell(peer: ClusterId, now: Heard): void;
    before(): Heard | undefined;
  },
): Promise<void> {
  const { signal, tell, before } = given;
  let waitMs = againMs;
  try {
    const wire = remote(appsPeerContract, peers.carrier(peer));
    for await (const _change of wire.changes({}, { signal })) {
      const { apps, proxy } = await wire.list({}, { signal });
      tell(peer, { proxy, apps: apps.filter((app) => isPlausible(app, peer, cluster)) });
    }
  } catch (error) {
    if (!signal.aborted) {
      const problem = reportOf(error);
      waitMs = problem.code === 'METHOD_UNKNOWN' ? unknownAgainMs : againMs;
      tell(peer, { proxy: false, apps: before()?.apps ?? [], problem });
      log.event('apps.unheard', { peer, reason: problem.code });
    }
  }
  if (!signal.aborted && peers.connected(peer)) {
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

/** A peer speaks for itself at no distance, for others at some, and for us not at all. */
function isPlausible(app: Announced, peer: ClusterId, self: ClusterId): boolean {
  return app.cluster !== self && (app.distance === 0) === (app.cluster === peer);
}
