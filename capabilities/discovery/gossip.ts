// Announcements between linked clusters: ours to every peer that is connected, and those of others
// that want it passed on, once each, to whoever did not bring them.
import {
  aborted,
  deadline,
  HansaError,
  remote,
  type Clock,
  type ClusterId,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Announcing } from './announcing.ts';
import type { Book } from './book.ts';
import type { Announcement } from './contract.ts';
import { discoveryPeerContract, hopsMax } from './wire.ts';

const tellTimeoutMs = 10_000; // a peer that takes longer learns it the next time
const inFlightPerPeerMax = 16; // a slow peer misses news rather than keep them here
// what a peer that comes back is told of others, the newest; below what it takes from one link
const toldOnArrivalMax = 64;
// a peer that would not listen, as one whose people have not confirmed yet, is told again after
// this, doubled each time
const tellAgainMinMs = 2_000;
const tellAgainMaxMs = 300_000; // a word that nobody takes costs a call in five minutes

export interface GossipNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Peers;
  readonly book: Book;
  readonly announcing: Announcing;
  readonly on: boolean;
  isBlocked(cluster: ClusterId): boolean;
}

export interface Gossip {
  /** Tells those who did not bring it; silent where it may not be passed on. */
  forward(
    announcement: Announcement,
    via: { readonly from: ClusterId; readonly hops: number },
  ): void;
  readonly counts: { readonly forwarded: number };
  run(signal: AbortSignal): Promise<void>;
}

interface Talking extends GossipNeeds {
  readonly inFlight: Map<ClusterId, number>;
  /** Peers that were told when they arrived, for ever; the others are left in peace for a while. */
  readonly greeted: Map<ClusterId, { readonly untilMs: number; readonly waitMs: number }>;
  readonly counts: { forwarded: number };
  signal: AbortSignal;
}

export function createGossip(needs: GossipNeeds): Gossip {
  const talking: Talking = {
    ...needs,
    inFlight: new Map(),
    greeted: new Map(),
    counts: { forwarded: 0 },
    signal: AbortSignal.abort(),
  };
  return {
    counts: talking.counts,
    forward(announcement, { from, hops }) {
      if (needs.on && announcement.gossip && hops + 1 < hopsMax) {
        for (const peer of listeners(talking)) {
          if (peer !== from && peer !== announcement.cluster) {
            talking.counts.forwarded += 1;
            void tell(talking, peer, { announcement, hops: hops + 1 });
          }
        }
      }
    },
    run: (signal) => run(talking, signal),
  };
}

async function run(talking: Talking, signal: AbortSignal): Promise<void> {
  const { peers, announcing, on } = talking;
  if (!on) {
    return aborted(signal);
  }
  talking.signal = signal;
  const stops = [
    announcing.subscribe((announcement) => {
      for (const peer of listeners(talking)) {
        void tell(talking, peer, { announcement, hops: 0 });
      }
    }),
    peers.subscribe((peer) => void greet(talking, peer)),
  ];
  peers.all().forEach(({ cluster }) => void greet(talking, cluster));
  await aborted(signal);
  stops.forEach((stop) => stop());
}

/** Connected peers that are linked by both sides' will, and not blocked. */
function listeners({ peers, isBlocked }: Talking): readonly ClusterId[] {
  return peers
    .all()
    .filter(({ cluster, active }) => active && peers.connected(cluster) && !isBlocked(cluster))
    .map(({ cluster }) => cluster);
}

/** A peer that has just connected missed what was said meanwhile. Called with every beat. */
async function greet(talking: Talking, peer: ClusterId): Promise<void> {
  const { peers, greeted, announcing, book, clock, isBlocked } = talking;
  if (!peers.connected(peer)) {
    greeted.delete(peer);
    return;
  }
  const announcement = announcing.present();
  const { untilMs, waitMs } = greeted.get(peer) ?? { untilMs: 0, waitMs: tellAgainMinMs };
  const again = untilMs <= clock.monotonicMs();
  if (announcement === undefined || !again || !peers.standing(peer).active || isBlocked(peer)) {
    return;
  }
  greeted.set(peer, { untilMs: Number.POSITIVE_INFINITY, waitMs });
  if (!(await tell(talking, peer, { announcement, hops: 0 }))) {
    greeted.set(peer, {
      untilMs: clock.monotonicMs() + waitMs,
      waitMs: Math.min(waitMs * 2, tellAgainMaxMs),
    });
    return;
  }
  for (const other of toPassOn(book, peer)) {
    if (!(await tell(talking, peer, other))) {
      return;
    }
  }
}

/** What that peer is told of others: what they want passed on, as far as it may still go. */
function toPassOn(
  book: Book,
  peer: ClusterId,
): readonly { readonly announcement: Announcement; readonly hops: number }[] {
  return book
    .all()
    .flatMap(({ announcement, hops = 0 }) =>
      announcement?.gossip === true && announcement.cluster !== peer && hops + 1 < hopsMax
        ? [{ announcement, hops: hops + 1 }]
        : [],
    )
    .toSorted((a, b) => b.announcement.asOfMs - a.announcement.asOfMs)
    .slice(0, toldOnArrivalMax);
}

/** False where the peer did not hear it. */
async function tell(
  { peers, clock, log, inFlight, signal }: Talking,
  peer: ClusterId,
  said: { readonly announcement: Announcement; readonly hops: number },
): Promise<boolean> {
  const under = inFlight.get(peer) ?? 0;
  if (under >= inFlightPerPeerMax || signal.aborted) {
    return false;
  }
  inFlight.set(peer, under + 1);
  const reason = (): Error => new HansaError('TIMED_OUT', 'the peer did not take the announcement');
  const limit = deadline(clock, tellTimeoutMs, { reason, signal });
  try {
    const wire = remote(discoveryPeerContract, peers.observer(peer));
    await wire.announce(said, { signal: limit.signal });
    return true;
  } catch (error) {
    log.event('discovery.unheard', { peer, reason: String(error) });
    return false;
  } finally {
    limit.done();
    const left = (inFlight.get(peer) ?? 1) - 1;
    if (left > 0) {
      inFlight.set(peer, left);
    } else {
      inFlight.delete(peer);
    }
  }
}
