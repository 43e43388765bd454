// Gestures: a start, any number of moves, an end. Moves are told at most once in a screen's frame,
// the newest alone; the first after a pause at once, so that coalescing costs no delay. A gesture
// whose session or router leaves, or that nobody ends, is cancelled: no subscriber keeps a finger
// pressed. Where it goes is its caller's business: to subscribers, or to the router that judges it.
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import { ownBytes } from '../frames/frame-writer.ts';
import type { PublishMessage } from '../frames/messages.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import type { Session } from './session.ts';
import type { Timer } from './timers.ts';

/** Takes what is left when moves have been gathered; `isOurs` where no session sent it. */
export type Forward = (message: PublishMessage, frame: Uint8Array, isOurs?: boolean) => void;

/** Whose it is. */
export interface Hand {
  /** A session, whose moves are gathered here; or a router by its id, where they were already. */
  readonly from: Session | string;
  /** Among those that a router speaks for. */
  readonly writer: string;
}

export interface Gestures {
  publish(hand: Hand, message: PublishMessage, framed: Framed): void;
  /** It was refused: where it would have ended a gesture, that one is cancelled instead. */
  refused(session: Session, message: PublishMessage): void;
  /** Ends what the session had begun. */
  left(session: Session): void;
  /** Ends what came from routers that are gone. */
  lost(isGone: (router: string) => boolean): void;
}

export interface Framed {
  readonly frame: Uint8Array;
  readonly forward: Forward;
}

/** All that one hand does. */
interface Begun {
  readonly hand: Hand;
  readonly gestures: Map<string, Gesture>;
}

interface Gesture {
  readonly begun: Begun;
  readonly key: string;
  readonly address: string;
  readonly id: number | undefined;
  /** As its last message says: whose the address is may have changed. */
  forward: Forward;
  /** The move that waits, as a frame. */
  waiting: Uint8Array | undefined;
  toldMs: number;
  heardMs: number;
  flushing: Timer | undefined;
  idling: Timer | undefined;
}

export function createGestures(core: Core): Gestures {
  return new GestureBook(core);
}

