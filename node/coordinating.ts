// What parties of one cluster share by turns: locks, elections, barriers, counters, queues and the
// registry of services, all in one scope of the store.
import { barriersCapability } from '@hansa/capabilities/barriers/capability';
import { countersCapability } from '@hansa/capabilities/counters/capability';
import { electionsCapability } from '@hansa/capabilities/elections/capability';
import { locksCapability } from '@hansa/capabilities/locks/capability';
import { queuesCapability } from '@hansa/capabilities/queues/capability';
import { servicesCapability } from '@hansa/capabilities/services/capability';
import {
  scopeStore,
  type Capability,
  type Clock,
  type Codec,
  type KeyValueStore,
} from '@hansa/foundation';

export interface CoordinatingNeeds {
  /** The whole of it. */
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
}

export function coordinatingOn({ store, codec, clock }: CoordinatingNeeds): readonly Capability[] {
  const needs = { store: scopeStore(store, 'coordination'), codec, clock };
  return [
    locksCapability(needs),
    electionsCapability(needs),
    barriersCapability(needs),
    countersCapability(needs),
    queuesCapability(needs),
    servicesCapability(needs),
  ];
}
