// What a command that watches does: it shows items until it is interrupted, and where the watch
// breaks off it begins anew. For the `cli.ts` rooms.
import { textView, type CommandContext, type CommandOutput } from './command.ts';
import type { ErrorCode } from './error-codes.ts';
import { isHansaError } from './errors.ts';

export interface LastingWatch<T> {
  /** Asked again after each break: goes on where it was, or begins with how things stand. */
  open(): AsyncIterable<T>;
  show(item: T): Promise<void>;
  /** Ends after so many. */
  readonly max?: number | undefined;
  /** Added to what is told of a break, where something may be missed by it. */
  readonly missed?: string;
}

const firstWaitMs = 250; // a node that restarts is back in a second or two
const waitMsMax = 5_000; // so late is one noticed that was away for long

/** What was there, and is not now. */
const breaks: readonly ErrorCode[] = ['CONNECTION_CLOSED', 'SHUTTING_DOWN', 'NODE_DEPOSED'];
/** As whoever it was answers, or does not, until it is there again. */
const absences: readonly ErrorCode[] = [
  ...breaks,
  'NODE_UNREACHABLE',
  'NODE_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'DIAL_FAILED',
  'TIMED_OUT',
];

interface State {
  shown: number;
  /** Of the last attempt after a break; 0 as long as it goes well. */
  waitMs: number;
}

/** Rejects where there is nobody at first, and with whatever is not a break. */
export async function showWatch<T>(
  context: Pick<CommandContext, 'progress' | 'wait'>,
  watch: LastingWatch<T>,
): Promise<CommandOutput> {
  const state: State = { shown: 0, waitMs: 0 };
  for (;;) {
    try {
      await showItems(watch, state);
      break;
    } catch (error) {
      const known = state.shown === 0 && state.waitMs === 0 ? breaks : absences;
      if (!isHansaError(error) || !known.includes(error.code)) {
        throw error;
      }
      if (breaks.includes(error.code)) {
        state.waitMs = 0; // it was there again
      }
      if (state.waitMs === 0) {
        context.progress(`${error.message}; trying again until interrupted${watch.missed ?? ''}`);
      }
      state.waitMs = Math.min(waitMsMax, state.waitMs * 2 || firstWaitMs);
      await context.wait(state.waitMs);
    }
  }
  const { shown } = state;
  return { data: { shown }, view: textView(`The watch ended after ${shown}.`), asLine: true };
}

async function showItems<T>({ open, show, max }: LastingWatch<T>, state: State): Promise<void> {
  for await (const item of open()) {
    state.waitMs = 0;
    await show(item);
    state.shown += 1;
    if (state.shown === max) {
      return;
    }
  }
}
