// Ties recovery to its host: what people call, what owners may ask of us back.
import { aborted, capability, type Capability, type ErrorReport } from '@hansa/foundation';
import { recoveryContract, type HeldCopies } from './contract.ts';
import { createRecovery, type RecoveryNeeds, type RecoveryService } from './service.ts';
import { recoveryPeerContract } from './wire.ts';

export { restoredRow } from './keys.ts';

export function recoveryCapability(needs: RecoveryNeeds): {
  readonly capability: Capability;
  readonly copies: HeldCopies;
  warnings(): readonly ErrorReport[];
} {
  const service = createRecovery(needs);
  const caches = new AbortController();
  return {
    copies: service.copies,
    warnings: () => service.warnings(),
    capability: capability({
      name: 'recovery',
      serves: [{ contract: recoveryContract, service: service.recovery }],
      servesPeers: [{ contract: recoveryPeerContract, service: service.peer }],
      duties: [{ name: 'recovery.begin-anew', run: (signal) => runOnce(service, signal) }],
      start: () => service.start(caches.signal),
      stop: async () => caches.abort(),
    }),
  };
}

/** A duty that ends is begun again: what has nothing to wait for waits for the end. */
async function runOnce(
  service: Pick<RecoveryService, 'beginAnew'>,
  signal: AbortSignal,
): Promise<void> {
  await service.beginAnew(signal);
  await aborted(signal);
}
