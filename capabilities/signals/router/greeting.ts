// A line from its first byte to its last: HELLO within its time, a token judged, WELCOME and the
// snapshot, then frames; and what ends with it.
import { toHex, type Random } from '@hansa/foundation';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { Line, LineEvents } from '../frames/line.ts';
import { signalErrors, type HelloMessage, type SignalFrame } from '../frames/messages.ts';
import { textAt, textBytes } from '../frames/text.ts';
import type { AdmissionRefusal, Doorkeeper, SignalAccess } from './access.ts';
import { createBucket } from './bucket.ts';
import type { Core } from './core.ts';
import { frameOf } from './fanout.ts';
import { createGates } from './gates.ts';
import { routerLimits } from './limits.ts';
import { createOutbox } from './outbox.ts';
import type { Refusal } from './param.ts';
import { errorFrame } from './publishing.ts';
import type { Session } from './session.ts';
import { withinShare } from './shares.ts';
import type { Timer } from './timers.ts';

/** What is kept of the name a session gives itself: it is shown in lists. */
const nameLengthMax = 256;
const protocolVersion = 1;

export interface GreetingNeeds {
  readonly core: Core;
  readonly doorkeeper: Doorkeeper;
  readonly welcomed: (session: Session) => void;
  readonly received: (session: Session, frame: SignalFrame) => void;
  readonly left: (session: Session) => void;
  /** What WELCOME tells another router. */
  readonly peerToken: string | undefined;
}

export interface Greeting {
  /** Whose line has proven who is there is let in by `access`, without being asked for a token. */
  accept(line: Line, access?: SignalAccess): LineEvents;
  /** Ends every line. */
  stop(reason: string): void;
}

export function createGreeting(needs: GreetingNeeds): Greeting {
  const lines = new Set<GreetedLine>();
  // Whoever opens lines and says nothing is to keep nobody out who does: the oldest of these goes.
  const silent = new Set<GreetedLine>();
  const makeRoom = (): boolean => {
    for (const oldest of silent) {
      oldest.refuse('too many came before the first word');
      return true;
    }
    return false;
  };
  let stopped: string | undefined;
  return {
    accept(line, access) {
      const { core } = needs;
      const asked =
        access === undefined ? needs : { ...needs, doorkeeper: { admit: () => access } };
      const greeted = new GreetedLine(asked, line, {
        spoke: () => silent.delete(greeted),
        gone: () => lines.delete(greeted),
      });
      const isFull = lines.size >= core.settings.sessionsMax;
      if (stopped !== undefined || (isFull && !makeRoom())) {
        greeted.refuse(stopped ?? 'too many sessions');
      } else {
        lines.add(greeted);
        silent.add(greeted);
        greeted.open();
      }
      return greeted;
    },
    stop(reason) {
      stopped = reason;
      lines.forEach((greeted) => greeted.refuse(reason));
    },
  };
}

/** Whoever counts lines. */
interface Told {
  /** The first word has come, or the line has ended without one. */
  spoke(): void;
  gone(): void;
}

type Stage = 'silent' | 'judged' | 'welcomed' | 'ended';

