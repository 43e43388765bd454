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

/** Takes what is left of a gesture when its moves have been gathered. */
export type Forward = (message: PublishMessage, frame: Uint8Array) => void;

/** Whose it is. */
export interface Hand {
  /** A session, whose moves are gathered here; or a router by its id, where they were already. */
  readonly from: Session | string;
  /** Among those that a router speaks for. */
  readonly writer: string;
}

export interface Gestures {
  publish(hand: Hand, message: PublishMessage, framed: Framed): void;
  /** Ends what the session had begun. */
  left(session: Session): void;
  /** Ends what came from routers that are gone. */
  lost(isGone: (router: string) => boolean): void;
}

export interface Framed {
  readonly frame: Uint8Array;
  readonly forward: Forward;
}

interface Gesture {
  readonly hand: Hand;
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
  readonly #begun = new Map<Hand['from'], Map<string, Gesture>>();

  constructor(core: Core) {
    this.#core = core;
  }

  publish(hand: Hand, message: PublishMessage, framed: Framed): void {
    const gesture = this.#begun.get(hand.from)?.get(keyOf(hand, message));
    if (message.phase === 'move' && gesture !== undefined) {
      this.#move(gesture, message, framed);
      return;
    }
    if (gesture !== undefined) {
      this.#forget(gesture);
    }
    if (message.phase === 'start' || message.phase === undefined) {
      this.#begin(hand, message, framed.forward);
    }
    framed.forward(message, framed.frame);
  }

  left(session: Session): void {
    this.#begun.get(session)?.forEach((gesture) => this.#cancel(gesture));
  }

  lost(isGone: (router: string) => boolean): void {
    for (const [from, begun] of this.#begun) {
      if (typeof from === 'string' && isGone(from)) {
        begun.forEach((gesture) => this.#cancel(gesture));
      }
    }
  }

  #begin(hand: Hand, message: PublishMessage, forward: Forward): void {
    const { gesturesMax, routerGesturesMax } = routerLimits;
    const begun = this.#begun.get(hand.from) ?? new Map<string, Gesture>();
    if (begun.size >= (typeof hand.from === 'string' ? routerGesturesMax : gesturesMax)) {
      return; // its moves pass as they come
    }
    this.#begun.set(hand.from, begun);
    const gesture: Gesture = {
      hand,
      key: keyOf(hand, message),
      address: message.address,
      id: message.id,
      forward,
      waiting: undefined,
      toldMs: Number.NEGATIVE_INFINITY,
      heardMs: this.#core.clock.monotonicMs(),
      flushing: undefined,
      idling: undefined,
    };
    begun.set(gesture.key, gesture);
    this.#idle(gesture);
  }

  #move(gesture: Gesture, message: PublishMessage, { frame, forward }: Framed): void {
    const nowMs = this.#core.clock.monotonicMs();
    gesture.heardMs = nowMs;
    gesture.forward = forward;
    if (typeof gesture.hand.from === 'string') {
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
    const { from } = gesture.hand;
    const begun = this.#begun.get(from);
    begun?.delete(gesture.key);
    if (begun?.size === 0) {
      this.#begun.delete(from);
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
    gesture.forward(message, encodeFrame(message));
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

/** A gesture without an id is the one with id 0. */
function keyOf({ from, writer }: Hand, { address, id }: PublishMessage): string {
  return typeof from === 'string' ? `${writer}\0${id ?? 0} ${address}` : `${id ?? 0} ${address}`;
}
