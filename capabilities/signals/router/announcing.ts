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
  const book = new Map<string, Announced>();
  const counts = new Map<Session, number>();

  const count = (session: Session | undefined, more: number): void => {
    if (session !== undefined) {
      counts.set(session, (counts.get(session) ?? 0) + more);
    }
  };
  const remove = (address: string): void => {
    count(book.get(address)?.by, -1);
    book.delete(address);
  };
  // In the order of their ends, since each is put last when it is announced.
  const removeLapsed = (): void => {
    const nowMs = core.clock.monotonicMs();
    for (const [address, { untilMs }] of book) {
      if (untilMs > nowMs) {
        return;
      }
      remove(address);
    }
  };
  const refusalOf = (session: Session, { signals }: AnnounceMessage): Refusal | undefined => {
    const fresh = new Set<string>();
    let own = counts.get(session) ?? 0;
    for (const { address } of signals) {
      const refusal = refusalOfWriting(session, address);
      if (refusal !== undefined) {
        return refusal;
      }
      const known = book.get(address);
      own += known?.by === session || fresh.has(address) ? 0 : 1;
      if (known === undefined) {
        fresh.add(address);
      }
    }
    const { announcedMax, announcedPerSessionMax } = routerLimits;
    if (book.size + fresh.size > announcedMax || own > announcedPerSessionMax) {
      return { code: signalErrors.conflict, message: 'AtCapacity: too many signals are announced' };
    }
    return undefined;
  };
  return {
    get size() {
      removeLapsed();
      return book.size;
    },
    announce(session, message) {
      removeLapsed();
      const refusal = refusalOf(session, message);
      if (refusal !== undefined) {
        core.figures.refused += 1;
        session.outbox.reply(errorFrame(refusal));
        return;
      }
      const untilMs = core.clock.monotonicMs() + routerLimits.announcedMs;
      for (const { address, signal, datatype, access } of message.signals) {
        remove(address);
        book.set(address, { summary: { address, signal, datatype, access }, by: session, untilMs });
        count(session, 1);
      }
      session.outbox.reply(encodeFrame({ type: 'ack', address: message.namespace }));
    },
    query(session, pattern) {
      const problem = patternProblem(pattern);
      if (problem !== undefined) {
        const refusal = { code: signalErrors.pattern, message: problem, address: pattern };
        session.outbox.reply(errorFrame(refusal));
        return;
      }
      removeLapsed();
      const matches = matcherOf(pattern);
      const wants = (address: string): boolean =>
        matches(address) && session.access.allows('read', address);
      const frames = resultFrames(book, wants);
      session.outbox.reply({ next: () => frames.next().value ?? undefined });
    },
    left(session) {
      if ((counts.get(session) ?? 0) > 0) {
        for (const announced of book.values()) {
          announced.by = announced.by === session ? undefined : announced.by;
        }
      }
      counts.delete(session);
    },
  };
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
