// Whether one identity lives in several processes: a copied data folder that was started as well.
// An instance is random for each process, so one that comes back after another cannot have ended.
import { toHex, type Clock, type ClusterId } from '@hansa/foundation';
import { twinShownMs } from './contract.ts';

// One return may be a connection that was slow to arrive when its process was restarted.
const returnsMin = 2;
const meetingsMax = 32; // of one cluster, in ten minutes: enough for whoever comes by turns

interface Meeting {
  readonly instance: string;
  readonly atMs: number;
}

export interface TwinWatch {
  /** How many processes there are, where this meeting shows that there are several. */
  met(cluster: ClusterId, instance: Uint8Array): number | undefined;
  twins(cluster: ClusterId): number | undefined;
}

export function createTwinWatch(clock: Clock): TwinWatch {
  const meetings = new Map<ClusterId, readonly Meeting[]>();
  const recent = (cluster: ClusterId): readonly Meeting[] => {
    const sinceMs = clock.monotonicMs() - twinShownMs;
    return (meetings.get(cluster) ?? []).filter(({ atMs }) => atMs >= sinceMs);
  };
  const twins = (cluster: ClusterId): number | undefined => countTwins(recent(cluster));
  return {
    twins,
    met(cluster, instance) {
      const before = recent(cluster);
      const met = { instance: toHex(instance), atMs: clock.monotonicMs() };
      if (before.at(-1)?.instance === met.instance) {
        return undefined; // a redial of the same process
      }
      meetings.set(cluster, [...before, met].slice(-meetingsMax));
      return twins(cluster);
    },
  };
}

function countTwins(met: readonly Meeting[]): number | undefined {
  const seen = new Set<string>();
  const returned = met.filter(({ instance }) => {
    const known = seen.has(instance);
    seen.add(instance);
    return known;
  });
  // Whoever returned runs; so does the one that is here now, whether it was here before or not.
  const running = new Set([...returned, ...met.slice(-1)].map(({ instance }) => instance));
  return returned.length >= returnsMin ? Math.max(2, running.size) : undefined;
}
