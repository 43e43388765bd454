// What the node tells of itself: its status and metrics, how its disk is sealed, and what it finds
// when it looks into a link or a change.
import { daemonCapability } from '@hansa/capabilities/daemon/capability';
import { sealingCapability } from '@hansa/capabilities/sealing/capability';
import type { Counts } from '@hansa/capabilities/metrics/capability';
import type { HostedSignals } from '@hansa/capabilities/signals/capability';
import { scopeStore, type Capability } from '@hansa/foundation';
import type { Admitting, AdmittingNeeds } from './admitting.ts';
import { lookingInto, type Others } from './examining.ts';
import type { governing } from './governing.ts';
import { measuring } from './measuring.ts';

interface Told extends Pick<Others, 'recovering' | 'quarantining' | 'peerEdge'> {
  readonly standing: ReturnType<typeof governing>;
  readonly admitted: Admitting;
  readonly writing: Others['writing'] & Others['recovering'];
  readonly scrubbing: Others['recovering'];
  readonly signals: HostedSignals;
  readonly capabilities: () => readonly Capability[];
}

export function reportingOn(
  needs: AdmittingNeeds,
  told: Told,
): { readonly capabilities: readonly Capability[]; readonly counts: Counts } {
  const { standing, admitted, writing, recovering, capabilities } = told;
  const { linking, ruling, trusting, tokening } = standing;
  const { links } = linking;
  const { auditing, certifying, logins } = admitted;
  const metering = measuring({
    ...needs,
    capabilities,
    links,
    audit: auditing.audit,
    expiries: () => certifying.expiries.expiries(),
    sessions: () => logins?.counted() ?? 0,
    tokens: () => tokening.counted(),
    signals: told.signals,
  });
  const store = scopeStore(needs.store, 'doctor');
  const examining = lookingInto(needs, { ...told, linking, auditing, store });
  const daemon = daemonCapability({
    ...needs,
    identity: needs.identity.identity,
    warnings: () =>
      [recovering, told.scrubbing, writing, ...admitted.warning].flatMap((each) => each.warnings()),
    links,
    policies: ruling.policies,
    trust: trusting.trust,
  });
  const sealing = sealingCapability(needs.seals);
  return {
    capabilities: [...examining, sealing, metering.capability, daemon],
    counts: metering.counts,
  };
}
