// What keeps a cluster's data safe: recovery from what a backup or a disk has lost, and the scrub
// that finds what a disk has changed.
import { recoveryCapability } from '@hansa/capabilities/recovery/capability';
import type { Signer } from '@hansa/capabilities/identity/contract';
import { scrubCapability } from '@hansa/capabilities/scrub/capability';
import { scopeStore } from '@hansa/foundation';

type Needs = Omit<Parameters<typeof recoveryCapability>[0], 'cluster'> &
  Omit<Parameters<typeof scrubCapability>[0], 'cluster' | 'copies' | 'whole'> & {
    readonly signer: Signer;
  };

export function safekeepingOn(needs: Needs): {
  readonly recovering: ReturnType<typeof recoveryCapability>;
  readonly scrubbing: ReturnType<typeof scrubCapability>;
} {
  const { store } = needs;
  const { cluster } = needs.signer;
  const scoped = { ...needs, cluster, store: scopeStore(store, 'recovery') };
  const recovering = recoveryCapability(scoped);
  const scrubbing = scrubCapability({
    ...needs,
    store: scopeStore(store, 'scrub'),
    whole: store,
    copies: recovering.copies,
    cluster,
  });
  return { recovering, scrubbing };
}
