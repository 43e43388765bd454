// What peers are told of identity over their links: our newest key, and that they run twice.
import {
  changedKeys,
  deadline,
  HansaError,
  isHansaError,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { KeyLog } from './contract.ts';
import type { Known } from './known.ts';
import { identityPeerContract } from './wire.ts';

// a peer that does not answer a small call for so long is told again when it is back
const tellTimeoutMs = 5_000;

/** The index that the peer answers to know. */
export async function tell(
  needs: { readonly peers: Peers; readonly clock: Clock },
  cluster: ClusterId,
  given: { readonly log: KeyLog; readonly signal: AbortSignal | undefined },
): Promise<number> {
  const limit = deadline(needs.clock, tellTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the peer did not answer in time'),
    signal: given.signal,
  });
  try {
    const wire = remote(identityPeerContract, needs.peers.observer(cluster));
    return (await wire.rotated({ log: given.log }, { signal: limit.signal })).keyIndex;
  } finally {
    limit.done();
  }
}

/**
 * Until the signal: whoever connects, or has not answered, is told again. A peer that was away has
 * learned from the proof; asking it is one small call for each connection.
 */
export async function keepTelling(known: Known, signal: AbortSignal): Promise<void> {
  const { peers, clock, log } = known;
  if (peers === undefined) {
    return;
  }
  const knows = new Map<ClusterId, number>();
  for await (const cluster of changedKeys<ClusterId>((each) => peers.subscribe(each), signal)) {
    if (!peers.connected(cluster)) {
      knows.delete(cluster);
      continue;
    }
    const { keyLog } = known;
    if (!peers.standing(cluster).active || (knows.get(cluster) ?? 0) >= keyLog.rotations.length) {
      continue;
    }
    // One call at a time; only a peer that did not answer is told again on this connection.
    knows.set(cluster, keyLog.rotations.length);
    void tell({ peers, clock }, cluster, { log: keyLog, signal }).catch((error: unknown) => {
      log.event('identity.untold', { cluster, reason: reportOf(error).code });
      if (isHansaError(error, 'TIMED_OUT')) {
        knows.delete(cluster);
      }
    });
  }
}

/** Its own people have to know; where it cannot be told now, the next meeting tells it. */
export function tellTwin(known: Known, cluster: ClusterId, instances: number): void {
  const { peers, log } = known;
  log.problem(
    'identity.peer-twice',
    new HansaError('IDENTITY_TWICE', 'a peer shows itself in several processes by turns'),
    { cluster, instances },
  );
  if (peers?.standing(cluster).active === true && peers.connected(cluster)) {
    remote(identityPeerContract, peers.observer(cluster))
      .seenTwice({ instances })
      .catch((error: unknown) =>
        log.event('identity.untold', { cluster, reason: reportOf(error).code }),
      );
  }
}
