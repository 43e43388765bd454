// BUNDLE: all of it or nothing, now or at a moment of the server's clock. Everything that can refuse
// a member is asked before anything happens, at the moment when it is to happen.
import { encodeFrame, frameAround } from '../frames/encode.ts';
import { qosOf } from '../frames/codes.ts';
import {
  signalErrors,
  type BundleMember,
  type BundleMessage,
  type PublishMessage,
  type SetMessage,
  type SignalFrame,
} from '../frames/messages.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import { isRefusal, type Refusal } from './param.ts';
import type { Written } from './params.ts';
import { errorFrame, type Publishing } from './publishing.ts';
import type { Session } from './session.ts';
import type { Timer } from './timers.ts';
import { acknowledge, writeOf, type Writing } from './writing.ts';

export interface Bundles {
  bundle(session: Session, message: BundleMessage, frame: SignalFrame): void;
  /** What waits for its moment goes with the session that asked for it. */
  left(session: Session): void;
}

export interface BundlesNeeds {
  readonly core: Core;
  readonly writing: Writing;
  readonly publishing: Publishing;
}

interface Acts {
  readonly sets: readonly SetMessage[];
  readonly publishes: readonly { readonly message: PublishMessage; readonly frame: Uint8Array }[];
}

interface Waiting {
  readonly timers: Set<Timer>;
  bytes: number;
}

export function createBundles({ core, writing, publishing }: BundlesNeeds): Bundles {
  const waitingOf = new Map<Session, Waiting>();

  const refuse = (session: Session, refusal: Refusal): void => {
    core.figures.refused += 1;
    session.outbox.reply(errorFrame(refusal));
  };
  const perform = (session: Session, { sets, publishes }: Acts): void => {
    const writes = sets.map((message) => writeOf(session, message));
    const outcome = firstRefusal(session, sets, publishes) ?? core.params.writeAll(writes);
    if (isRefusal(outcome)) {
      refuse(session, outcome);
      return;
    }
    const stored: Promise<void>[] = [];
    tellAll(session, outcome.written, stored);
    publishes.forEach(({ message, frame }) => publishing.publish(session, message, frame));
    const revision = outcome.written.at(-1)?.revision;
    acknowledge(session, {
      ack: encodeFrame({ type: 'ack', ...(revision === undefined ? {} : { revision }) }),
      stored: stored.length === 0 ? undefined : Promise.all(stored).then(() => undefined),
    });
  };
  const firstRefusal = (
    session: Session,
    sets: Acts['sets'],
    publishes: Acts['publishes'],
  ): Refusal | undefined => {
    for (const message of sets) {
      const refusal = writing.refusal(session, message);
      if (refusal !== undefined) {
        return inBundle(refusal);
      }
    }
    for (const { message } of publishes) {
      const refusal = publishing.refusal(session, message);
      if (refusal !== undefined) {
        return inBundle(refusal);
      }
    }
    return undefined;
  };
  const tellAll = (
    session: Session,
    written: readonly Written[],
    stored: Promise<void>[],
  ): void => {
    for (const { param, write, value, revision } of written) {
      writing.taken(param, write, {
        value,
        revision,
        except: session.isPeer ? session : undefined,
      });
      const promise = core.keeper?.kept(param);
      if (promise !== undefined) {
        stored.push(promise);
      }
    }
  };
  const schedule = (
    session: Session,
    acts: Acts,
    when: { delayMs: number; bytes: number },
  ): void => {
    const { delayMs, bytes } = when;
    const own = waitingOf.get(session) ?? { timers: new Set<Timer>(), bytes: 0 };
    const refusal = refusalOfWaiting(own, when);
    if (refusal !== undefined) {
      refuse(session, refusal);
      return;
    }
    waitingOf.set(session, own);
    own.bytes += bytes;
    const timer = core.timers.at(core.clock.monotonicMs() + delayMs, () => {
      own.timers.delete(timer);
      own.bytes -= bytes;
      perform(session, acts);
    });
    own.timers.add(timer);
  };
  return {
    bundle(session, message, frame) {
      const acts = actsOf(message.members, frame);
      const { timestamp = 0 } = message;
      const delayMs = timestamp / 1_000 - core.clock.now();
      if (delayMs > 0) {
        schedule(session, acts, { delayMs, bytes: frame.payload.length });
      } else {
        perform(session, acts);
      }
    },
    left(session) {
      waitingOf.get(session)?.timers.forEach((timer) => timer.cancel());
      waitingOf.delete(session);
    },
  };
}

/** What else a bundle holds is passed over, as it always was. */
function actsOf(members: readonly BundleMember[], { legacy }: SignalFrame): Acts {
  const sets: SetMessage[] = [];
  const publishes: { message: PublishMessage; frame: Uint8Array }[] = [];
  for (const { message, payload } of members) {
    if (message.type === 'set') {
      sets.push(message);
    } else if (message.type === 'publish') {
      const frame = legacy ? encodeFrame(message) : frameAround(payload, { qos: qosOf(message) });
      publishes.push({ message, frame });
    }
  }
  return { sets, publishes };
}

/** What one may not do is refused as a whole with one code. */
function inBundle({ code, message, address }: Refusal): Refusal {
  const isRight = code === signalErrors.scope || code === signalErrors.refused;
  return { code: isRight ? signalErrors.refused : code, message, address };
}

function refusalOfWaiting(
  own: Waiting,
  { delayMs, bytes }: { readonly delayMs: number; readonly bytes: number },
): Refusal | undefined {
  const { bundleAheadMs, bundlesWaitingMax, bundleBytesWaitingMax } = routerLimits;
  if (delayMs > bundleAheadMs) {
    const message = `a bundle waits ${bundleAheadMs / 1_000} seconds at most`;
    return { code: signalErrors.conflict, message };
  }
  if (own.timers.size >= bundlesWaitingMax || own.bytes + bytes > bundleBytesWaitingMax) {
    return { code: signalErrors.rate, message: 'too many bundles wait for their moment' };
  }
  return undefined;
}
