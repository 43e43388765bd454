// Requests for trust that wait for a person: few, for an hour, one of each cluster. Strangers cost
// nothing to make, so they never keep a linked cluster's request out.
import {
  callingCluster,
  HansaError,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { createBoundedRows } from './bounded-rows.ts';
import {
  requestGapMs,
  requestKeptMs,
  requestsMax,
  type TrustLevels,
  type TrustRequest,
} from './contract.ts';
import { requestSchema, type RequestRecord } from './keys.ts';
import type { TrustPeer } from './wire.ts';

export interface RequestsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Pick<Peers, 'standing'>;
  readonly levels: TrustLevels;
}

export interface Requests {
  readonly peer: TrustPeer;
  /** The oldest first. */
  waiting(): readonly TrustRequest[];
  drop(cluster: ClusterId): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

export function createRequests(needs: RequestsNeeds): Requests {
  const { store, codec, clock, levels, peers } = needs;
  const rows = createBoundedRows({ store, codec, name: 'request', schema: requestSchema });
  const isOver = ({ cluster, requestedMs }: RequestRecord): boolean =>
    levels.level(cluster) !== 'public' || requestedMs + requestKeptMs <= clock.now();
  const waiting = (held: readonly RequestRecord[]): readonly RequestRecord[] =>
    held.filter((each) => !isOver(each)).toSorted((a, b) => a.requestedMs - b.requestedMs);
  const isLinked = ({ cluster }: RequestRecord): boolean =>
    peers.standing(cluster).name !== undefined;

  const wait = (sinceMs: number, ms: number, why: string): HansaError => {
    const retryAfterSeconds = Math.max(1, Math.ceil((sinceMs + ms - clock.now()) / 1_000));
    return new HansaError('RATE_LIMITED', why, { facts: { retryAfterSeconds } });
  };
  /** Who has to go for one more; throws where nobody does. */
  const displaced = (live: readonly RequestRecord[], asking: RequestRecord): ClusterId[] => {
    const others = live.filter(({ cluster }) => cluster !== asking.cluster);
    const [oldest] = others;
    if (oldest === undefined || others.length < requestsMax) {
      return [];
    }
    const stranger = others.find((each) => !isLinked(each));
    if (stranger === undefined || !isLinked(asking)) {
      const why = `${requestsMax} requests wait for an answer here, the most there may be`;
      throw wait(oldest.requestedMs, requestKeptMs, why);
    }
    return [stranger.cluster];
  };
  return {
    peer: {
      async request({ message }, call) {
        const cluster = callingCluster(call);
        if (levels.level(cluster) !== 'public') {
          return {};
        }
        const before = rows.find(cluster);
        const sinceMs = before?.requestedMs ?? Number.NEGATIVE_INFINITY;
        if (clock.now() - sinceMs < requestGapMs && clock.now() >= sinceMs) {
          throw wait(sinceMs, requestGapMs, 'you asked a moment ago; a person has to read it');
        }
        const asking = { cluster, message, requestedMs: clock.now() };
        await rows.change((held) => {
          const over = held.filter(isOver).map((each) => each.cluster);
          const gone = [...over, ...displaced(waiting(held), asking)];
          return { put: [asking], drop: gone.filter((each) => each !== cluster) };
        });
        needs.log.event('trust.requested', { peer: cluster });
        return {};
      },
    },
    waiting: () =>
      waiting(rows.all()).map((record) => {
        const { name } = peers.standing(record.cluster);
        const expiresMs = record.requestedMs + requestKeptMs;
        return { ...record, ...(name === undefined ? {} : { name }), expiresMs };
      }),
    drop: (cluster) =>
      rows.change((held) => ({
        put: [],
        drop: held
          .filter((each) => each.cluster === cluster || isOver(each))
          .map((each) => each.cluster),
      })),
    start: (signal) => rows.start(signal, clock),
  };
}
