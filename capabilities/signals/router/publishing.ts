// PUBLISH: who may, where it goes, and who is told. Nothing of it is stored but in a journal.
import { maskHas } from '../frames/codes.ts';
import { encodeFrame } from '../frames/encode.ts';
import { signalErrors, type PublishMessage, type SignalType } from '../frames/messages.ts';
import { addressProblem } from '../patterns/address.ts';
import type { Core, WriteGuard } from './core.ts';
import type { Fanout } from './fanout.ts';
import type { Forward, Gestures } from './gestures.ts';
import { routerLimits } from './limits.ts';
import type { Refusal } from './param.ts';
import type { Session } from './session.ts';

const p2pPrefix = '/clasp/p2p/';
const p2pSignalPrefix = `${p2pPrefix}signal/`;
const p2pAnnounceAddress = `${p2pPrefix}announce`;

export interface Publishing {
  /** Why it is not taken; changes nothing. */
  refusal(session: Session, message: PublishMessage): Refusal | undefined;
  /** What was not refused; `frame` is what subscribers get. */
  publish(session: Session, message: PublishMessage, frame: Uint8Array): void;
}

export interface PublishingNeeds {
  readonly core: Core;
  readonly fanout: Fanout;
  readonly gestures: Gestures;
}

export function createPublishing({ core, fanout, gestures }: PublishingNeeds): Publishing {
  return {
    refusal(session, { address, signal }) {
      const writing =
        refusalOfWriting(session, address) ??
        refusalOfType(core, address, signal ?? 'event') ??
        guarded(core, session, 'PUBLISH', address);
      if (writing !== undefined || !address.startsWith(p2pSignalPrefix)) {
        return writing;
      }
      const isThere = core.sessions.has(address.slice(p2pSignalPrefix.length));
      return isThere
        ? undefined
        : { code: signalErrors.target, message: 'no such session is connected', address };
    },
    publish(session, message, frame) {
      core.figures.publishes += 1;
      const { address } = message;
      if (address.startsWith(p2pSignalPrefix)) {
        core.sessions.get(address.slice(p2pSignalPrefix.length))?.outbox.event(frame);
        return;
      }
      if (address === p2pAnnounceAddress) {
        session.announcesP2p = true;
      }
      const origin = { writer: session.id };
      const forward: Forward = (told, bytes) =>
        fanout.publish(told, { frame: bytes, origin, except: session });
      if (message.signal === 'gesture') {
        gestures.publish({ from: session, writer: session.id }, message, { frame, forward });
      } else {
        forward(message, frame);
      }
    },
  };
}

/** What those who look after namespaces have against it. */
export function guarded(core: Core, ...asked: Parameters<WriteGuard>): Refusal | undefined {
  for (const guard of core.guards) {
    const refusal = guard(...asked);
    if (refusal !== undefined) {
      return refusal;
    }
  }
  return undefined;
}

/** What SET, PUBLISH and ANNOUNCE have in common: a real address, and the right to write there. */
export function refusalOfWriting(session: Session, address: string): Refusal | undefined {
  const problem = addressProblem(address);
  if (problem !== undefined) {
    return { code: signalErrors.address, message: problem, address };
  }
  if (!session.access.allows('write', address)) {
    return { code: signalErrors.scope, message: 'no right to write at this address', address };
  }
  return undefined;
}

/** What the router does not name among its features it does not take. */
export function refusalOfType(
  { settings }: Core,
  address: string,
  signal: SignalType,
): Refusal | undefined {
  if (maskHas(settings.types, signal) || address.startsWith(p2pPrefix)) {
    return undefined;
  }
  const message = `this router takes nothing of type ${signal}`;
  return { code: signalErrors.refused, message, address };
}

/** An address that is too long to be one is not repeated: the answer might not fit into a frame. */
export function errorFrame({ code, message, address }: Refusal): Uint8Array {
  const isLong = address !== undefined && address.length > routerLimits.addressBytesMax;
  return encodeFrame({ type: 'error', code, message, ...(isLong ? {} : { address }) });
}
