// This cluster's own word: made anew when something in it changed or half an hour is over, with a
// counter that never falls, not even with a clock or a store that was set back.
import type { Clock, KeyValueStore } from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Endpoint } from '../links/contract.ts';
import { announcedPart, makeAnnouncement } from './announcement.ts';
import { announcementRenewMs, type Announcement } from './contract.ts';
import type { DiscoveryTables } from './keys.ts';

const lookEveryMs = 5_000; // an address that changed is told within this

export interface AnnouncingNeeds {
  readonly store: KeyValueStore;
  readonly tables: DiscoveryTables;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly gossip: boolean;
  ownEndpoints(): readonly Endpoint[];
  apps(): readonly string[];
}

export interface Announcing {
  /** Undefined before the first is made. */
  present(): Announcement | undefined;
  /** Called with every new one. */
  subscribe(changed: (announcement: Announcement) => void): () => void;
  /** Keeps it true until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createAnnouncing(needs: AnnouncingNeeds): Announcing {
  const { store, tables, clock, signer, gossip } = needs;
  const listeners = new Set<(announcement: Announcement) => void>();
  let present: Announcement | undefined;
  const isTrue = (said: Announcement): boolean =>
    said.gossip === gossip &&
    clock.now() - said.asOfMs < announcementRenewMs &&
    clock.now() >= said.asOfMs &&
    JSON.stringify(said.endpoints) === JSON.stringify(announcedPart(needs.ownEndpoints())) &&
    said.apps.length + said.appsLeftOut === needs.apps().length &&
    said.apps.every((app) => needs.apps().includes(app));
  const renew = async (): Promise<void> => {
    if (present !== undefined && isTrue(present)) {
      return;
    }
    const held = (await tables.own.get())?.value;
    const nowMs = clock.now();
    // Time joins in, so that a store restored from a backup does not speak below its peers' memory.
    const counter = Math.max((held?.counter ?? 0) + 1, nowMs);
    const endpoints = needs.ownEndpoints();
    const said = { counter, nowMs, gossip, endpoints, apps: needs.apps() };
    const made = makeAnnouncement(signer, said);
    await store.batchWrite([tables.own.put([], made)]);
    present = made;
    listeners.forEach((listener) => listener(made));
  };
  return {
    present: () => present,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async run(signal) {
      for (;;) {
        await renew();
        await clock.sleep(lookEveryMs, signal);
      }
    },
  };
}
