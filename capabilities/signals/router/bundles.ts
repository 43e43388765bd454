// BUNDLE: all of it or nothing, now or at a moment of the server's clock. Everything that can
// refuse a member is asked before anything happens, at the moment when it is to happen; addresses
// and rights also when it is scheduled, while whoever sent it still waits for an answer.
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame, frameAround } from '../frames/encode.ts';
import { ownBytes } from '../frames/frame-writer.ts';
import { qosOf } from '../frames/codes.ts';
import {
  signalErrors,
  type BundleMessage,
  type PublishMessage,
  type SetMessage,
  type SignalFrame,
} from '../frames/messages.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import { isRefusal, type Refusal } from './param.ts';
import type { Written } from './params.ts';
import { errorFrame, refusalOfWriting, type Publishing } from './publishing.ts';
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

interface When {
  readonly delayMs: number;
  readonly bytes: number;
}

interface Kept {
  readonly delayMs: number;
  readonly kept: Uint8Array;
}

interface Waiting {
  readonly timers: Set<Timer>;
  bytes: number;
}

export function createBundles(needs: BundlesNeeds): Bundles {
  return new BundleBook(needs);
}

class BundleBook implements Bundles {
  readonly #needs: BundlesNeeds;
  readonly #waiting = new Map<Session, Waiting>();

  constructor(needs: BundlesNeeds) {
    this.#needs = needs;
  }

  bundle(session: Session, message: BundleMessage, frame: SignalFrame): void {
    const { timestamp = 0 } = message;
    const delayMs = timestamp / 1_000 - this.#needs.core.clock.now();
    if (delayMs > 0) {
      this.#schedule(session, frame, delayMs);
    } else {
      this.#perform(session, actsOf(frame));
    }
  }

  left(session: Session): void {
    this.#waiting.get(session)?.timers.forEach((timer) => timer.cancel());
    this.#waiting.delete(session);
  }

  #schedule(session: Session, frame: SignalFrame, delayMs: number): void {
    const own = this.#waiting.get(session) ?? { timers: new Set<Timer>(), bytes: 0 };
    const when = { delayMs, bytes: frame.bytes.length };
    const refusal = refusalOfWaiting(own, when) ?? refusalOfMembers(session, frame);
    if (refusal !== undefined) {
      this.#refuse(session, refusal);
      return;
    }
    this.#waiting.set(session, own);
    this.#wait(session, own, { delayMs, kept: ownBytes(frame.bytes) });
  }

  /** Given bytes alone: what is decoded weighs many times as much as it did on the wire. */
  #wait(session: Session, own: Waiting, { delayMs, kept }: Kept): void {
    own.bytes += kept.length;
    const { clock, timers } = this.#needs.core;
    const timer = timers.at(clock.monotonicMs() + delayMs, () => {
      own.timers.delete(timer);
      own.bytes -= kept.length;
      this.#perform(session, actsOf(decodeFrame(kept)));
    });
    own.timers.add(timer);
  }

  #perform(session: Session, acts: Acts): void {
    const { core, publishing } = this.#needs;
    const writes = acts.sets.map((message) => writeOf(session, message));
    const outcome = this.#firstRefusal(session, acts) ?? core.params.writeAll(writes);
    if (isRefusal(outcome)) {
      this.#refuse(session, outcome);
      return;
    }
    const stored = this.#tell(session, outcome.written);
    for (const { message, frame } of acts.publishes) {
      publishing.publish(session, message, frame);
    }
    const revision = outcome.written.at(-1)?.revision;
    acknowledge(session, {
      ack: encodeFrame({ type: 'ack', ...(revision === undefined ? {} : { revision }) }),
      stored: stored.length === 0 ? undefined : Promise.all(stored).then(() => undefined),
    });
  }

  #firstRefusal(session: Session, { sets, publishes }: Acts): Refusal | undefined {
    const { writing, publishing } = this.#needs;
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
  }

  /** What has to be stored before the bundle is acknowledged. */
  #tell(session: Session, written: readonly Written[]): Promise<void>[] {
    const { core, writing } = this.#needs;
    const except = session.isPeer ? session : undefined;
    const stored: Promise<void>[] = [];
    for (const { param, write, value, revision } of written) {
      writing.taken(param, write, { value, revision, except });
      const promise = core.keeper?.kept(param);
      if (promise !== undefined) {
        stored.push(promise);
      }
    }
    return stored;
  }

  #refuse(session: Session, refusal: Refusal): void {
    this.#needs.core.figures.refused += 1;
    session.outbox.reply(errorFrame(refusal));
  }
}

/** What else a bundle holds is passed over, as it always was. */
function actsOf({ message: bundle, legacy }: SignalFrame): Acts {
  const members = bundle.type === 'bundle' ? bundle.members : [];
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

/** What would refuse it at any moment. Locks, revisions and who is there are a matter of then. */
function refusalOfMembers(session: Session, { message }: SignalFrame): Refusal | undefined {
  const members = message.type === 'bundle' ? message.members : [];
  for (const { message: member } of members) {
    const isAct = member.type === 'set' || member.type === 'publish';
    const refusal = isAct ? refusalOfWriting(session, member.address) : undefined;
    if (refusal !== undefined) {
      return inBundle(refusal);
    }
  }
  return undefined;
}

/** What one may not do is refused as a whole with one code. */
function inBundle({ code, message, address }: Refusal): Refusal {
  const isRight = code === signalErrors.scope || code === signalErrors.refused;
  return { code: isRight ? signalErrors.refused : code, message, address };
}

function refusalOfWaiting(own: Waiting, { delayMs, bytes }: When): Refusal | undefined {
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
