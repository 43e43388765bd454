// A param as the router holds it, and what is asked of one. The records are changed in place: there
// may be a hundred thousand of them, and each is written many times a second.
import type { WireValue } from '../frames/messages.ts';
import type { Timer } from './timers.ts';

/** How writes of several are brought together at one address. */
export type Strategy = 'lww' | 'max' | 'min' | 'first' | 'lock' | 'merge';

export interface Param {
  readonly address: string;
  /** In UTF-8. */
  readonly addressBytes: number;
  /** Where this address came among all: a snapshot ends with what was there when it began. */
  born: number;
  readonly strategy: Strategy;
  value: WireValue;
  revision: number;
  /** The session that wrote it last. */
  writer: string;
  /** The subject whose share of places it takes. */
  readonly maker: string | undefined;
  /** Microseconds since 1970, by the server's clock. */
  timestamp: number;
  /** The session that holds the lock. */
  holder: string | undefined;
  /** As on the wire; undefined where none was ever given. */
  ttl: number | undefined;
  /** The link that the last write came over; undefined for a session of our own. */
  link: string | undefined;
  /** On `clock.monotonicMs`. */
  accessedMs: number;
  deadlineMs: number;
  /** Looks whether its time is over, no later than at its deadline. */
  sweep: Timer | undefined;
  /** Lapsed or evicted: whoever still holds the record leaves it alone. */
  gone: boolean;
}

/** One SET, as it is judged. */
export interface ParamWrite {
  readonly address: string;
  readonly value: WireValue;
  /** The revision that the writer knows; a write after another one is refused. */
  readonly expected?: number | undefined;
  readonly lock: boolean;
  readonly unlock: boolean;
  readonly ttl?: number | undefined;
  readonly writer: string;
  /** Whose share of places a new address takes; undefined: nobody's. */
  readonly maker?: string | undefined;
  /** Set where it is a change of another router's, which has been judged there. */
  readonly link?: string | undefined;
  /** Its owner has taken it: no lock of anybody here stands against it, and none is left. */
  readonly isOwners?: boolean | undefined;
  /** Of somebody who is not here, and whose leaving nobody would be told: it takes no lock. */
  readonly isAfar?: boolean | undefined;
}

/** Why a write is not taken: what the ERROR says. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly address?: string | undefined;
}

export function isRefusal(outcome: object): outcome is Refusal {
  return 'code' in outcome;
}
