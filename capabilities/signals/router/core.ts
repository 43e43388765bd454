// What the rooms of the router share: the state, who is there, what was chosen.
import type { Clock, Log, Random } from '@hansa/foundation';
import type {
  FederationMessage,
  Feature,
  PublishMessage,
  SetMessage,
  SignalFrame,
} from '../frames/messages.ts';
import type { Journal } from './journal.ts';
import type { Param, ParamWrite, Refusal } from './param.ts';
import type { Params } from './params.ts';
import type { Routes } from './routes.ts';
import type { EventPolicy } from './rules.ts';
import type { Session } from './session.ts';
import type { Timers } from './timers.ts';

export interface Settings {
  readonly name: string;
  readonly features: readonly Feature[];
  /** What they stand for, as a mask. */
  readonly types: number;
  readonly sessionsMax: number;
  readonly messagesPerSecondMax: number;
  readonly sessionIdleMs: number;
  readonly lineBytesMax: number;
}

/** Something that was taken, for whoever carries it on: a link, a store. */
export type SignalChange =
  | { readonly kind: 'set'; readonly param: Param; readonly write: ParamWrite }
  | { readonly kind: 'publish'; readonly message: PublishMessage; readonly origin: PublishOrigin };

export interface PublishOrigin {
  readonly writer: string;
  /** Set where it came over a link from whoever judged it, who tells all others too. */
  readonly link?: string | undefined;
  /** The other router that it came from, or the link where that router has no name. */
  readonly router?: string | undefined;
}

/** `frame` is what subscribers get. */
export type SignalListener = (change: SignalChange, frame: Uint8Array) => void;

/** Stores params behind the router. */
export interface Keeper {
  /** A promise where the ACK has to wait for it: the address is declared durable. */
  kept(param: Param): Promise<void> | undefined;
  removed(address: string): void;
}

/** The desk of other routers: what their messages mean. */
export interface PeerDesk {
  received(session: Session, message: FederationMessage): void;
  left(session: Session): void;
  /** What WELCOME tells a peer beside our name, so that routers of one kind know each other. */
  readonly token: string;
  /** True where a frame of a peer was for the desk alone, and nobody else is to see it. */
  takes(session: Session, frame: SignalFrame): boolean;
  /**
   * Whether a write there is another router's to judge, and can be brought to it. Asked before
   * rights: what one may not write is not carried, and refused like everything.
   */
  isElsewhere(session: Session, address: string): boolean;
  /** On its way there; the session is told what became of it, unless it did not send it. */
  carry(session: Session, message: SetMessage | PublishMessage, isOurs?: boolean): void;
}

/**
 * Why a session may not write there, beyond its own rights; undefined where it may. No session:
 * another router asks.
 */
export type WriteGuard = (
  session: Session | undefined,
  verb: 'SET' | 'PUBLISH',
  address: string,
) => Refusal | undefined;

export interface RouterFigures {
  received: number;
  undecodable: number;
  sets: number;
  publishes: number;
  refused: number;
  rateLimited: number;
}

export interface Core {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timers: Timers;
  readonly settings: Settings;
  readonly params: Params;
  readonly routes: Routes<Session>;
  /** By id; each has been welcomed. */
  readonly sessions: Map<string, Session>;
  readonly listeners: Set<SignalListener>;
  readonly guards: Set<WriteGuard>;
  readonly figures: RouterFigures;
  readonly journal: Journal | undefined;
  readonly keeper: Keeper | undefined;
  readonly eventPolicyOf: (address: string) => EventPolicy;
  /** Microseconds since 1970. */
  readonly nowUs: () => number;
}
