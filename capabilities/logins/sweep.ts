// What users who left leave behind: sessions of those who may not log in, and the password, codes
// and bindings of those who are known no more, so that nobody who takes their name later has them.
import type { Clock, Log, Mutex } from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { Codes } from './codes.ts';
import type { Passwords } from './passwords.ts';
import { nameOf } from './people.ts';
import type { ProviderBook } from './provider-book.ts';
import type { SessionBook } from './sessions.ts';

export interface Sweep {
  start(): void;
  stop(): Promise<void>;
  /** What is over, too. */
  clean(): Promise<void>;
}

/** Of own users, as it was seen. */
interface Change {
  readonly gone: readonly string[];
  readonly come: readonly string[];
  readonly atMs: number;
}

export function createSweep(needs: {
  readonly clock: Clock;
  readonly log: Log;
  readonly directories: Directories;
  readonly passwords: Passwords;
  readonly codes: Codes;
  readonly book: SessionBook;
  readonly providers: ProviderBook;
  readonly order: Mutex;
}): Sweep {
  const { clock, log, directories, passwords, codes, book, providers, order } = needs;
  let known = new Set<string>();
  let unsubscribe = (): void => undefined;
  let ended = false;

  const forget = async (users: readonly string[], beforeMs: number): Promise<void> => {
    if (users.length > 0) {
      await passwords.forget(users, beforeMs);
      await codes.forget(users, beforeMs);
      await providers.unbind(({ user, atMs }) => users.includes(user) && atMs < beforeMs);
    }
  };
  const look = async ({ gone, come, atMs }: Change): Promise<void> => {
    const out = await book.end(({ principal }) => directories.find(principal)?.disabled !== false);
    await forget(gone, atMs + 1);
    // Somebody new: what is older than they are was left by another of their name.
    await forget(come, atMs);
    if (out > 0) {
      log.event('logins.swept', { sessions: out });
    }
  };
  const swept = (): void => {
    // Seen at once: whoever leaves and comes back before the work is done has still left.
    const now = ownUsers(directories);
    const change = { gone: without(known, now), come: without(now, known), atMs: clock.now() };
    known = now;
    order
      .run(() => (ended ? Promise.resolve() : look(change)))
      .catch((error: unknown) => log.problem('logins.sweep-failed', error));
  };
  return {
    start() {
      known = ownUsers(directories);
      unsubscribe = directories.subscribe(swept);
      swept();
    },
    async stop() {
      unsubscribe();
      ended = true;
      await order.run(async () => undefined);
    },
    async clean() {
      await book.end((session) => book.endsMs(session) <= clock.now());
      await codes.forget([], clock.now());
    },
  };
}

function ownUsers(directories: Directories): Set<string> {
  return new Set(
    directories
      .accounts()
      .map(({ principal }) => principal)
      .filter((each) => each.startsWith('user:') && !each.includes('@'))
      .map(nameOf),
  );
}

function without(some: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  return [...some].filter((user) => !others.has(user));
}
