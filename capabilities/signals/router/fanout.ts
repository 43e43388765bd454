// Tells all who are subscribed. One frame is made and shared by all of them; each is told once.
import { encodeFrame } from '../frames/encode.ts';
import type { PublishMessage, WireValue } from '../frames/messages.ts';
import { numberOf } from '../frames/values.ts';
import type { Core, PublishOrigin, SignalChange } from './core.ts';
import type { Param, ParamWrite } from './param.ts';
import { typeBit, type Route } from './routes.ts';
import { hears, type Session } from './session.ts';

const paramBit = typeBit('param');

/** What is told of a PUBLISH beside its message. */
export interface Telling {
  readonly frame: Uint8Array;
  readonly origin: PublishOrigin;
  /** The one who is not told. */
  readonly except: Session | undefined;
}

/** What is told of a SET, where it is not what the param is now; and whom not. */
export interface SetTelling {
  readonly value?: WireValue;
  readonly revision?: number;
  readonly except?: Session | undefined;
}

export interface Fanout {
  /** A write that was taken; the writer is told like everybody. */
  set(param: Param, write: ParamWrite, telling?: SetTelling): void;
  publish(message: PublishMessage, telling: Telling): void;
}

/** The param as a SET of now: for those who are told late. */
export function frameOf(param: Param): Uint8Array {
  const { address, value, revision, holder, ttl } = param;
  const lock = holder !== undefined;
  return encodeFrame({ type: 'set', address, value, revision, lock, unlock: false, ttl });
}

export function createFanout(core: Core): Fanout {
  return {
    set(param, write, { value = param.value, revision = param.revision, except } = {}) {
      const { address } = param;
      const { lock, unlock, ttl } = write;
      const frame = encodeFrame({ type: 'set', address, value, revision, lock, unlock, ttl });
      remember(core, { address, signal: 'param', author: write.writer, frame });
      let number: number | undefined;
      let isRead = false;
      for (const route of core.routes.to(address)) {
        if (route.session === except || !hears(route.session, address)) {
          continue;
        }
        if ((route.plain & paramBit) !== 0) {
          route.session.outbox.param(param, frame);
        } else if ((route.limited & paramBit) !== 0) {
          number = isRead ? number : numberOf(value);
          isRead = true;
          const passing = { key: address, bit: paramBit, frame, number, param };
          route.session.gates.pass(route.limits, passing);
        }
      }
      tell(core, { kind: 'set', param, write }, frame);
    },
    publish(message, telling) {
      const { address, signal } = message;
      const { frame, origin, except } = telling;
      remember(core, { address, signal, author: origin.writer, frame });
      const send = senderOf(core, message, frame);
      const bit = typeBit(signal);
      for (const route of core.routes.to(address)) {
        const wants = ((route.plain | route.limited) & bit) !== 0;
        if (wants && route.session !== except && hears(route.session, address)) {
          send(route, bit);
        }
      }
      tell(core, { kind: 'publish', message, origin }, frame);
    },
  };
}

/** Worth nothing when it is late. */
export function isFleeting(core: Core, { signal, phase, address }: PublishMessage): boolean {
  if (signal === 'stream' || signal === 'gesture') {
    return signal === 'stream' || phase === 'move';
  }
  return core.eventPolicyOf(address) !== 'keep';
}

type Send = (route: Route<Session>, bit: number) => void;

/** How a message of its kind is sent to a session that is slow, or wants it seldom. */
function senderOf(core: Core, message: PublishMessage, frame: Uint8Array): Send {
  const { signal, address, phase } = message;
  const isMove = signal === 'gesture' && phase === 'move';
  if (signal === 'stream' || isMove) {
    const key = isMove ? gestureKey(message) : `${address}\0stream`;
    const number = message.value === undefined ? undefined : numberOf(message.value);
    return ({ session, plain, limits }, bit) => {
      if ((plain & bit) !== 0) {
        session.outbox.fleeting(frame);
      } else {
        session.gates.pass(limits, { key, bit, frame, number });
      }
    };
  }
  if (signal === 'gesture') {
    const key = gestureKey(message);
    return ({ session }) => {
      session.gates.flush(key); // its last move comes before its end
      session.outbox.event(frame);
    };
  }
  return isFleeting(core, message)
    ? ({ session }) => session.outbox.fleeting(frame)
    : ({ session }) => session.outbox.event(frame);
}

/** Keys of gates: those of params are their addresses, in which no NUL is allowed. */
function gestureKey({ address, id }: PublishMessage): string {
  return `${address}\0gesture ${id ?? 0}`;
}

interface Remembered {
  readonly address: string;
  readonly signal: PublishMessage['signal'] | 'param';
  readonly author: string;
  readonly frame: Uint8Array;
}

function remember({ journal, nowUs }: Core, entry: Remembered): void {
  if (journal?.wants(entry.address) === true) {
    journal.append({ ...entry, timestamp: nowUs() });
  }
}

function tell(core: Core, change: SignalChange, frame: Uint8Array): void {
  for (const listener of core.listeners) {
    try {
      listener(change, frame);
    } catch (error) {
      // Whoever carries changes on must not keep the router from its work.
      core.log.problem('signal-listener.failed', error);
    }
  }
}
