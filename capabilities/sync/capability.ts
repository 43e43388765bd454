// Ties sync to its host: mirrors for people, heads, changes and blobs for peers, the duty that
// follows.
import { capability, type Capability } from '@hansa/foundation';
import { syncContract, syncIntervalMs, type Mirrors } from './contract.ts';
import { createSync, type SyncNeeds } from './service.ts';
import { blobPeerContract, syncPeerContract } from './wire.ts';

export function syncCapability(needs: SyncNeeds): {
  readonly capability: Capability;
  readonly mirrors: Mirrors;
} {
  const service = createSync(needs);
  const caches = new AbortController();
  return {
    mirrors: service.mirrors,
    capability: capability({
      name: 'sync',
      serves: [{ contract: syncContract, service: service.sync }],
      servesPeers: [
        { contract: syncPeerContract, service: service.syncPeer },
        { contract: blobPeerContract, service: service.blobPeer },
      ],
      duties: [
        { name: 'sync.mirror', run: (signal) => service.mirroring.run(signal) },
        { name: 'sync.collect', run: (signal) => service.collect(signal) },
        {
          name: 'sync.challenge',
          async run(signal) {
            for (;;) {
              await needs.clock.sleep(needs.intervalMs ?? syncIntervalMs, signal);
              await service.progress.challengeAll(signal);
            }
          },
        },
      ],
      start: () => service.start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
