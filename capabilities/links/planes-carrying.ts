// A plane while it lives: from the moment both sides agreed on it until one of them leaves.
import { createWireSession, wireLimits, type Carrier } from '@hansa/foundation';
import { createMeter, metered, type Meter } from './planes-meter.ts';
import type { PlaneAgreement } from './planes-opening.ts';
import type { RoadView } from './planes-view.ts';
import { ownBytes, type Plane, type Road } from './planes-road.ts';

// requests on their way when the budget is nearly used up: one of 64 chunks
const budgetReserveBytes: number = 64 * 1_024 * 1_024;
const servedMax = 4; // of one peer: the one in use, and those that are just being left
// In which nothing at all came, while a call waited: a path that lost its way says no more.
const silentMs = 10_000;

/** The plane on which the next request is made. */
export function usable(road: Road): Plane | undefined {
  return [...road.planes].find((plane) => plane.asks && isOpen(plane) && !isSpent(plane));
}

function isOpen({ leaving, over }: Plane): boolean {
  return leaving === undefined && !over.signal.aborted;
}

function isSpent({ meter, budgetBytes }: Plane): boolean {
  const reserve = Math.min(budgetReserveBytes, budgetBytes / 2);
  return meter.receivedBytes > budgetBytes - reserve;
}

/** Whether more crosses the session's own stream than is good for it. */
export function isBusy(road: Road): boolean {
  if (road.clock.monotonicMs() - road.excusedMs >= road.limits.idleMs) {
    excuse(road); // what trickles through in hours is no reason
  }
  return ownBytes(road) - road.excusedBytes >= road.limits.worthBytes;
}

function excuse(road: Road): void {
  road.excusedBytes = ownBytes(road);
  road.excusedMs = road.clock.monotonicMs();
}

/** After a failure: the next attempt comes later. */
export function backOff(road: Road): void {
  const { clock, random, limits } = road;
  const waitMs = Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** road.failures);
  road.failures += 1;
  road.retryAtMs = clock.monotonicMs() + waitMs * (0.5 + random.fraction() / 2);
}

export function start(road: Road, agreed: PlaneAgreement & { readonly asks: boolean }): void {
  const { clock, codec, edge, log, session, ending } = road;
  const { connection, budgetBytes, asks } = agreed;
  const { peer: cluster, node } = session;
  if (ending.signal.aborted) {
    connection.close('the link is down');
    return;
  }
  const meter = createMeter(clock);
  const over = new AbortController();
  const stream = metered(connection.stream, {
    clock,
    meters: [meter, road.total],
    budget: { bytes: budgetBytes, way: asks ? 'received' : 'sent' },
  });
  const wire = createWireSession({
    stream: {
      ...stream,
      abort(reason) {
        over.abort();
        stream.abort(reason);
      },
    },
    codec,
    clock,
    ...(asks ? {} : { edge }),
    credential: { proven: { kind: 'cluster', cluster, node }, source: cluster },
    ...(session.spoken === undefined ? {} : { spoken: session.spoken }),
  });
  const plane: Plane = {
    connection,
    asks,
    meter,
    budgetBytes,
    carrier: {
      call: (...asked) => callOn(road, plane, () => wire.carrier.call(...asked)),
      watch: (...asked) => wire.carrier.watch(...asked),
    },
    sinceMs: clock.now(),
    over,
    calls: 0,
    leaving: undefined,
  };
  road.planes.add(plane);
  makeRoom(road);
  log.event('plane.opened', { peer: cluster, asks, dialled: connection.dialled });
  wire.run(ending.signal).then(
    () => connection.close('the plane is over'),
    () => connection.close('the plane broke'),
  );
  void connection.closed.then(({ reason }) => {
    over.abort();
    wire.close(`the plane ended: ${reason}`);
    ended(road, plane, reason);
  });
  void leaveWhenIdle(road, plane);
}

async function callOn(
  road: Road,
  plane: Plane,
  call: () => ReturnType<Carrier['call']>,
): ReturnType<Carrier['call']> {
  const { meter } = plane;
  const sinceMs = road.clock.monotonicMs();
  const { receivedBytes } = meter;
  plane.calls += 1;
  try {
    return await call();
  } catch (error) {
    const waitedMs = road.clock.monotonicMs() - sinceMs;
    if (waitedMs >= silentMs && meter.receivedBytes === receivedBytes) {
      void leaveGently(road, plane, `nothing came over it for ${silentMs / 1_000} s`);
    }
    throw error;
  } finally {
    plane.calls -= 1;
    if (plane.calls === 0 && plane.leaving !== undefined) {
      plane.connection.close(plane.leaving);
    }
  }
}

/** A peer may open as many planes as it likes; we keep the newest. */
function makeRoom({ planes }: Road): void {
  const served = [...planes].filter((plane) => !plane.asks && isOpen(plane));
  const [oldest] = served;
  if (oldest !== undefined && served.length > servedMax) {
    leave(oldest, 'a newer one takes its place');
  }
}

export function leave(plane: Plane, why: string): void {
  plane.leaving ??= why;
  plane.connection.close(why);
}

/** Calls under way are still answered; watches go on elsewhere as soon as it is closed. */
async function leaveGently({ clock }: Road, plane: Plane, why: string): Promise<void> {
  plane.leaving ??= why;
  if (plane.calls > 0) {
    await clock.sleep(wireLimits.callTimeoutMs, plane.over.signal).catch(() => undefined);
  }
  plane.connection.close(why);
}

function ended(road: Road, plane: Plane, reason: string): void {
  const { log, session, limits } = road;
  road.planes.delete(plane);
  const why = plane.leaving ?? reason;
  log.event('plane.closed', { peer: session.peer, asks: plane.asks, reason: why });
  if (!plane.asks) {
    return;
  }
  excuse(road);
  road.reason = why;
  if (plane.leaving === undefined && !isSpent(plane)) {
    // One that carried something is worth a new one soon; one that never did, later and later.
    road.failures = plane.meter.receivedBytes >= limits.worthBytes ? 0 : road.failures;
    backOff(road);
  } else {
    road.failures = 0;
  }
}

async function leaveWhenIdle(road: Road, plane: Plane): Promise<void> {
  const { clock, limits } = road;
  const over = plane.over.signal;
  // Who asks leaves first: to the other side an end that it did not expect looks like a failure.
  const idleMs = plane.asks ? limits.idleMs : 2 * limits.idleMs;
  for (;;) {
    const quietMs = clock.monotonicMs() - plane.meter.busyMs;
    if (over.aborted || quietMs >= idleMs) {
      break;
    }
    await clock.sleep(idleMs - quietMs, over).catch(() => undefined);
  }
  if (!over.aborted) {
    await leaveGently(road, plane, `hardly anything crossed it for ${idleMs / 1_000} s`);
  }
}

export function view(road: Road): RoadView {
  const { planes, session, total, reason } = road;
  const up = [...planes].filter(isOpen);
  const bytes = ({ sentBytes, receivedBytes }: Meter): RoadView['tls'] => ({
    sentBytes,
    receivedBytes,
  });
  const since = Math.min(...up.map(({ sinceMs }) => sinceMs));
  return {
    ...(up.length > 0 ? { carries: 'tls', sinceMs: since } : { carries: 'iroh', reason }),
    tls: bytes(total),
    iroh: bytes(session.meter),
  };
}
