// The side that follows: one stream to every linked cluster while it is connected, opened anew when
// the cluster's own hint says that it is time to look again.
import {
  aborted,
  deadline,
  HansaError,
  isHansaError,
  remote,
  type ClusterId,
} from '@hansa/foundation';
import { takeBundle } from './peer-bundles.ts';
import type { CertificateParts } from './parts.ts';
import { certificatePeerContract } from './wire.ts';

const againMs = 5_000; // a peer that takes no stream now is asked twelve times a minute

/** Until the signal aborts. */
export async function followPeers(parts: CertificateParts, signal: AbortSignal): Promise<void> {
  const { peers } = parts;
  const loops = new Map<ClusterId, Promise<void>>();
  const begin = (peer: ClusterId): void => {
    const wanted = peers.standing(peer).active && peers.connected(peer);
    if (signal.aborted || !wanted || loops.has(peer)) {
      return;
    }
    const loop = followOne(parts, peer, signal)
      .catch(() => undefined)
      .finally(() => {
        loops.delete(peer);
        begin(peer);
      });
    loops.set(peer, loop);
  };
  const stop = peers.subscribe(begin);
  peers.all().forEach(({ cluster }) => begin(cluster));
  await aborted(signal);
  stop();
  await Promise.allSettled(loops.values());
}

/** Resolves when it is time to ask again. */
async function followOne(
  parts: CertificateParts,
  peer: ClusterId,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, peers, validities } = parts;
  const hintMs = parts.peerBundles.find(peer)?.value.refreshHintMs ?? validities.refreshHintMs;
  const fresh = deadline(clock, hintMs, {
    signal,
    reason: () => new HansaError('CANCELLED', 'the bundle is asked for anew'),
  });
  try {
    const wire = remote(certificatePeerContract, peers.observer(peer));
    for await (const told of wire.follow({}, { signal: fresh.signal })) {
      // What was refused is reported; a later one of the same stream may be good again.
      await takeBundle(parts, peer, told).catch((error: unknown) => {
        if (!isHansaError(error)) {
          throw error;
        }
      });
    }
  } catch (error) {
    if (!fresh.signal.aborted) {
      const reason = isHansaError(error) ? error.code : 'INTERNAL';
      log.event('certificate-bundle.unfollowed', { peer, reason });
    }
  } finally {
    fresh.done();
  }
  if (!fresh.signal.aborted && peers.connected(peer)) {
    await clock.sleep(againMs, signal);
  }
}
