// Gestures: a start, any number of moves, an end. Moves are told at most once in a screen's frame,
// the newest alone; the first after a pause at once, so that coalescing costs no delay. A gesture
// whose session leaves, or that nobody ends, is cancelled: no subscriber keeps a finger pressed.
import { encodeFrame } from '../frames/encode.ts';
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
  /** The move that waits. */
  waiting: { readonly message: PublishMessage; readonly frame: Uint8Array } | undefined;
  toldMs: number;
  heardMs: number;
  flushing: Timer | undefined;
  idling: Timer | undefined;
}

export function createGestures(core: Core, fanout: Fanout): Gestures {
  const { clock, timers } = core;
  const bySession = new Map<Session, Map<string, Gesture>>();

  const forward = (session: Session, message: PublishMessage, frame: Uint8Array): void =>
    fanout.publish(message, { frame, origin: { writer: session.id }, except: session });

  const flush = (gesture: Gesture): void => {
    const { waiting } = gesture;
    gesture.flushing?.cancel();
    gesture.flushing = undefined;
    gesture.waiting = undefined;
    if (waiting !== undefined) {
      gesture.toldMs = clock.monotonicMs();
      forward(gesture.session, waiting.message, waiting.frame);
    }
  };
  const forget = (gesture: Gesture): void => {
    flush(gesture);
    gesture.idling?.cancel();
    const own = bySession.get(gesture.session);
    own?.delete(gesture.key);
    if (own?.size === 0) {
      bySession.delete(gesture.session);
    }
  };
  const cancel = (gesture: Gesture): void => {
    forget(gesture);
    const { address, id } = gesture;
    const message: PublishMessage = {
      type: 'publish',
      address,
      signal: 'gesture',
      phase: 'cancel',
      timestamp: core.nowUs(),
      ...(id === undefined ? {} : { id }),
    };
    forward(gesture.session, message, encodeFrame(message));
  };
  const idle = (gesture: Gesture): void => {
    const deadlineMs = gesture.heardMs + routerLimits.gestureIdleMs;
    gesture.idling = timers.at(deadlineMs, () => {
      if (gesture.heardMs + routerLimits.gestureIdleMs <= clock.monotonicMs()) {
        cancel(gesture);
      } else {
        idle(gesture);
      }
    });
  };
  const begin = (session: Session, { address, id }: PublishMessage): void => {
    const own = bySession.get(session) ?? new Map<string, Gesture>();
    if (own.size >= routerLimits.gesturesMax) {
      return; // its moves pass as they come
    }
    bySession.set(session, own);
    const gesture: Gesture = {
      session,
      key: keyOf(address, id),
      address,
      id,
      waiting: undefined,
      toldMs: Number.NEGATIVE_INFINITY,
      heardMs: clock.monotonicMs(),
      flushing: undefined,
      idling: undefined,
    };
    own.set(gesture.key, gesture);
    idle(gesture);
  };
  const move = (gesture: Gesture, message: PublishMessage, frame: Uint8Array): void => {
    const nowMs = clock.monotonicMs();
    gesture.heardMs = nowMs;
    gesture.waiting = { message, frame };
    const mayMs = gesture.toldMs + routerLimits.gestureFlushMs;
    if (mayMs <= nowMs) {
      flush(gesture);
    } else {
      // Not moved by later moves: a steady hand would otherwise postpone it for ever.
      gesture.flushing ??= timers.at(mayMs, () => flush(gesture));
    }
  };
  return {
    publish(session, message, frame) {
      const gesture = bySession.get(session)?.get(keyOf(message.address, message.id));
      if (message.phase === 'move' && gesture !== undefined) {
        move(gesture, message, frame);
        return;
      }
      if (gesture !== undefined) {
        forget(gesture);
      }
      if (message.phase === 'start' || message.phase === undefined) {
        begin(session, message);
      }
      forward(session, message, frame);
    },
    left(session) {
      for (const gesture of [...(bySession.get(session)?.values() ?? [])]) {
        cancel(gesture);
      }
    },
  };
}

/** A gesture without an id is the one with id 0. */
function keyOf(address: string, id: number | undefined): string {
  return `${id ?? 0} ${address}`;
}
