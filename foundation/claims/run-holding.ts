// A command that holds something while a program runs, and ends the program where the hold is lost:
// `hansa lock run`, `hansa election run`. What touches processes and time is handed in.
import { abortable } from '../cancellation.ts';
import { deadline, type Clock } from '../clock.ts';
import type { CommandContext, CommandOutput } from '../command.ts';
import { errorCodes } from '../error-codes.ts';
import { HansaError, isHansaError } from '../errors.ts';

export interface ProgramRunner {
  /** Who runs it: a host and a process; nobody else is called so. */
  readonly me: string;
  readonly clock: Clock;
  /**
   * Runs a program on this terminal and resolves with its exit code. Where the signal aborts, it is
   * asked to end, and a while later made to; so it is where this process is asked to.
   */
  run(
    words: readonly string[],
    options: { readonly env: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ): Promise<number>;
}

/** What is held while it runs. */
export interface HeldForRun {
  /** As it was answered: what `-o json` shows at the end. */
  readonly hold: object;
  readonly ttlSeconds: number;
  /** By the clock of the runner, before its last renewal was sent. */
  readonly sentMs: number;
  readonly env: Readonly<Record<string, string>>;
  renew(): Promise<{ readonly ttlSeconds: number }>;
  release(): Promise<unknown>;
}

const renewalsPerTtl = 3; // two may be lost
const retryMs = 500; // a node that restarts is back soon

/** The exit code is the program's own, or 5 where the hold was lost under it. */
export async function runHolding(
  context: CommandContext,
  runner: ProgramRunner,
  given: { readonly words: readonly string[]; readonly held: HeldForRun },
): Promise<CommandOutput> {
  const { words, held } = given;
  const stop = new AbortController();
  const pass = (): void => stop.abort(context.signal.reason);
  context.signal.addEventListener('abort', pass, { once: true });
  const ended = new AbortController();
  let lost: HansaError | undefined;
  const keeping = keepHolding(runner.clock, held, ended.signal).then((why) => {
    lost = why;
    if (why !== undefined) {
      context.progress(`${why.message}: the program is ended`);
      stop.abort(why);
    }
  });
  try {
    if (context.signal.aborted) {
      pass();
    }
    const code = await runner.run(words, { env: held.env, signal: stop.signal });
    const exit = lost === undefined ? code : errorCodes.COORDINATION_LOST.exit;
    const view = { kind: 'text' as const, text: '' };
    return { data: { ...held.hold, exit, lost: lost !== undefined }, view, exit };
  } finally {
    context.signal.removeEventListener('abort', pass);
    ended.abort();
    await keeping;
    if (lost === undefined) {
      await held.release().catch(() => undefined); // it ends by itself
    }
  }
}

/** Renews until the signal aborts; answers why where it is not held any more, or may not be. */
async function keepHolding(
  clock: Clock,
  held: HeldForRun,
  ended: AbortSignal,
): Promise<HansaError | undefined> {
  const ttlMs = held.ttlSeconds * 1_000;
  const beatMs = ttlMs / renewalsPerTtl;
  let untilMs = held.sentMs + ttlMs;
  let pauseMs = beatMs;
  while (!ended.aborted) {
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) {
      return new HansaError('COORDINATION_LOST', 'the hold could not be renewed in its time');
    }
    await clock.sleep(Math.min(pauseMs, leftMs), ended).catch(() => undefined);
    const sentMs = clock.monotonicMs();
    try {
      if (!ended.aborted && sentMs < untilMs) {
        await renewWithin(clock, held, { ms: untilMs - sentMs, ended });
        untilMs = sentMs + ttlMs;
        pauseMs = beatMs;
      }
    } catch (error) {
      if (isHansaError(error, 'COORDINATION_LOST')) {
        return error;
      }
      pauseMs = Math.min(beatMs, retryMs);
    }
  }
  return undefined;
}

/** Nobody else has it before its time is over: what does not answer until then is late. */
async function renewWithin(
  clock: Clock,
  held: HeldForRun,
  { ms, ended }: { readonly ms: number; readonly ended: AbortSignal },
): Promise<void> {
  const { signal, done } = deadline(clock, ms, {
    reason: () => new HansaError('TIMED_OUT', 'no answer in time'),
    signal: ended,
  });
  try {
    await abortable(held.renew(), signal);
  } finally {
    done();
  }
}
