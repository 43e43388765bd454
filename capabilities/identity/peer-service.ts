// What linked peers may tell us about themselves and about us: the far end of `wire.ts`.
import { callingCluster, HansaError, type Call, type ClusterId } from '@hansa/foundation';
import type { Known } from './known.ts';
import type { IdentityPeer } from './wire.ts';

export function createIdentityPeer(known: Known): IdentityPeer {
  /** Strangers are believed from their proof alone, and leave nothing behind. */
  const linked = (call: Call | undefined): ClusterId => {
    const cluster = callingCluster(call);
    if (known.peers?.standing(cluster).name === undefined) {
      throw new HansaError('LINK_NOT_FOUND', `${known.name} has no link with you`);
    }
    return cluster;
  };
  return {
    async rotated({ log }, call) {
      const cluster = linked(call);
      if (log.inception.cluster !== cluster) {
        throw new HansaError('CERTIFICATE_INVALID', 'a cluster tells of its own keys only');
      }
      return { keyIndex: await known.keeper.book.learn(log) };
    },
    async seenTwice({ instances }, call) {
      const by = linked(call);
      known.twins.set(by, { instances, seenMs: known.clock.now() });
      known.log.problem(
        'identity.twice',
        new HansaError('IDENTITY_TWICE', 'a peer meets this identity in two processes by turns'),
        { by, instances },
      );
      return {};
    },
  };
}
