// The router of signals among those of linked clusters: namespaces say what is whose, and a line
// over each link carries what policies let cross.
import { namespacesCapability } from '@hansa/capabilities/namespaces/capability';
import type { Signer } from '@hansa/capabilities/identity/contract';
import type { Peers } from '@hansa/capabilities/links/contract';
import type { MirrorEnforcement } from '@hansa/capabilities/policies/contract';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import { peerSignals, type HostedSignals } from '@hansa/capabilities/signals/capability';
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import type { Capability } from '@hansa/foundation';
import type { CompositionNeeds } from './composition-needs.ts';

interface LinkedNeeds extends CompositionNeeds {
  readonly signer: Signer;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly enforcement: MirrorEnforcement;
}

/** Namespaces first, then the router, then its lines: each starts upon what stands before it. */
export function linkedSignals(needs: LinkedNeeds, signals: HostedSignals): readonly Capability[] {
  const { book, capability } = namespacesCapability(needs);
  const { cluster } = needs.signer;
  const peering = peerSignals({ ...needs, cluster, book, running: () => signals.running() });
  return [capability, signals.capability, peering];
}
