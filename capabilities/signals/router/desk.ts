// Which room answers which message; and what each of them frees when a session leaves.
import { isHansaError } from '@hansa/foundation';
import { encodeFrame, relayedFrame } from '../frames/encode.ts';
import { signalErrors, type PublishMessage, type SignalFrame } from '../frames/messages.ts';
import type { Announcing } from './announcing.ts';
import type { Bundles } from './bundles.ts';
import type { Core, PeerDesk } from './core.ts';
import type { Forward, Gestures } from './gestures.ts';
import { errorFrame, type Publishing } from './publishing.ts';
import type { Replaying } from './replaying.ts';
import type { Session } from './session.ts';
import type { Watching } from './watching.ts';
import type { Writing } from './writing.ts';

export interface Rooms {
  readonly core: Core;
  readonly watching: Watching;
  readonly writing: Writing;
  readonly publishing: Publishing;
  readonly gestures: Gestures;
  readonly announcing: Announcing;
  readonly bundles: Bundles;
  readonly replaying: Replaying;
  readonly peers: PeerDesk | undefined;
}

export interface Desk {
  welcomed(session: Session): void;
  received(session: Session, frame: SignalFrame): void;
  left(session: Session): void;
  /** What WELCOME tells a peer; undefined where none is taken. */
  readonly peerToken: string | undefined;
}

const pong = encodeFrame({ type: 'pong' });

export function createDesk(rooms: Rooms): Desk {
  const { core, watching } = rooms;
  return {
    peerToken: rooms.peers?.token,
    welcomed: (session) => watching.welcome(session),
    received(session, frame) {
      try {
        receive(rooms, session, frame);
      } catch (error) {
        answerFault(core, session, error);
      }
    },
    left(session) {
      // First what the others are still to be told of, then what they are told by.
      rooms.gestures.left(session);
      rooms.bundles.left(session);
      rooms.announcing.left(session);
      rooms.peers?.left(session);
      watching.left(session);
      core.params.release(session.id);
    },
  };
}

/** Only what the old encoding says more briefly than ours can be too large to pass on. */
function answerFault(core: Core, session: Session, error: unknown): void {
  if (isHansaError(error, 'SIGNAL_FRAME_TOO_LARGE')) {
    refuse(session, signalErrors.value, 'the value is too large for a frame');
    return;
  }
  core.log.problem('signal-message.failed', error, { session: session.id });
  refuse(session, signalErrors.internal, 'the router failed at this message');
}

function receive(rooms: Rooms, session: Session, frame: SignalFrame): void {
  const { message } = frame;
  if (session.isPeer && rooms.peers?.takes(session, frame) === true) {
    return;
  }
  switch (message.type) {
    case 'set':
      if (rooms.peers?.isElsewhere(session, message.address) === true) {
        rooms.peers.carry(session, message);
      } else {
        rooms.writing.set(session, message);
      }
      return;
    case 'publish':
      publish(rooms, session, { message, frame });
      return;
    case 'bundle':
      rooms.bundles.bundle(session, message, frame);
      return;
    case 'ping':
      session.outbox.reply(pong);
      return;
    default:
      ask(rooms, session, frame);
  }
}

/** What comes seldom. What only a router sends is passed over. */
function ask(rooms: Rooms, session: Session, { message }: SignalFrame): void {
  switch (message.type) {
    case 'subscribe':
      rooms.watching.subscribe(session, message);
      return;
    case 'unsubscribe':
      rooms.watching.unsubscribe(session, message.id);
      return;
    case 'get':
      rooms.watching.get(session, message.address);
      return;
    case 'announce':
      rooms.announcing.announce(session, message);
      return;
    case 'query':
      rooms.announcing.query(session, message.pattern);
      return;
    case 'replay':
      rooms.replaying(session, message);
      return;
    case 'sync':
      sync(rooms.core, session, message);
      return;
    case 'federation':
      federate(rooms, session, message);
      return;
    case 'hello':
      refuse(session, signalErrors.message, 'the session has been welcomed already');
      return;
    default:
  }
}

interface Publication {
  readonly message: PublishMessage;
  readonly frame: SignalFrame;
}

function publish(rooms: Rooms, session: Session, { message, frame }: Publication): void {
  const { core, publishing, peers } = rooms;
  if (peers?.isElsewhere(session, message.address) === true) {
    carry(rooms.gestures, { session, peers }, { message, frame });
    return;
  }
  const refusal = publishing.refusal(session, message);
  if (refusal === undefined) {
    publishing.publish(session, message, relayedFrame(frame));
  } else {
    core.figures.refused += 1;
    if (message.signal === 'gesture') {
      rooms.gestures.refused(session, message);
    }
    session.outbox.reply(errorFrame(refusal));
  }
}

/** Moves are gathered before they go a long way, and who leaves ends there what it began here. */
function carry(
  gestures: Gestures,
  { session, peers }: { readonly session: Session; readonly peers: PeerDesk },
  { message, frame }: Publication,
): void {
  const forward: Forward = (told, _frame, isOurs) => peers.carry(session, told, isOurs);
  if (message.signal === 'gesture') {
    const hand = { from: session, writer: session.id };
    gestures.publish(hand, message, { frame: relayedFrame(frame), forward });
  } else {
    peers.carry(session, message);
  }
}

/** An answer that somebody else gave asks for nothing. */
function sync(core: Core, session: Session, { t1, t2, t3 }: SyncTimes): void {
  if (t2 === undefined && t3 === undefined) {
    const now = core.nowUs();
    session.outbox.reply(encodeFrame({ type: 'sync', t1, t2: now, t3: now }));
  }
}

interface SyncTimes {
  readonly t1: number;
  readonly t2?: number | undefined;
  readonly t3?: number | undefined;
}

function federate(
  { peers }: Rooms,
  session: Session,
  message: Parameters<PeerDesk['received']>[1],
): void {
  if (peers === undefined) {
    refuse(session, signalErrors.refused, 'this router takes no federation peers');
  } else if (!session.isPeer) {
    refuse(session, signalErrors.refused, 'FederationSync requires federation feature');
  } else {
    peers.received(session, message);
  }
}

function refuse(session: Session, code: number, message: string): void {
  session.outbox.reply(errorFrame({ code, message }));
}
