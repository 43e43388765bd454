// Ties trust to its host. Levels are made first, since links and policies ask for them; what people
// call needs links and policies in turn.
import {
  capability,
  type Capability,
  type Clock,
  type Codec,
  type KeyValueStore,
} from '@hansa/foundation';
import { trustContract, type Trust } from './contract.ts';
import { createLevels, type Levels, type LevelsNeeds } from './levels.ts';
import { createRequests } from './requests.ts';
import { createTrust, type TrustNeeds } from './service.ts';
import { trustPeerContract } from './wire.ts';

export function trustLevels(needs: LevelsNeeds): Levels {
  return createLevels(needs);
}

export interface TrustCapabilityNeeds extends TrustNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
}

export function trustCapability(needs: TrustCapabilityNeeds): {
  readonly capability: Capability;
  readonly trust: Trust;
} {
  const { judging } = needs;
  const requests = createRequests({ ...needs, levels: judging.levels });
  const trust = createTrust({ ...needs, requests });
  const caches = new AbortController();
  return {
    trust,
    capability: capability({
      name: 'trust',
      serves: [{ contract: trustContract, service: trust }],
      servesPeers: [{ contract: trustPeerContract, service: requests.peer }],
      async start() {
        await judging.start(caches.signal);
        await requests.start(caches.signal);
      },
      stop: async () => caches.abort(),
    }),
  };
}
