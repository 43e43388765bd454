// What is measured when somebody looks: how many there are of what, how long certificates last, and
// what the process takes. Each reads from the capability that knows it.
import type { Audit } from '@hansa/capabilities/audit/contract';
import type { ProcessFacts } from '@hansa/capabilities/daemon/capability';
import type { Links } from '@hansa/capabilities/links/contract';
import {
  createCounts,
  metricsCapability,
  type Counted,
  type Counts,
  type Reading,
  type Source,
} from '@hansa/capabilities/metrics/capability';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import type { Seals } from '@hansa/capabilities/sealing/capability';
import type { HostedSignals } from '@hansa/capabilities/signals/capability';
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import type { Capability, Clock, KeyValueStore, Log } from '@hansa/foundation';
import { doorMethod, rawContract } from './gate.ts';

export interface MeasuringNeeds {
  readonly clock: Clock;
  readonly log: Log;
  /** All that is served; asked when the first request is over. */
  readonly capabilities: () => readonly Capability[];
  readonly store: KeyValueStore;
  readonly facts: Pick<ProcessFacts, 'version' | 'memoryBytes'>;
  readonly seals?: Seals | undefined;
  readonly links: Pick<Links, 'list'>;
  readonly mirrors: Pick<Mirrors, 'all'>;
  readonly resources: Pick<ResourceLog, 'all'>;
  readonly audit: Pick<Audit, 'status'>;
  readonly expiries: () => readonly { readonly what: string; readonly leftMs: number }[];
  readonly sessions: () => number;
  readonly tokens: () => number;
  readonly signals: HostedSignals;
}

export interface Measuring {
  readonly capability: Capability;
  /** Told by gates of every request. */
  readonly counts: Counts;
}

export function measuring(needs: MeasuringNeeds): Measuring {
  const counted = (): Counted => {
    const all = needs.capabilities();
    return {
      contracts: all.flatMap(({ serves, servesPeers }) =>
        [...serves, ...servesPeers].map(({ contract }) => contract),
      ),
      routes: all.flatMap(({ routes }) => routes),
    };
  };
  const counts = createCounts(counted, { rawContract, doorMethod });
  const sources = [() => counts.readings(), ...sourcesOf(needs)];
  return { counts, capability: metricsCapability({ sources, log: needs.log }) };
}

function sourcesOf(needs: MeasuringNeeds): readonly Source[] {
  const { clock, store, facts, seals, mirrors, resources } = needs;
  const startedMs = clock.monotonicMs();
  return [
    () => [
      { name: 'hansa_build', labels: { version: facts.version }, value: 1 },
      { name: 'hansa_uptime_seconds', value: (clock.monotonicMs() - startedMs) / 1_000 },
      { name: 'hansa_process_memory_bytes', value: facts.memoryBytes() },
      { name: 'hansa_resources', value: resources.all().length },
      { name: 'hansa_sealed', value: seals === undefined ? 0 : 1 },
      { name: 'hansa_sessions', value: needs.sessions() },
      { name: 'hansa_tokens', value: needs.tokens() },
    ],
    async () => {
      const { links } = await needs.links.list({});
      return byState(
        'hansa_links',
        links.map(({ status }) => status),
      );
    },
    () =>
      byState(
        'hansa_mirrors',
        mirrors.all().map(({ state }) => state),
      ),
    () => firstToEnd(needs.expiries()),
    () => ofSignals(needs.signals),
    async () => {
      const { last, peers } = await needs.audit.status({});
      const best = Math.max(0, ...peers.map(({ ours = 0 }) => ours));
      return [
        { name: 'hansa_audit_records', value: last },
        { name: 'hansa_audit_lag_records', value: last - best },
      ];
    },
    async () => {
      const { sizeBytes, revision } = await store.status();
      return [
        { name: 'hansa_store_bytes', value: sizeBytes },
        { name: 'hansa_store_revision', value: revision },
      ];
    },
  ];
}

function ofSignals(signals: HostedSignals): readonly Reading[] {
  const { router, waiting } = signals.running();
  const { received, sets, publishes, refused, rateLimited, undecodable } = router.figures;
  const became = { received, set: sets, published: publishes, refused, rateLimited, undecodable };
  return [
    { name: 'hansa_signal_sessions', value: router.sessions.size },
    { name: 'hansa_signal_params', value: router.paramCount },
    { name: 'hansa_signal_params_waiting', value: waiting() },
    ...Object.entries(became).map(([what, value]): Reading => ({
      name: 'hansa_signal_messages',
      labels: { what },
      value,
    })),
  ];
}

function byState(
  name: 'hansa_links' | 'hansa_mirrors',
  states: readonly string[],
): readonly Reading[] {
  const counts = new Map<string, number>();
  states.forEach((state) => counts.set(state, (counts.get(state) ?? 0) + 1));
  return [...counts].map(([state, value]) => ({ name, labels: { state }, value }));
}

/** Subjects may be many, and names of people and machines: a kind has one line. */
function firstToEnd(
  all: readonly { readonly what: string; readonly leftMs: number }[],
): readonly Reading[] {
  const first = new Map<string, number>();
  for (const { what, leftMs } of all) {
    first.set(what, Math.min(leftMs, first.get(what) ?? Infinity));
  }
  return [...first].map(([what, leftMs]) => ({
    name: 'hansa_certificate_left_seconds',
    labels: { what },
    value: leftMs / 1_000,
  }));
}
