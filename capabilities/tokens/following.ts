// The side that hears which tokens of a linked cluster count no more: from every one that is
// connected, from the moment that it is.
import {
  aborted,
  isHansaError,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { followedPerPeerMax } from './contract.ts';
import type { Followed } from './followed.ts';
import { revocationsPeerContract } from './wire.ts';

const againMs = 1_000; // who takes no stream yet does so when its side of the link is settled
const unspokenAgainMs = 60_000; // an older program: it may be replaced while the link stands
// entries of one stream: twice what is kept; who says more begins anew, a second later
const heardPerStreamMax: number = 2 * followedPerPeerMax;

export interface FollowingNeeds {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly followed: Followed;
  /** These ids count no more, by the word of their own cluster. */
  takenBack(root: ClusterId, ids: readonly string[]): Promise<void>;
}

/** Follows every linked cluster until the signal aborts. */
export async function followRevocations(needs: FollowingNeeds, signal: AbortSignal): Promise<void> {
  const { peers, clock } = needs;
  const loops = new Map<ClusterId, Promise<void>>();
  const begin = (peer: ClusterId): void => {
    if (signal.aborted || loops.has(peer) || !peers.standing(peer).active) {
      return;
    }
    if (peers.connected(peer)) {
      const loop = follow(needs, peer, signal)
        .then(async (waitMs) => {
          const refused = peers.connected(peer) && !signal.aborted;
          await (refused ? clock.sleep(waitMs, signal) : undefined);
        })
        .catch(() => undefined)
        .finally(() => {
          loops.delete(peer);
          begin(peer);
        });
      loops.set(peer, loop);
    }
  };
  const stop = peers.subscribe(begin);
  peers.all().forEach(({ cluster }) => begin(cluster));
  await aborted(signal);
  stop();
  await Promise.allSettled(loops.values());
}

/** Resolves when the stream has ended, with how long to wait before the next. */
async function follow(
  needs: FollowingNeeds,
  peer: ClusterId,
  signal: AbortSignal,
): Promise<number> {
  const { peers, followed, log } = needs;
  try {
    // A cluster that only serves us takes its tokens back as well.
    const wire = remote(revocationsPeerContract, peers.observer(peer));
    let heard = 0;
    for await (const { revoked } of wire.follow({}, { signal })) {
      const fresh = await followed.take(peer, revoked);
      // All of them, those that were known too: the process may have ended in between.
      await needs.takenBack(
        peer,
        revoked.map(({ jti }) => jti),
      );
      if (fresh.length > 0) {
        log.event('tokens.taken-back', { peer, revoked: fresh.length });
      }
      heard += 1 + revoked.length;
      if (heard > heardPerStreamMax) {
        break;
      }
    }
    return againMs;
  } catch (error) {
    if (!signal.aborted && peers.connected(peer)) {
      log.event('tokens.unfollowed', { peer, reason: reportOf(error).code });
    }
    return isHansaError(error, 'METHOD_UNKNOWN') ? unspokenAgainMs : againMs;
  }
}
