// Beside the link: for the state and the bulk of every session a road that takes requests over a
// data plane where one is up, and over the session's own stream where none is. Whoever asks opens
// the plane; on it one side asks and the other answers. Words: protocol/planes.md.
import {
  abortable,
  deadline,
  HansaError,
  reportOf,
  type AnyContract,
  type Carrier,
} from '@hansa/foundation';
import { backOff, isBusy, leave, start, usable, view } from './planes-carrying.ts';
import { planeGreetingMs, type PlaneConnection } from './planes-driver.ts';
import { createMeter } from './planes-meter.ts';
import { askForPlane, dialBack } from './planes-opening.ts';
import {
  planeLimits,
  type Hall,
  type PlanePurpose,
  type PlaneSession,
  type PlanesNeeds,
  type RefusedWhy,
  type Road,
} from './planes-road.ts';
import { createTicketBook } from './planes-tickets.ts';
import type { RoadView } from './planes-view.ts';
import type { LinkPeer, PlaneOffer } from './wire.ts';

export interface PlaneRoad {
  /** Takes every request the way that is best just then. */
  readonly carrier: Carrier;
  /** That way itself, for what lasts: another one once it has moved. */
  readonly best: Carrier;
  /** So much is about to be asked for: resolves when a plane is up, or is not worth waiting for. */
  expect(bytes: number): Promise<void>;
  /** What the peer asks of us. */
  offer(input: Parameters<LinkPeer['plane']>[0]): PlaneOffer;
  dialBack(input: Parameters<LinkPeer['planeBack']>[0], signal: AbortSignal): Promise<void>;
  view(): RoadView;
}

export interface Planes {
  join(session: PlaneSession): PlaneRoad;
  /** Refused connections by reason, since the start. */
  readonly refused: ReadonlyMap<RefusedWhy, number>;
}

export function createPlanes(needs: PlanesNeeds): Planes {
  const hall: Hall = {
    ...needs,
    limits: { ...planeLimits, ...needs.limits },
    book: createTicketBook<PlanePurpose>(needs),
    refused: new Map(),
  };
  needs.plane?.open({
    expectsAnybody: () => hall.book.size > 0,
    expects: (node) => hall.book.expects(node),
    arrived: (connection) => greet(hall, connection),
  });
  return { join: (session) => join(hall, session), refused: hall.refused };
}

/** Whoever dialled us shows the ticket first; nothing else is read before. */
async function greet(hall: Hall, connection: PlaneConnection): Promise<void> {
  const limit = deadline(hall.clock, planeGreetingMs, {
    reason: () => new HansaError('TIMED_OUT', 'no ticket came'),
  });
  const first = await abortable(connection.stream.receive(), limit.signal)
    .catch(() => (limit.signal.aborted ? ('silent' as const) : undefined))
    .finally(() => limit.done());
  if (first === 'silent' || first === undefined) {
    refuse(hall, connection, first ?? 'malformed');
    return;
  }
  const grant = hall.book.redeem(first, connection.remote);
  if (typeof grant === 'string') {
    refuse(hall, connection, grant);
  } else if (!grant.purpose.isStill()) {
    refuse(hall, connection, 'link changed');
  } else {
    connection.admit();
    await connection.stream.send(new Uint8Array(0));
    grant.purpose.admitted(connection);
  }
}

function refuse(hall: Hall, connection: PlaneConnection, why: RefusedWhy): void {
  hall.refused.set(why, (hall.refused.get(why) ?? 0) + 1);
  hall.log.event('plane.refused', { node: connection.remote, why });
  connection.close(`the ticket was refused: ${why}`);
}

function join(hall: Hall, session: PlaneSession): PlaneRoad {
  const road: Road = {
    ...hall,
    session,
    ending: new AbortController(),
    planes: new Set(),
    total: createMeter(hall.clock),
    opening: undefined,
    failures: 0,
    retryAtMs: Number.NEGATIVE_INFINITY,
    excusedBytes: 0,
    excusedMs: hall.clock.monotonicMs(),
    reason:
      hall.plane === undefined
        ? 'this cluster keeps all traffic on the link'
        : 'not much has crossed yet',
  };
  void session.closed.then(() => {
    road.ending.abort(new HansaError('CONNECTION_CLOSED', 'the link is down'));
    [...road.planes].forEach((plane) => leave(plane, 'the link is down'));
  });
  const pick = (): Carrier => {
    const plane = usable(road);
    if (plane === undefined && isBusy(road)) {
      void begin(road);
    }
    return plane?.carrier ?? session.own;
  };
  const carrier: Carrier = {
    call: (contract: AnyContract, ...rest) => pick().call(contract, ...rest),
    watch: (contract: AnyContract, ...rest) => pick().watch(contract, ...rest),
  };
  return {
    carrier,
    get best() {
      return pick();
    },
    async expect(bytes) {
      if (bytes < road.limits.worthBytes || usable(road) !== undefined) {
        return;
      }
      const limit = deadline(road.clock, road.limits.waitMs, {
        reason: () => new HansaError('TIMED_OUT', 'the plane takes its time'),
      });
      await abortable(begin(road), limit.signal).catch(() => undefined);
      limit.done();
    },
    offer: (input) => offer(road, input),
    async dialBack(input, signal) {
      const epoch = requireEpoch(road, input.epoch);
      const connection = await dialBack(road, input, signal);
      requireEpoch(road, epoch);
      const budgetBytes = Math.min(input.budgetBytes, road.limits.budgetBytes);
      start(road, { connection, budgetBytes, asks: false });
    },
    view: () => view(road),
  };
}

/** Opens a plane on which we ask, unless that failed a moment ago; never rejects. */
function begin(road: Road): Promise<void> {
  if (road.opening !== undefined) {
    return road.opening;
  }
  const { plane, clock, ending, session } = road;
  const tooSoon = clock.monotonicMs() < road.retryAtMs;
  if (plane === undefined || tooSoon || ending.signal.aborted) {
    return Promise.resolve();
  }
  const epoch = road.epochOf(session.peer);
  if (epoch === undefined) {
    return Promise.resolve();
  }
  road.opening = askForPlane(road, { plane, epoch })
    .then((agreed) => start(road, { ...agreed, asks: true }))
    .catch((error: unknown) => {
      road.reason = reportOf(error).message;
      backOff(road);
      road.log.event('plane.unopened', { peer: session.peer, reason: road.reason });
    })
    .finally(() => {
      road.opening = undefined;
    });
  return road.opening;
}

/** A ticket for a plane on which the peer asks and we answer. */
function offer(road: Road, input: Parameters<LinkPeer['plane']>[0]): PlaneOffer {
  const epoch = requireEpoch(road, input.epoch);
  const { plane, book, session, limits } = road;
  if (plane === undefined) {
    throw new HansaError('PLANE_OFF', 'the peer keeps all traffic on the link');
  }
  const budgetBytes = Math.min(input.budgetBytes, limits.budgetBytes);
  const ticket = book.issue({
    peer: session.peer,
    node: session.node,
    purpose: {
      isStill: () => !road.ending.signal.aborted && road.epochOf(session.peer) === epoch,
      admitted: (connection) => start(road, { connection, budgetBytes, asks: false }),
    },
  });
  return { ticket, addresses: plane.addresses(), budgetBytes };
}

function requireEpoch(road: Road, epoch: number): number {
  if (road.ending.signal.aborted || road.epochOf(road.session.peer) !== epoch) {
    throw new HansaError('LINK_NOT_FOUND', 'this is not the link that we have with you');
  }
  return epoch;
}
