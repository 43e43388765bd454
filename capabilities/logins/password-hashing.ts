// Turning passwords into what may be kept, and telling whether one is the one: the driver's work.
// Here is also the bound on how much of it is under way: each takes memory, and strangers ask.
import { HansaError } from '@hansa/foundation';

/** Drivers: passwords-argon2. */
export interface PasswordHashing {
  /** As a PHC string, which says how it was made. */
  hash(password: string): Promise<string>;
  /** False where the password is another one, and where the string is none. */
  verify(phc: string, password: string): Promise<boolean>;
}

// 19 MiB each: what a small machine has to spare
export const hashingRunningMax = 4;
// a second or two of waiting; whoever comes later is told to come again
export const hashingWaitingMax = 64;

const retryAfterSeconds = 2; // by then those who wait have been served

/** At most so many at once; RATE_LIMITED beyond those who may wait. */
export function boundedHashing(hashing: PasswordHashing): PasswordHashing {
  const waiting: (() => void)[] = [];
  let running = 0;
  const enter = async (): Promise<void> => {
    if (running < hashingRunningMax) {
      running += 1;
      return;
    }
    if (waiting.length >= hashingWaitingMax) {
      throw new HansaError('RATE_LIMITED', 'too many people log in at this moment', {
        fix: `retry in ${retryAfterSeconds} s`,
        facts: { retryAfterSeconds },
      });
    }
    // Whoever leaves hands its place on: `running` stays as it is.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) {
      running -= 1;
    } else {
      next();
    }
  };
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
  return {
    hash: (password) => within(() => hashing.hash(password)),
    verify: (phc, password) => within(() => hashing.verify(phc, password)),
  };
}
