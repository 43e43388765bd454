// Tickets for the data plane: each lets one node in once, for one purpose, for ten seconds. They
// live in memory alone: after a restart nobody holds one.
import {
  HansaError,
  toHex,
  type Clock,
  type ClusterId,
  type NodeId,
  type Random,
} from '@hansa/foundation';
import { ticketBytes } from './planes-driver.ts';

export const ticketLifeMs = 10_000; // the handshake over a slow path and one dial back
export const ticketsPerPeerMax = 8; // one plane is opened at a time; the rest are retries
export const ticketsMax = 1_024; // over all peers: a plane for every link at once
const spentKeptMs = 60_000; // so long a refusal can say "used" and not only "unknown"
const spentMax = 4_096; // a few minutes of refusals at the worst

export type TicketRefusal = 'malformed' | 'unknown' | 'used' | 'expired' | 'other node';

/** What one ticket is good for. */
export interface Grant<T> {
  readonly peer: ClusterId;
  /** The node that may use it. */
  readonly node: NodeId;
  /** What it was made for; handed back when it is used. */
  readonly purpose: T;
}

export interface TicketBook<T> {
  /** RATE_LIMITED where too many of the peer's are open. */
  issue(grant: Grant<T>): Uint8Array;
  /** The grant, once; afterwards the ticket is worth nothing, whoever came with it. */
  redeem(ticket: Uint8Array, node: NodeId): Grant<T> | TicketRefusal;
  withdraw(ticket: Uint8Array): void;
  expects(node: NodeId): boolean;
  readonly size: number;
}

interface OpenTicket<T> {
  readonly grant: Grant<T>;
  readonly expiresMs: number;
}

export function createTicketBook<T>(needs: {
  readonly clock: Clock;
  readonly random: Random;
}): TicketBook<T> {
  const { clock, random } = needs;
  const open = new Map<string, OpenTicket<T>>();
  const spent = new Map<string, { readonly why: TicketRefusal; readonly untilMs: number }>();
  const spend = (id: string, why: TicketRefusal): void => {
    open.delete(id);
    spent.set(id, { why, untilMs: clock.monotonicMs() + spentKeptMs });
  };
  // Both maps are in the order of their making, which is the order of their end.
  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [id, { expiresMs }] of open) {
      if (expiresMs > nowMs) {
        break;
      }
      spend(id, 'expired');
    }
    for (const [id, { untilMs }] of spent) {
      if (untilMs > nowMs && spent.size <= spentMax) {
        break;
      }
      spent.delete(id);
    }
  };
  return {
    issue(grant) {
      sweep();
      const theirs = [...open.values()].filter((one) => one.grant.peer === grant.peer);
      if (theirs.length >= ticketsPerPeerMax || open.size >= ticketsMax) {
        throw new HansaError('RATE_LIMITED', 'too many planes are being opened at once');
      }
      const ticket = random.bytes(ticketBytes);
      const expiresMs = clock.monotonicMs() + ticketLifeMs;
      open.set(toHex(ticket), { grant, expiresMs });
      return ticket;
    },
    redeem(ticket, node) {
      sweep();
      if (ticket.length !== ticketBytes) {
        return 'malformed';
      }
      const id = toHex(ticket);
      const found = open.get(id);
      if (found === undefined) {
        return spent.get(id)?.why ?? 'unknown';
      }
      // Also where another came with it: a ticket that went astray is worth nothing any more.
      spend(id, 'used');
      return found.grant.node === node ? found.grant : 'other node';
    },
    withdraw: (ticket) => void open.delete(toHex(ticket)),
    expects(node) {
      sweep();
      return [...open.values()].some(({ grant }) => grant.node === node);
    },
    get size() {
      sweep();
      return open.size;
    },
  };
}
