// Linked clusters for tests of what crosses: made, started, waited for, and stopped after each
// test.
import { afterEach, expect, vi } from 'vitest';
import { createSignalCluster, type SignalCluster } from '../../../testkit/signal-clusters.ts';

/** Stopped after the test. */
export const made: SignalCluster[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((cluster) => cluster.stop()));
});

export function clusters(...names: readonly string[]): readonly SignalCluster[] {
  const all = names.map((name, at) => createSignalCluster(10 * (at + 1), name));
  made.push(...all);
  return all;
}

export function startAll(all: readonly SignalCluster[]): Promise<unknown> {
  return Promise.all(all.map(({ capability }) => capability.start(new AbortController().signal)));
}

export function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 10_000, interval: 5 });
}

export const hasValue = (cluster: SignalCluster, address: string, value: number): Promise<void> =>
  until(() => cluster.value(address) === value);

export async function isActive(cluster: SignalCluster, peer: SignalCluster): Promise<void> {
  await vi.waitFor(
    async () => {
      const { peers } = await cluster.shown.list({});
      expect(peers.find((one) => one.cluster === peer.id)?.state).toBe('active');
    },
    { timeout: 10_000, interval: 5 },
  );
}
