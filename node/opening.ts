// What each step of a start is handed: the settings, the world, and what to undo.
import type { Clock, Log, Random } from '@hansa/foundation';
import type { Config } from './config.ts';

/** A node on its way up. */
export interface Opening {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What to undo, last first. */
  readonly undo: (() => Promise<unknown>)[];
  /** Given up between its steps when this is aborted. */
  readonly signal: AbortSignal;
}
