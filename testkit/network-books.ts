// What the simulated network knows of itself: what is wrong between whom and since when, and how
// much went between them.
import type { Clock, Traffic } from '@hansa/foundation';

export interface Flips {
  readonly probability: number;
  readonly traffic: readonly Traffic[];
}

/** What there is between two, as the one has it. */
export interface Load {
  /** Open ones; the other may not know any more that they are. */
  readonly connections: number;
  /** Ever sent. */
  readonly frames: number;
  readonly bytes: number;
}

export type CountedLoad = { -readonly [Count in keyof Load]: Load[Count] };

/**
 * A bit of what runs a stream, changed on the way, may leave it silent for good: it is given up
 * after a few rounds of anti-entropy. No network does that below TLS.
 */
const silentStreamMs = 180_000;

/** Both directions of a pair are two ways. */
function way(from: string, to: string): string {
  return `${from}>${to}`;
}

export interface FaultBook {
  flipsOf(from: string, to: string): Flips | undefined;
  blockedSinceMs(from: string, to: string): number | undefined;
  /** Since when nothing is wrong between the two, maybe ahead; undefined while something is. */
  calmSinceMs(a: string, b: string): number | undefined;
  blocked(from: string, to: string): void;
  healed(a: string, b: string): void;
  shaped(a: string, b: string): void;
  flipped(from: string, to: string, how: Flips): void;
  cut(a: string, b: string): void;
  /** Nothing is flipped and nothing shaped any more. */
  calmed(): void;
}

export function createFaultBook(clock: Pick<Clock, 'monotonicMs'>): FaultBook {
  const blocked = new Map<string, number>();
  const flips = new Map<string, Flips>();
  const shaped = new Set<string>();
  const over = new Map<string, number>();
  const note = (from: string, to: string, forMs = 0): void => {
    for (const one of [way(from, to), way(to, from)]) {
      over.set(one, Math.max(over.get(one) ?? 0, clock.monotonicMs() + forMs));
    }
  };
  const flipped = (from: string, to: string, how: Flips): void => {
    const { traffic = [] } = flips.get(way(from, to)) ?? {};
    note(from, to, traffic.includes('state') ? silentStreamMs : 0);
    flips.set(way(from, to), how);
  };
  return {
    flipsOf: (from, to) => flips.get(way(from, to)),
    blockedSinceMs: (from, to) => blocked.get(way(from, to)),
    calmSinceMs(a, b) {
      const ill = [way(a, b), way(b, a)].some(
        (one) => blocked.has(one) || shaped.has(one) || (flips.get(one)?.probability ?? 0) > 0,
      );
      return ill ? undefined : (over.get(way(a, b)) ?? 0);
    },
    blocked: (from, to) => {
      blocked.set(way(from, to), blocked.get(way(from, to)) ?? clock.monotonicMs());
    },
    healed(a, b) {
      note(a, b);
      blocked.delete(way(a, b));
      blocked.delete(way(b, a));
    },
    shaped: (a, b) => void shaped.add(way(a, b)).add(way(b, a)),
    flipped,
    cut: (a, b) => note(a, b),
    calmed() {
      for (const one of flips.keys()) {
        const [from = '', to = ''] = one.split('>');
        flipped(from, to, { probability: 0, traffic: [] });
      }
      shaped.clear();
    },
  };
}

export interface LoadBook {
  load(from: string, to: string): CountedLoad;
  dials(from: string, to: string): number;
  dialled(from: string, to: string): void;
}

export function createLoadBook(): LoadBook {
  const loads = new Map<string, CountedLoad>();
  const dials = new Map<string, number>();
  return {
    load(from, to) {
      const load = loads.get(way(from, to)) ?? { connections: 0, frames: 0, bytes: 0 };
      loads.set(way(from, to), load);
      return load;
    },
    dials: (from, to) => dials.get(way(from, to)) ?? 0,
    dialled: (from, to) => void dials.set(way(from, to), (dials.get(way(from, to)) ?? 0) + 1),
  };
}
