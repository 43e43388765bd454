// Ties recovery to its host: what people call, what owners may ask of us back.
import { capability, type Capability, type ErrorReport } from '@hansa/foundation';
import { recoveryContract } from './contract.ts';
import { createRecovery, type RecoveryNeeds } from './service.ts';
import { recoveryPeerContract } from './wire.ts';

export function recoveryCapability(needs: RecoveryNeeds): {
  readonly capability: Capability;
  warnings(): readonly ErrorReport[];
} {
  const service = createRecovery(needs);
  const caches = new AbortController();
  return {
    warnings: () => service.warnings(),
    capability: capability({
      name: 'recovery',
      serves: [{ contract: recoveryContract, service: service.recovery }],
      servesPeers: [{ contract: recoveryPeerContract, service: service.peer }],
      start: () => service.start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}
