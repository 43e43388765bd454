// What must stay bounded whatever a peer or the network does: connections, dials, what waits for
// time, and how much a process has to say. The bounds are a few times what healthy stories reach.
import type { InvariantNeeds } from './invariant-needs.ts';

const windowMs = 10_000;
// in one window: redialling after 250 ms, doubling, stays far below
const dialsPerWindowMax = 60;
// of one cluster with one peer: the one that is kept, and those that silence has not ended yet
const connectionsMax = 12;
// of one process: timers of streams, beats, retries and deadlines
const sleepersPerPeerMax = 400;
// of one cluster in one window: a loop that fails at once and tries again says far more
const eventsPerWindowMax = 1_500;
// beside them: a hub whose links all end in one moment says a few words about each
const eventsPerPeerMax = 20;

export interface LoadCheck {
  check(): void;
  /** The most that was ever seen, for whoever sets the bounds. */
  readonly peaks: Readonly<Record<'dials' | 'connections' | 'sleepers' | 'events', number>>;
}

export function createLoadCheck(
  needs: InvariantNeeds & { breaks(sentence: string): void },
): LoadCheck {
  const { clusters, network, trace, nowMs, breaks } = needs;
  const peaks = { dials: 0, connections: 0, sleepers: 0, events: 0 };
  const dials = new Map<string, number>();
  let window = 0;
  let told = 0;
  const pairs = (): readonly (readonly [string, string])[] =>
    clusters.flatMap(({ name: from }) =>
      clusters.filter(({ name }) => name !== from).map(({ name: to }) => [from, to] as const),
    );
  const noteMost = (what: keyof typeof peaks, found: number, max: number): boolean => {
    peaks[what] = Math.max(peaks[what], found);
    return found > max;
  };
  const checkWindow = (): void => {
    for (const [from, to] of pairs()) {
      const now = network().dials(from, to);
      const dialled = now - (dials.get(`${from} ${to}`) ?? 0);
      dials.set(`${from} ${to}`, now);
      if (noteMost('dials', dialled, dialsPerWindowMax)) {
        breaks(`${from} dialled ${to} ${dialled} times within ${windowMs} ms`);
      }
    }
    const counts = new Map<string, number>();
    for (const { cluster } of trace.events.slice(told)) {
      counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
    }
    told = trace.events.length;
    const eventsMax = eventsPerWindowMax + eventsPerPeerMax * (clusters.length - 1);
    for (const [name, events] of counts) {
      if (noteMost('events', events, eventsMax)) {
        breaks(`${name} had ${events} things to say within ${windowMs} ms`);
      }
    }
  };
  return {
    peaks,
    check() {
      for (const [from, to] of pairs()) {
        const { connections } = network().load(from, to);
        if (noteMost('connections', connections, connectionsMax)) {
          breaks(`${from} has ${connections} connections with ${to}`);
        }
      }
      const sleepersMax = sleepersPerPeerMax * clusters.length;
      for (const { name, sleepers } of clusters) {
        if (noteMost('sleepers', sleepers, sleepersMax)) {
          breaks(`${sleepers} things of ${name} wait for their time`);
        }
      }
      if (nowMs() - window >= windowMs) {
        window = nowMs();
        checkWindow();
      }
    },
  };
}