class GestureBook implements Gestures {
  readonly #core: Core;
  /** By session, or by router and writer. */
  readonly #begun = new Map<Session | string, Begun>();
  /** Gestures of each router's sessions. */
  readonly #ofRouters = new Map<string, number>();
  #ofAllRouters = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  publish(hand: Hand, message: PublishMessage, framed: Framed): void {
    const gesture = this.#begun.get(placeOf(hand))?.gestures.get(keyOf(message));
    if (message.phase === 'move' && gesture !== undefined) {
      this.#move(gesture, message, framed);
      return;
    }
    if (gesture !== undefined) {
      this.#forget(gesture);
    }
    // Of a router's the start may have been lost, or taken for the last of it, where a link broke.
    const isAfar = typeof hand.from === 'string' && message.phase === 'move';
    if (isAfar || message.phase === 'start' || message.phase === undefined) {
      this.#begin(hand, message, framed.forward);
    }
    framed.forward(message, framed.frame);
  }

  refused(session: Session, message: PublishMessage): void {
    const gesture = this.#begun.get(session)?.gestures.get(keyOf(message));
    if (gesture !== undefined && message.phase !== 'move') {
      this.#cancel(gesture);
    }
  }

  left(session: Session): void {
    this.#begun.get(session)?.gestures.forEach((gesture) => this.#cancel(gesture));
  }

  lost(isGone: (router: string) => boolean): void {
    for (const { hand, gestures } of this.#begun.values()) {
      if (typeof hand.from === 'string' && isGone(hand.from)) {
        gestures.forEach((gesture) => this.#cancel(gesture));
      }
    }
  }

  #begin(hand: Hand, message: PublishMessage, forward: Forward): void {
    const begun = this.#begun.get(placeOf(hand)) ?? { hand, gestures: new Map() };
    if (begun.gestures.size >= routerLimits.gesturesMax || !this.#hasRoom(hand)) {
      return; // its moves pass as they come
    }
    this.#begun.set(placeOf(hand), begun);
    const gesture: Gesture = {
      begun,
      key: keyOf(message),
      address: message.address,
      id: message.id,
      forward,
      waiting: undefined,
      toldMs: Number.NEGATIVE_INFINITY,
      heardMs: this.#core.clock.monotonicMs(),
      flushing: undefined,
      idling: undefined,
    };
    begun.gestures.set(gesture.key, gesture);
    this.#count(hand, 1);
    this.#idle(gesture);
  }

  #hasRoom({ from }: Hand): boolean {
    if (typeof from !== 'string') {
      return true;
    }
    const { routerGesturesMax, routersGesturesMax } = routerLimits;
    const own = this.#ofRouters.get(from) ?? 0;
    return own < routerGesturesMax && this.#ofAllRouters < routersGesturesMax;
  }

  #count({ from }: Hand, more: number): void {
    if (typeof from !== 'string') {
      return;
    }
    this.#ofAllRouters += more;
    const own = (this.#ofRouters.get(from) ?? 0) + more;
    if (own > 0) {
      this.#ofRouters.set(from, own);
    } else {
      this.#ofRouters.delete(from);
    }
  }

  #move(gesture: Gesture, message: PublishMessage, { frame, forward }: Framed): void {
    const nowMs = this.#core.clock.monotonicMs();
    gesture.heardMs = nowMs;
    gesture.forward = forward;
    if (typeof gesture.begun.hand.from === 'string') {
      forward(message, frame);
      return;
    }
    gesture.waiting = ownBytes(frame);
    const mayMs = gesture.toldMs + routerLimits.gestureFlushMs;
    if (mayMs <= nowMs) {
      this.#flush(gesture);
    } else {
      // Not moved by later moves: a steady hand would otherwise postpone it for ever.
      gesture.flushing ??= this.#core.timers.at(mayMs, () => this.#flush(gesture));
    }
  }

  #flush(gesture: Gesture): void {
    const { waiting } = gesture;
    gesture.flushing?.cancel();
    gesture.flushing = undefined;
    gesture.waiting = undefined;
    const message = waiting && decodeFrame(waiting).message;
    if (waiting !== undefined && message?.type === 'publish') {
      gesture.toldMs = this.#core.clock.monotonicMs();
      gesture.forward(message, waiting);
    }
  }

  #forget(gesture: Gesture): void {
    this.#flush(gesture);
    gesture.idling?.cancel();
    const { hand, gestures } = gesture.begun;
    gestures.delete(gesture.key);
    this.#count(hand, -1);
    if (gestures.size === 0) {
      this.#begun.delete(placeOf(hand));
    }
  }

  #cancel(gesture: Gesture): void {
    this.#forget(gesture);
    const { address, id } = gesture;
    const message: PublishMessage = {
      type: 'publish',
      address,
      signal: 'gesture',
      phase: 'cancel',
      timestamp: this.#core.nowUs(),
      ...(id === undefined ? {} : { id }),
    };
    gesture.forward(message, encodeFrame(message), true);
  }

  #idle(gesture: Gesture): void {
    const { clock, timers } = this.#core;
    gesture.idling = timers.at(gesture.heardMs + routerLimits.gestureIdleMs, () => {
      if (gesture.heardMs + routerLimits.gestureIdleMs <= clock.monotonicMs()) {
        this.#cancel(gesture);
      } else {
        this.#idle(gesture);
      }
    });
  }
}

function placeOf({ from, writer }: Hand): Session | string {
  return typeof from === 'string' ? `${from}\0${writer}` : from;
}

/** A gesture without an id is the one with id 0. */
function keyOf({ address, id }: PublishMessage): string {
  return `${id ?? 0} ${address}`;
}
