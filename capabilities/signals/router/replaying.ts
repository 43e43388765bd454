// REPLAY: what a journal holds, as it was told, oldest first. It is read as the session takes it.
import { maskHas } from '../frames/codes.ts';
import { signalErrors, type ReplayMessage } from '../frames/messages.ts';
import { patternProblem } from '../patterns/address.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { Core } from './core.ts';
import type { JournalEntry } from './journal.ts';
import { routerLimits } from './limits.ts';
import type { FrameSource } from './outbox.ts';
import { errorFrame } from './publishing.ts';
import { hears, type Session } from './session.ts';

export type Replaying = (session: Session, message: ReplayMessage) => void;

/** Entries that are read ahead of what the session takes. */
const aheadMax = 64;

export function createReplaying(core: Core): Replaying {
  return (session, message) => {
    const { pattern, types } = message;
    const refuse = (code: number, sentence: string): void =>
      session.outbox.reply(errorFrame({ code, message: sentence, address: pattern }));
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      refuse(signalErrors.pattern, problem);
      return;
    }
    if (!session.access.allows('watch', pattern)) {
      refuse(signalErrors.scope, 'no right to read all that the pattern covers');
      return;
    }
    if (core.journal?.keeps(pattern) !== true) {
      refuse(signalErrors.noJournal, 'no journal is kept of what the pattern names');
      return;
    }
    const matches = matcherOf(pattern);
    const entries = core.journal.entries({
      pattern,
      from: message.from ?? 0,
      to: message.to ?? Number.POSITIVE_INFINITY,
      matches: ({ address, signal }) =>
        maskHas(types, signal) && matches(address) && hears(session, address),
    });
    const { replayMax } = routerLimits;
    const limit = Math.min(message.limit ?? replayMax, replayMax);
    session.outbox.reply(replaySource(core, session, { entries, limit }));
  };
}

interface Replayed {
  readonly entries: AsyncIterable<JournalEntry>;
  readonly limit: number;
}

/** The journal is not opened before the session's earlier answers went. */
function replaySource(core: Core, session: Session, { entries, limit }: Replayed): FrameSource {
  const ready: Uint8Array[] = [];
  let iterator: AsyncIterator<JournalEntry> | undefined;
  let reading = false;
  let ended = limit === 0;
  let left = limit;

  const read = async (): Promise<void> => {
    const open = iterator ?? entries[Symbol.asyncIterator]();
    iterator = open;
    while (!ended && ready.length < aheadMax) {
      const step = await open.next();
      if (step.done === true) {
        ended = true;
        iterator = undefined;
        return;
      }
      ready.push(step.value.frame);
      left -= 1;
      ended ||= left === 0;
    }
  };
  const leave = async (): Promise<void> => {
    const open = iterator;
    iterator = undefined;
    await open?.return?.();
  };
  const readOn = (): void => {
    reading = true;
    read()
      .then(() => (ended ? leave() : undefined))
      .catch((error: unknown) => {
        ended = true;
        core.log.problem('signal-journal.failed', error);
        const message = 'the journal could not be read to its end';
        ready.push(errorFrame({ code: signalErrors.internal, message }));
      })
      .finally(() => {
        reading = false;
        session.outbox.drained();
      });
  };
  return {
    next() {
      const frame = ready.shift();
      if (frame !== undefined) {
        return frame;
      }
      if (ended && !reading) {
        return undefined;
      }
      if (!reading) {
        readOn();
      }
      return 'later';
    },
    close() {
      ended = true;
      leave().catch((error: unknown) => core.log.problem('signal-journal.failed', error));
    },
  };
}
