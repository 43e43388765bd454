// REPLAY: what a journal holds, as it was told, oldest first. It is read as the session takes it,
// and in turns with all others who read.
import { maskHas } from '../frames/codes.ts';
import { signalErrors, type ReplayMessage } from '../frames/messages.ts';
import { patternProblem } from '../patterns/address.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { Core } from './core.ts';
import type { Journal, JournalEntry, JournalQuery } from './journal.ts';
import { routerLimits } from './limits.ts';
import type { FrameSource } from './outbox.ts';
import type { Refusal } from './param.ts';
import { errorFrame } from './publishing.ts';
import { hears, type Session } from './session.ts';
import { createTurns, type Turns } from './turns.ts';

export type Replaying = (session: Session, message: ReplayMessage) => void;

/** Entries that are read ahead of what the session takes. */
const aheadMax = 64;
/** What reading on costs beside the entries: a journal of another kind does not ask for each. */
const looksPerReading = 16;

export function createReplaying(core: Core): Replaying {
  const turns = createTurns(core);
  const waiting = new WeakMap<Session, number>();
  const count = (session: Session, more: number): void => {
    waiting.set(session, (waiting.get(session) ?? 0) + more);
  };
  return (session, message) => {
    const { pattern, types } = message;
    const refusal =
      refusalOfReplaying(core, session, pattern) ?? refusalOfWaiting(waiting.get(session));
    if (refusal !== undefined || core.journal === undefined) {
      session.outbox.reply(errorFrame({ ...(refusal ?? noJournal), address: pattern }));
      return;
    }
    count(session, 1);
    const matches = matcherOf(pattern);
    const { replayMax } = routerLimits;
    const replay = new Replay({
      core,
      session,
      turns,
      journal: core.journal,
      query: {
        pattern,
        from: message.from ?? 0,
        to: message.to ?? Number.POSITIVE_INFINITY,
        matches: ({ address, signal }) =>
          maskHas(types, signal) && matches(address) && hears(session, address),
      },
      limit: Math.min(message.limit ?? replayMax, replayMax),
      ended: () => count(session, -1),
    });
    session.outbox.reply(replay);
  };
}

const noJournal: Refusal = {
  code: signalErrors.noJournal,
  message: 'no journal is kept of what the pattern names',
};

function refusalOfReplaying(core: Core, session: Session, pattern: string): Refusal | undefined {
  const problem = patternProblem(pattern);
  if (problem !== undefined) {
    return { code: signalErrors.pattern, message: problem };
  }
  if (!session.access.allows('watch', pattern)) {
    return { code: signalErrors.scope, message: 'no right to read all that the pattern covers' };
  }
  return core.journal?.keeps(pattern) === true ? undefined : noJournal;
}

function refusalOfWaiting(count = 0): Refusal | undefined {
  return count >= routerLimits.replaysWaitingMax
    ? { code: signalErrors.rate, message: 'too many REPLAYs wait for their answer' }
    : undefined;
}

interface ReplayNeeds {
  readonly core: Core;
  readonly session: Session;
  readonly turns: Turns;
  readonly journal: Journal;
  readonly query: JournalQuery;
  readonly limit: number;
  /** It waits no more; called once. */
  readonly ended: () => void;
}

/** The journal is not opened before the session's earlier answers went. */
class Replay implements FrameSource {
  readonly #needs: ReplayNeeds;
  readonly #ready: Uint8Array[] = [];
  #iterator: AsyncIterator<JournalEntry> | undefined;
  #left: number;
  #reading = false;
  /** No entry is wanted any more. */
  #ended: boolean;
  #counted = true;

  constructor(needs: ReplayNeeds) {
    this.#needs = needs;
    this.#left = needs.limit;
    this.#ended = needs.limit === 0;
  }

  next(): Uint8Array | 'later' | undefined {
    const frame = this.#ready.shift();
    if (frame !== undefined) {
      return frame;
    }
    if (this.#ended && !this.#reading) {
      this.#uncount();
      return undefined;
    }
    if (!this.#reading) {
      this.#readOn();
    }
    return 'later';
  }

  close(): void {
    this.#ended = true;
    this.#uncount();
    this.#leave().catch((error: unknown) => this.#tellProblem(error));
  }

  #readOn(): void {
    const { session } = this.#needs;
    this.#reading = true;
    this.#read()
      .then(() => (this.#ended ? this.#leave() : undefined))
      .catch((error: unknown) => {
        this.#ended = true;
        this.#tellProblem(error);
        const message = 'the journal could not be read to its end';
        this.#ready.push(errorFrame({ code: signalErrors.internal, message }));
      })
      .finally(() => {
        this.#reading = false;
        session.outbox.drained();
      });
  }

  async #read(): Promise<void> {
    const { journal, query } = this.#needs;
    const mayRead = this.#mayLook(looksPerReading);
    if (!(typeof mayRead === 'boolean' ? mayRead : await mayRead)) {
      return;
    }
    const mayLook = (): boolean | Promise<boolean> => this.#mayLook(1);
    this.#iterator ??= journal.entries({ ...query, mayLook })[Symbol.asyncIterator]();
    const open = this.#iterator;
    while (!this.#ended && this.#ready.length < aheadMax) {
      const step = await open.next();
      if (step.done === true) {
        this.#ended = true;
        this.#iterator = undefined;
        return;
      }
      this.#ready.push(step.value.frame);
      this.#left -= 1;
      this.#ended ||= this.#left === 0;
    }
  }

  /** False once nobody wants what would be found. */
  #mayLook(looks: number): boolean | Promise<boolean> {
    return this.#ended || this.#needs.turns.take(looks) ? !this.#ended : this.#inTurn(looks);
  }

  async #inTurn(looks: number): Promise<boolean> {
    const { turns } = this.#needs;
    do {
      await new Promise<void>((ready) => turns.later(ready));
    } while (!this.#ended && !turns.take(looks));
    return !this.#ended;
  }

  async #leave(): Promise<void> {
    const open = this.#iterator;
    this.#iterator = undefined;
    await open?.return?.();
  }

  #uncount(): void {
    if (this.#counted) {
      this.#counted = false;
      this.#needs.ended();
    }
  }

  #tellProblem(error: unknown): void {
    this.#needs.core.log.problem('signal-journal.failed', error);
  }
}
