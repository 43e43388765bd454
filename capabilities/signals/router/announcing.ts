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

export interface Announcing {
  announce(session: Session, message: AnnounceMessage): void;
  query(session: Session, pattern: string): void;
  left(session: Session): void;
  readonly size: number;
}

interface Announced {
  readonly summary: SignalSummary;
  /** Undefined once its session has left: its entries stay until they lapse. */
  by: Session | undefined;
  readonly untilMs: number;
}

/** What a RESULT says of a signal beside its texts: lengths, type, options. */
const summaryOverheadBytes = 8;

export function createAnnouncing(core: Core): Announcing {
  return new SignalBook(core);
}

class SignalBook implements Announcing {
  readonly #core: Core;
  /** In the order of their ends, since each is put last when it is announced. */
  readonly #book = new Map<string, Announced>();
  readonly #counts = new Map<Session, number>();

  constructor(core: Core) {
    this.#core = core;
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
      const summary = { address, signal, datatype, access };
      this.#remove(address);
      this.#book.set(address, { summary, by: session, untilMs });
      this.#count(session, 1);
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
    const frames = resultFrames(this.#book, wants);
    session.outbox.reply({ next: () => frames.next().value ?? undefined });
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
    const fresh = new Set<string>();
    let own = this.#counts.get(session) ?? 0;
    for (const { address } of signals) {
      const refusal = refusalOfWriting(session, address);
      if (refusal !== undefined) {
        return refusal;
      }
      const known = this.#book.get(address);
      own += known?.by === session || fresh.has(address) ? 0 : 1;
      if (known === undefined) {
        fresh.add(address);
      }
    }
    const { announcedMax, announcedPerSessionMax } = routerLimits;
    if (this.#book.size + fresh.size > announcedMax || own > announcedPerSessionMax) {
      return { code: signalErrors.conflict, message: 'AtCapacity: too many signals are announced' };
    }
    return undefined;
  }

  #removeLapsed(): void {
    const nowMs = this.#core.clock.monotonicMs();
    for (const [address, { untilMs }] of this.#book) {
      if (untilMs > nowMs) {
        return;
      }
      this.#remove(address);
    }
  }

  #remove(address: string): void {
    this.#count(this.#book.get(address)?.by, -1);
    this.#book.delete(address);
  }

  #count(session: Session | undefined, more: number): void {
    if (session !== undefined) {
      this.#counts.set(session, (this.#counts.get(session) ?? 0) + more);
    }
  }
}

/** At least one frame. Each is made when the session takes it, of what is then there. */
function* resultFrames(
  book: ReadonlyMap<string, Announced>,
  wants: (address: string) => boolean,
): Generator<Uint8Array, undefined> {
  let chunk: SignalSummary[] = [];
  let bytes = 0;
  let isEmpty = true;
  for (const [address, { summary }] of book) {
    if (!wants(address)) {
      continue;
    }
    const more = lengthOf(summary);
    if (bytes + more > payloadBytesMax - 3 && chunk.length > 0) {
      isEmpty = false;
      yield encodeFrame({ type: 'result', signals: chunk });
      chunk = [];
      bytes = 0;
    }
    chunk.push(summary);
    bytes += more;
  }
  if (chunk.length > 0 || isEmpty) {
    yield encodeFrame({ type: 'result', signals: chunk });
  }
  return undefined;
}

function lengthOf({ address, datatype = '', access = '' }: SignalSummary): number {
  return summaryOverheadBytes + textLength(address) + textLength(datatype) + textLength(access);
}