class GreetedLine implements LineEvents {
  readonly #needs: GreetingNeeds;
  readonly #line: Line;
  readonly #told: Told;
  readonly #admission = new AbortController();
  #stage: Stage = 'silent';
  #session: Session | undefined;
  /** Of the HELLO, then of the silence, or of the token. */
  #timers: Timer[] = [];
  #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(needs: GreetingNeeds, line: Line, told: Told) {
    this.#needs = needs;
    this.#line = line;
    this.#told = told;
  }

  open(): void {
    const { helloMs } = routerLimits;
    this.#after(helloMs, () => this.refuse('no HELLO came in time'));
  }

  /** Closes the line without a word. */
  refuse(reason: string): void {
    this.#finish();
    this.#line.close(reason);
  }

  frame(bytes: Uint8Array): void {
    const { core } = this.#needs;
    if (this.#stage === 'welcomed') {
      this.#receive(bytes);
    } else if (this.#stage === 'silent') {
      core.figures.received += 1;
      this.#greet(bytes);
    } else if (this.#stage === 'judged') {
      this.#early.push(bytes);
      this.#earlyBytes += bytes.length;
      const { earlyFramesMax, earlyBytesMax } = routerLimits;
      if (this.#early.length > earlyFramesMax || this.#earlyBytes > earlyBytesMax) {
        this.refuse('too much came before the session was welcomed');
      }
    }
  }

  drained(): void {
    this.#session?.outbox.drained();
  }

  alive(): void {
    if (this.#session !== undefined) {
      this.#session.heardMs = this.#needs.core.clock.monotonicMs();
    }
  }

  closed(): void {
    this.#finish();
  }

  #receive(bytes: Uint8Array): void {
    const session = this.#session;
    const { core, received } = this.#needs;
    if (session === undefined) {
      return;
    }
    session.heardMs = core.clock.monotonicMs();
    core.figures.received += 1;
    const frame = decoded(bytes);
    if (frame === undefined) {
      core.figures.undecodable += 1;
    }
    const { message } = frame ?? {};
    if (!session.bucket.take(message?.type === 'bundle' ? message.members.length : 1)) {
      this.#tellRate(session);
    } else if (frame !== undefined) {
      received(session, frame);
    }
  }

  #tellRate(session: Session): void {
    const { core } = this.#needs;
    core.figures.rateLimited += 1;
    if (session.bucket.tells()) {
      const messagesPerSecondMax =
        session.access.messagesPerSecondMax ?? core.settings.messagesPerSecondMax;
      const message = `Rate limit exceeded: ${messagesPerSecondMax} messages/second`;
      session.outbox.reply(errorFrame({ code: signalErrors.rate, message }));
    }
  }

  #greet(bytes: Uint8Array): void {
    const message = decoded(bytes)?.message;
    if (message?.type !== 'hello') {
      this.refuse('the first frame was no HELLO');
      return;
    }
    this.#cancelTimers();
    const { doorkeeper } = this.#needs;
    const { signal } = this.#admission;
    const asked = {
      token: message.token,
      name: message.name,
      remote: this.#line.remote,
      isPeer: this.#isPeer(message),
    };
    this.#stage = 'judged';
    this.#told.spoke();
    const answer = doorkeeper.admit(asked, signal);
    if (!(answer instanceof Promise)) {
      this.#answer(message, answer);
      return;
    }
    const failed: AdmissionRefusal = {
      code: signalErrors.internal,
      message: 'nobody could tell whether the token is good',
    };
    this.#after(routerLimits.admissionMs, () => this.#answer(message, failed));
    answer.then(
      (told) => this.#answer(message, told),
      (error: unknown) => {
        this.#needs.core.log.problem('signal-admission.failed', error);
        this.#answer(message, failed);
      },
    );
  }

  #answer(hello: HelloMessage, answer: SignalAccess | AdmissionRefusal): void {
    if (this.#stage !== 'judged') {
      if (!('code' in answer)) {
        answer.lapse?.done(); // nobody is there any more who could use it
      }
      return;
    }
    this.#cancelTimers();
    const judged = 'code' in answer ? answer : withinShare(this.#needs.core, answer);
    if ('code' in judged) {
      this.#line.send(errorFrame(judged));
      this.refuse(judged.message);
      return;
    }
    this.#welcome(hello, judged);
    for (const bytes of this.#early.splice(0)) {
      this.frame(bytes);
    }
  }

  #welcome(hello: HelloMessage, access: SignalAccess): void {
    const { core, welcomed } = this.#needs;
    const session = this.#sessionOf(hello, access);
    this.#session = session;
    this.#stage = 'welcomed';
    core.sessions.set(session.id, session);
    session.outbox.reply(
      encodeFrame({
        type: 'welcome',
        version: protocolVersion,
        features: core.settings.features.filter((feature) => feature !== 'federation'),
        time: core.nowUs(),
        session: session.id,
        name: core.settings.name,
        token: session.isPeer ? this.#needs.peerToken : undefined,
      }),
    );
    this.#watchSilence(session);
    this.#watchExpiry(session);
    this.#watchLapse(session);
    welcomed(session);
  }

  /** Where no routers are taken, one that says it is one is a client like any other. */
  #isPeer({ features }: HelloMessage): boolean {
    return this.#needs.peerToken !== undefined && features.includes('federation');
  }

  #sessionOf(hello: HelloMessage, access: SignalAccess): Session {
    const { core } = this.#needs;
    const { clock, timers, settings } = core;
    const line = this.#line;
    const outbox = createOutbox({
      clock,
      line,
      frameOf,
      lineBytesMax: settings.lineBytesMax,
      unread: () => this.refuse('answers are not taken'),
    });
    return {
      id: uuid(core.random),
      name: keptName(hello.name),
      remote: line.remote,
      features: hello.features,
      isPeer: this.#isPeer(hello),
      access,
      outbox,
      gates: createGates({ clock, timers, outbox, frameOf }),
      bucket: createBucket(clock, access.messagesPerSecondMax ?? settings.messagesPerSecondMax),
      subscriptions: new Map(),
      sinceMs: clock.now(),
      heardMs: clock.monotonicMs(),
      announcesP2p: false,
      ended: false,
      end: (refusal, reason) => this.#end(refusal, reason),
    };
  }

  #end(refusal: Refusal | undefined, reason: string): void {
    if (refusal !== undefined && this.#stage === 'welcomed') {
      this.#line.send(errorFrame(refusal));
    }
    this.refuse(reason);
  }

  #watchSilence(session: Session): void {
    const { sessionIdleMs } = this.#needs.core.settings;
    if (sessionIdleMs <= 0) {
      return;
    }
    const { clock, timers } = this.#needs.core;
    const look = (): void => {
      // Who takes what it is sent is there, though it may have nothing to say.
      if (session.outbox.tookSome()) {
        session.heardMs = clock.monotonicMs();
      }
      const untilMs = session.heardMs + sessionIdleMs;
      if (untilMs <= clock.monotonicMs()) {
        this.refuse('nothing was heard for too long');
        return;
      }
      this.#timers = this.#timers.filter((timer) => timer !== silence);
      silence = timers.at(untilMs, look);
      this.#timers.push(silence);
    };
    let silence = timers.at(session.heardMs + sessionIdleMs, look);
    this.#timers.push(silence);
  }

  #watchExpiry({ access: { expiresMs } }: Session): void {
    if (expiresMs !== undefined) {
      const expired = { code: signalErrors.expired, message: 'the token has expired' };
      const leftMs = Math.max(0, expiresMs - this.#needs.core.clock.now());
      this.#after(leftMs, () => this.#end(expired, expired.message));
    }
  }

  #watchLapse({ access: { lapse } }: Session): void {
    const refusal = { code: signalErrors.authentication, message: 'the right to be here ended' };
    const end = (): void => this.#end(refusal, refusal.message);
    if (lapse?.signal.aborted === true) {
      queueMicrotask(end);
    } else {
      lapse?.signal.addEventListener('abort', end, { once: true });
    }
  }

  #after(ms: number, run: () => void): void {
    const { clock, timers } = this.#needs.core;
    this.#timers.push(timers.at(clock.monotonicMs() + ms, run));
  }

  #cancelTimers(): void {
    this.#timers.splice(0).forEach((timer) => timer.cancel());
  }

  /** Frees what the line held, once. */
  #finish(): void {
    if (this.#stage === 'ended') {
      return;
    }
    this.#stage = 'ended';
    this.#cancelTimers();
    this.#admission.abort();
    this.#early = [];
    this.#told.spoke();
    this.#told.gone();
    const session = this.#session;
    if (session !== undefined) {
      session.ended = true;
      this.#needs.core.sessions.delete(session.id);
      session.gates.close();
      session.outbox.close();
      session.access.lapse?.done();
      this.#needs.left(session);
    }
  }
}

function decoded(bytes: Uint8Array): SignalFrame | undefined {
  try {
    return decodeFrame(bytes);
  } catch {
    return undefined;
  }
}

/** Its own text: a piece of a longer one keeps the whole of it in memory, for every session. */
function keptName(name: string): string {
  const bytes = textBytes(name.slice(0, nameLengthMax));
  return textAt(bytes, 0, bytes.length) ?? '';
}

/** Version 4, as text. */
function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}
