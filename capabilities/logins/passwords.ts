// Passwords of own users: how good one must be, and whether one is the one. Whoever is not known
// costs as much time as whoever is.
import {
  HansaError,
  toHex,
  type Clock,
  type KeyValueStore,
  type Random,
  type WatchedTable,
} from '@hansa/foundation';
import { passwordLengthMin, passwordsMax } from './fields.ts';
import type { LoginTables, PasswordRecord } from './keys.ts';
import type { PasswordHashing } from './password-hashing.ts';

const repeatsMin = 4; // a password of fewer different letters is a key held down

export interface PasswordsNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly hashing: PasswordHashing;
  readonly tables: Pick<LoginTables, 'passwords'>;
  readonly passwords: WatchedTable<PasswordRecord>;
}

export interface Passwords {
  /** Makes what unknown users are compared with. */
  start(): Promise<void>;
  find(user: string): PasswordRecord | undefined;
  isRight(user: string, password: string): Promise<boolean>;
  /** PASSWORD_WEAK, STORE_LIMIT */
  requireFit(user: string, password: string): void;
  set(given: { user: string; password: string; mustChange: boolean }): Promise<void>;
  /** Those that were set before then. */
  forget(users: readonly string[], beforeMs: number): Promise<void>;
}

export function createPasswords(needs: PasswordsNeeds): Passwords {
  const { store, clock, random, hashing, tables, passwords } = needs;
  let nobodys = '';
  const find = (user: string): PasswordRecord | undefined => passwords.find(user)?.value;
  return {
    find,
    async start() {
      nobodys = await hashing.hash(toHex(random.bytes(32)));
    },
    async isRight(user, password) {
      const held = find(user);
      const right = await hashing.verify(held?.phc ?? nobodys, normal(password));
      return right && held !== undefined;
    },
    requireFit(user, password) {
      requireStrong(user, normal(password));
      if (find(user) === undefined && passwords.rows.size >= passwordsMax) {
        throw new HansaError('STORE_LIMIT', `${passwordsMax} users have passwords already`);
      }
    },
    async set({ user, password, mustChange }) {
      const phc = await hashing.hash(normal(password));
      const record = { user, phc, setMs: clock.now(), mustChange };
      const put = tables.passwords.put([user], record);
      const { revision } = await store.transact({ if: [], then: [put] });
      await passwords.reached(revision);
    },
    async forget(users, beforeMs) {
      const isOld = (user: string): boolean => (find(user)?.setMs ?? beforeMs) < beforeMs;
      for (const user of users.filter(isOld)) {
        const away = tables.passwords.delete([user]);
        const { revision } = await store.transact({ if: [], then: [away] });
        await passwords.reached(revision);
      }
    },
  };
}

/** The same letters, however a keyboard composes them. */
function normal(password: string): string {
  return password.normalize('NFKC');
}

function requireStrong(user: string, password: string): void {
  const letters = [...password];
  if (letters.length < passwordLengthMin) {
    throw new HansaError('PASSWORD_WEAK', `a password has at least ${passwordLengthMin} letters`, {
      fix: 'take a sentence, or let a password manager make one',
    });
  }
  const same = password.toLowerCase() === user;
  if (same || new Set(letters).size < repeatsMin) {
    throw new HansaError('PASSWORD_WEAK', 'the password is the first that anybody would try', {
      fix: 'take a sentence, or let a password manager make one',
    });
  }
}
