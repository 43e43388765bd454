// ANNOUNCE and QUERY: what signals there are, said by whoever has them. A book in memory, bounded
// in all and by session, whose entries lapse unless they are announced again.
import { encodeFrame } from '../frames/encode.ts';
import { payloadBytesMax } from '../frames/limits.ts';
import { signalErrors, type AnnounceMessage, type SignalSummary } from '../frames/messages.ts';
import { textLength } from '../frames/text.ts';
import { patternProblem } from '../patterns/address.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import type { Refusal } from './param.ts';
import { errorFrame, refusalOfWriting } from './publishing.ts';
import type { Session } from './session.ts';
import { createTurns, type Turns } from './turns.ts';
import { walkSource } from './walk.ts';

export interface Announcing {
  announce(session: Session, message: AnnounceMessage): void;
  query(session: Session, pattern: string): void;
  left(session: Session): void;
  readonly size: number;
}

interface Announced {
  /** Where it came among all: a RESULT ends with what was there when it was asked for. */
  readonly born: number;
  summary: SignalSummary;
  /** Undefined once its session has left: its entries stay until they lapse. */
  by: Session | undefined;
}

/** What a RESULT says of a signal beside its texts: lengths, type, options. */
const summaryOverheadBytes = 8;

export function createAnnouncing(core: Core): Announcing {
  return new SignalBook(core);
}

class SignalBook implements Announcing {
  readonly #core: Core;
  readonly #turns: Turns;
  /** In the order they came, which announcing again leaves as it is: RESULTs walk it in turns. */
  readonly #book = new Map<string, Announced>();
  /** When each lapses, in that order, since each is put last when it is announced. */
  readonly #ends = new Map<string, number>();
  readonly #counts = new Map<Session, number>();
  #bytes = 0;
  #born = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#turns = createTurns(core);
  }

  get size(): number {
    this.#removeLapsed();
    return this.#book.size;
  }

  announce(session: Session, message: AnnounceMessage): void {
    this.#removeLapsed();
    const refusal = this.#refusalOf(session, message);
    if (refusal !== undefined) {
      this.#core.figures.refused += 1;
      session.outbox.reply(errorFrame(refusal));
      return;
    }
    const untilMs = this.#core.clock.monotonicMs() + routerLimits.announcedMs;
    for (const { address, signal, datatype, access } of message.signals) {
      this.#put(session, { address, signal, datatype, access });
      this.#ends.delete(address);
      this.#ends.set(address, untilMs);
    }
    session.outbox.reply(encodeFrame({ type: 'ack', address: message.namespace }));
  }

  query(session: Session, pattern: string): void {
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      const refusal = { code: signalErrors.pattern, message: problem, address: pattern };
      session.outbox.reply(errorFrame(refusal));
      return;
    }
    this.#removeLapsed();
    const matches = matcherOf(pattern);
    const wants = (address: string): boolean =>
      matches(address) && session.access.allows('read', address);
    const result = walkSource({
      items: this.#book.values(),
      newest: this.#born,
      entryOf: ({ summary }) => (wants(summary.address) ? summary : undefined),
      lengthOf,
      bytesMax: payloadBytesMax - 3,
      frameOf: (signals) => encodeFrame({ type: 'result', signals }),
      evenEmpty: true,
      turns: this.#turns,
      goOn: () => session.outbox.drained(),
    });
    session.outbox.reply(result);
  }

  left(session: Session): void {
    if ((this.#counts.get(session) ?? 0) > 0) {
      for (const announced of this.#book.values()) {
        announced.by = announced.by === session ? undefined : announced.by;
      }
    }
    this.#counts.delete(session);
  }

  #refusalOf(session: Session, { signals }: AnnounceMessage): Refusal | undefined {
    for (const signal of signals) {
      const refusal = refusalOfWriting(session, signal.address) ?? refusalOfTexts(signal);
      if (refusal !== undefined) {
        return refusal;
      }
    }
    return this.#refusalOfRoom(session, signals);
  }

  #refusalOfRoom(session: Session, signals: readonly SignalSummary[]): Refusal | undefined {
    const seen = new Set<string>();
    let own = this.#counts.get(session) ?? 0;
    let size = this.#book.size;
    let bytes = this.#bytes;
    for (const signal of signals) {
      bytes += lengthOf(signal);
      if (!seen.has(signal.address)) {
        seen.add(signal.address);
        const known = this.#book.get(signal.address);
        own += known?.by === session ? 0 : 1;
        size += known === undefined ? 1 : 0;
        bytes -= known === undefined ? 0 : lengthOf(known.summary);
      }
    }
    const { announcedMax, announcedPerSessionMax, announcedBytesMax } = routerLimits;
    if (size > announcedMax || own > announcedPerSessionMax) {
      return { code: signalErrors.conflict, message: 'AtCapacity: too many signals are announced' };
    }
    return bytes > announcedBytesMax
      ? { code: signalErrors.conflict, message: 'AtCapacity: too much text is announced' }
      : undefined;
  }

  #removeLapsed(): void {
    const nowMs = this.#core.clock.monotonicMs();
    for (const [address, untilMs] of this.#ends) {
      if (untilMs > nowMs) {
        return;
      }
      const lapsed = this.#book.get(address);
      this.#count(lapsed?.by, -1);
      this.#bytes -= lapsed === undefined ? 0 : lengthOf(lapsed.summary);
      this.#book.delete(address);
      this.#ends.delete(address);
    }
  }

  #put(session: Session, summary: SignalSummary): void {
    const known = this.#book.get(summary.address);
    this.#bytes += lengthOf(summary) - (known === undefined ? 0 : lengthOf(known.summary));
    this.#count(known?.by, -1);
    this.#count(session, 1);
    if (known === undefined) {
      this.#born += 1;
      this.#book.set(summary.address, { born: this.#born, summary, by: session });
    } else {
      known.summary = summary;
      known.by = session;
    }
  }

  #count(session: Session | undefined, more: number): void {
    if (session !== undefined) {
      this.#counts.set(session, (this.#counts.get(session) ?? 0) + more);
    }
  }
}

function refusalOfTexts({ address, datatype, access }: SignalSummary): Refusal | undefined {
  const { announcedTextBytesMax } = routerLimits;
  return [datatype, access].some((text = '') => textLength(text) > announcedTextBytesMax)
    ? {
        code: signalErrors.value,
        message: `a datatype and an access have at most ${announcedTextBytesMax} bytes`,
        address,
      }
    : undefined;
}

function lengthOf({ address, datatype = '', access = '' }: SignalSummary): number {
  return summaryOverheadBytes + textLength(address) + textLength(datatype) + textLength(access);
}
