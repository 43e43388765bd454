// What the rooms of planes share: their bounds, and what is kept of one node's and one session's.
import type {
  Carrier,
  Clock,
  ClusterId,
  Codec,
  Edge,
  Log,
  NodeId,
  Random,
  Spoken,
} from '@hansa/foundation';
import type { DataPlane, PlaneConnection } from './planes-driver.ts';
import type { Meter } from './planes-meter.ts';
import type { PlaneTraffic } from './wire.ts';
import type { TicketBook, TicketRefusal } from './planes-tickets.ts';

export interface PlaneLimits {
  /** Less than this within `idleMs` is not worth a handshake. */
  readonly worthBytes: number;
  readonly budgetBytes: number;
  readonly idleMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How long a large transfer waits for its plane before it begins without. */
  readonly waitMs: number;
}

export const planeLimits: PlaneLimits = {
  worthBytes: 256 * 1_024, // iroh moves it in the time that a handshake takes
  // half of the largest blob: an hour at the least, so that a new ticket costs nothing
  budgetBytes: 16 * 1_024 * 1_024 * 1_024,
  idleMs: 60_000, // a busy mirror keeps its plane, one that is quiet for so long frees the sockets
  retryMinMs: 1_000,
  retryMaxMs: 300_000, // a firewall that drops everything is tried twelve times an hour
  waitMs: 2_000, // more than a handshake over the slowest path, less than a person notices
};

/** What is handed over when a ticket is used. */
export interface PlanePurpose {
  /** The link is still the one that the ticket was made for. */
  isStill(): boolean;
  admitted(connection: PlaneConnection): void;
}

export interface PlanesNeeds {
  /** Absent where everything stays on the link. */
  readonly plane?: DataPlane | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly log: Log;
  readonly edge: Edge;
  /** Of the link with the peer; undefined where there is none or it was closed. */
  epochOf(peer: ClusterId): number | undefined;
  /** Where the link itself reaches that node. */
  hintsOf(peer: ClusterId, node: NodeId): readonly string[];
  readonly limits?: Partial<PlaneLimits> | undefined;
}

export interface PlaneSession {
  readonly peer: ClusterId;
  readonly node: NodeId;
  readonly traffic: PlaneTraffic;
  /** What the peer serves, in which versions. */
  readonly spoken?: Spoken | undefined;
  readonly control: Carrier;
  /** Over the link's own stream, which the meter counts. */
  readonly own: Carrier;
  readonly meter: Meter;
  readonly closed: Promise<unknown>;
}

export type RefusedWhy = TicketRefusal | 'silent' | 'link changed';

/** One node's planes. */
export interface Hall extends PlanesNeeds {
  readonly limits: PlaneLimits;
  readonly book: TicketBook<PlanePurpose>;
  readonly refused: Map<RefusedWhy, number>;
}

export interface Plane {
  readonly connection: PlaneConnection;
  readonly asks: boolean;
  readonly carrier: Carrier;
  readonly meter: Meter;
  readonly budgetBytes: number;
  readonly sinceMs: number;
  /** Aborted with its stream, before whoever asked on it is told. */
  readonly over: AbortController;
  /** Calls of ours that are under way on it. */
  calls: number;
  /** Set where we end it ourselves, in good order: no request is made on it any more. */
  leaving: string | undefined;
}

/** One session's, for one class of its traffic. */
export interface Road extends Hall {
  readonly session: PlaneSession;
  readonly ending: AbortController;
  readonly planes: Set<Plane>;
  /** Over all its planes. */
  readonly total: Meter;
  opening: Promise<void> | undefined;
  failures: number;
  retryAtMs: number;
  /** Bytes of the session's own stream that are no reason to open a plane any more. */
  excusedBytes: number;
  excusedMs: number;
  /** Why it is not on a plane. */
  reason: string;
}

/** What the session’s own stream has carried. */
export function ownBytes({ session }: Road): number {
  return session.meter.sentBytes + session.meter.receivedBytes;
}
