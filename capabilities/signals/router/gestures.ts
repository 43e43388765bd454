// Gestures: a start, any number of moves, an end. Moves are told at most once in a screen's frame,
// the newest alone; the first after a pause at once, so that coalescing costs no delay. A gesture
// whose session leaves, or that nobody ends, is cancelled: no subscriber keeps a finger pressed.
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import { ownBytes } from '../frames/frame-writer.ts';
import type { PublishMessage } from '../frames/messages.ts';
import type { Core } from './core.ts';
import type { Fanout } from './fanout.ts';
import { routerLimits } from './limits.ts';
import type { Session } from './session.ts';
import type { Timer } from './timers.ts';

export interface Gestures {
  publish(session: Session, message: PublishMessage, frame: Uint8Array): void;
  /** Ends what the session had begun. */
  left(session: Session): void;
}

interface Gesture {
  readonly session: Session;
  readonly key: string;
  readonly address: string;
  readonly id: number | undefined;
  /** The move that waits, as a frame. */
  waiting: Uint8Array | undefined;
  toldMs: number;
  heardMs: number;
  flushing: Timer | undefined;
  idling: Timer | undefined;
}

export function createGestures(core: Core, fanout: Fanout): Gestures {
  return new GestureBook(core, fanout);
}

class GestureBook implements Gestures {
  readonly #core: Core;
  readonly #fanout: Fanout;
  readonly #bySession = new Map<Session, Map<string, Gesture>>();

  constructor(core: Core, fanout: Fanout) {
    this.#core = core;
    this.#fanout = fanout;
  }

  publish(session: Session, message: PublishMessage, frame: Uint8Array): void {
    const key = keyOf(message.address, message.id);
    const gesture = this.#bySession.get(session)?.get(key);
    if (message.phase === 'move' && gesture !== undefined) {
      this.#move(gesture, frame);
      return;
    }
    if (gesture !== undefined) {
      this.#forget(gesture);
    }
    if (message.phase === 'start' || message.phase === undefined) {
      this.#begin(session, message);
    }
    this.#forward(session, message, frame);
  }

  left(session: Session): void {
    this.#bySession.get(session)?.forEach((gesture) => this.#cancel(gesture));
  }

  #begin(session: Session, { address, id }: PublishMessage): void {
    const own = this.#bySession.get(session) ?? new Map<string, Gesture>();
    if (own.size >= routerLimits.gesturesMax) {
      return; // its moves pass as they come
    }
    this.#bySession.set(session, own);
    const gesture: Gesture = {
      session,
      key: keyOf(address, id),
      address,
      id,
      waiting: undefined,
      toldMs: Number.NEGATIVE_INFINITY,
      heardMs: this.#core.clock.monotonicMs(),
      flushing: undefined,
      idling: undefined,
    };
    own.set(gesture.key, gesture);
    this.#idle(gesture);
  }

  #move(gesture: Gesture, frame: Uint8Array): void {
    const nowMs = this.#core.clock.monotonicMs();
    gesture.heardMs = nowMs;
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
      this.#forward(gesture.session, message, waiting);
    }
  }

  #forget(gesture: Gesture): void {
    this.#flush(gesture);
    gesture.idling?.cancel();
    const own = this.#bySession.get(gesture.session);
    own?.delete(gesture.key);
    if (own?.size === 0) {
      this.#bySession.delete(gesture.session);
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
    this.#forward(gesture.session, message, encodeFrame(message));
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

  #forward(session: Session, message: PublishMessage, frame: Uint8Array): void {
    const origin = { writer: session.id };
    this.#fanout.publish(message, { frame, origin, except: session });
  }
}

/** A gesture without an id is the one with id 0. */
function keyOf(address: string, id: number | undefined): string {
  return `${id ?? 0} ${address}`;
}
