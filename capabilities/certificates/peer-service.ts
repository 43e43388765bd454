// The side that is followed: tells its own bundle to clusters whose link stands, and to nobody
// about anybody else.
import { callingCluster, changedKeys, HansaError } from '@hansa/foundation';
import type { BundleRecord } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';
import type { CertificatePeer, TrustBundle } from './wire.ts';

export function createCertificatePeer(parts: CertificateParts, roots: Roots): CertificatePeer {
  const { peers, bundle, validities } = parts;
  return {
    async *follow(_input, call) {
      const peer = callingCluster(call);
      const changes = changedKeys<'bundle'>((tell) => {
        const stops = [
          bundle.subscribe(() => tell('bundle')),
          peers.subscribe((other) => (other === peer ? tell('bundle') : undefined)),
        ];
        return () => stops.forEach((stop) => stop());
      }, call?.signal);
      let told: BundleRecord | undefined;
      try {
        do {
          if (!peers.standing(peer).active) {
            throw new HansaError('FORBIDDEN', 'bundles are told to linked clusters alone');
          }
          const held = roots.bundle();
          if (held !== undefined && held !== told) {
            told = held;
            yield toldOf(held, validities.refreshHintMs);
          }
        } while ((await changes.next()).done !== true);
      } finally {
        await changes.return?.();
      }
    },
  };
}

function toldOf({ sequence, roots, revoked }: BundleRecord, refreshHintMs: number): TrustBundle {
  return { sequence, refreshHintMs, roots, revoked };
}
