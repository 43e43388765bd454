// SET: judged, taken, told to all who are subscribed, acknowledged.
import { encodeFrame } from '../frames/encode.ts';
import { signalErrors, type SetMessage } from '../frames/messages.ts';
import type { Core } from './core.ts';
import type { Fanout, SetTelling } from './fanout.ts';
import { isRefusal, type Param, type ParamWrite, type Refusal } from './param.ts';
import { errorFrame, guarded, refusalOfType, refusalOfWriting } from './publishing.ts';
import type { Session } from './session.ts';

export interface Writing {
  /** Why it is not even judged by the state; changes nothing. */
  refusal(session: Session, message: SetMessage): Refusal | undefined;
  set(session: Session, message: SetMessage): void;
  /** Told and stored, as what was taken is. */
  taken(param: Param, write: ParamWrite, telling?: SetTelling): void;
}

export interface WritingNeeds {
  readonly core: Core;
  readonly fanout: Fanout;
}

export function createWriting({ core, fanout }: WritingNeeds): Writing {
  const taken = (param: Param, write: ParamWrite, telling?: SetTelling): void => {
    core.figures.sets += 1;
    fanout.set(param, write, telling);
  };
  const refusal = (session: Session, { address }: SetMessage): Refusal | undefined =>
    refusalOfWriting(session, address) ??
    refusalOfType(core, address, 'param') ??
    guarded(core, session, 'SET', address);
  return {
    refusal,
    taken,
    set(session, message) {
      const write = writeOf(session, message);
      const outcome = refusal(session, message) ?? core.params.write(write);
      if (isRefusal(outcome)) {
        core.figures.refused += 1;
        session.outbox.reply(errorFrame(outcome));
        return;
      }
      // A peer knows what it wrote: telling it again would be the echo that makes loops.
      taken(outcome, write, session.isPeer ? { except: session } : undefined);
      const ack = ackOf(outcome, message);
      const stored = core.keeper?.kept(outcome);
      acknowledge(session, { ack, stored, address: message.address });
    },
  };
}

export function writeOf(session: Session, message: SetMessage): ParamWrite {
  const { address, value, revision, lock, unlock, ttl } = message;
  const { access, isPeer, id: writer } = session;
  // Another router brings what many made.
  const maker = isPeer || access.takesAll === true ? undefined : access.subject;
  return { address, value, expected: revision, lock, unlock, ttl, writer, maker };
}

/** Tells of the lock only who asked about one: others get the bytes they always got. */
function ackOf({ address, revision, holder }: Param, { lock, unlock }: SetMessage): Uint8Array {
  return lock || unlock
    ? encodeFrame({ type: 'ack', address, revision, locked: holder !== undefined, holder })
    : encodeFrame({ type: 'ack', address, revision });
}

export interface Acknowledged {
  readonly ack: Uint8Array;
  /** What the ACK waits for; undefined where accepted is enough. */
  readonly stored: Promise<void> | undefined;
  readonly address?: string | undefined;
}

export function acknowledge(session: Session, { ack, stored, address }: Acknowledged): void {
  if (stored === undefined) {
    session.outbox.reply(ack);
    return;
  }
  stored.then(
    () => session.outbox.reply(ack),
    () => {
      const message = 'the write was taken and could not be stored';
      session.outbox.reply(errorFrame({ code: signalErrors.internal, message, address }));
    },
  );
}
