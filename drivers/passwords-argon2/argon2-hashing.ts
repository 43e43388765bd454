// Passwords hashed with argon2id, at the cost that OWASP recommends for it: 19 MiB, two passes, one
// lane. Outside of the event loop, on the threads of the library.
import type * as argon2 from '@node-rs/argon2';
import type { PasswordHashing } from '@hansa/capabilities/logins/password-hashing';

export const memoryKib = 19_456; // 19 MiB: what makes guessing on graphics cards dear
export const passes = 2; // with so much memory, as much as one pass over 46 MiB

const phcLengthMax = 512; // ours have about a hundred letters; what is longer is none

export function createArgon2Hashing(): PasswordHashing {
  return {
    // The library's own choice is argon2id; its constant for it cannot be read module by module.
    async hash(password) {
      const { hash } = await library();
      return hash(password, { memoryCost: memoryKib, timeCost: passes, parallelism: 1 });
    },
    async verify(phc, password) {
      if (!phc.startsWith('$argon2id$') || phc.length > phcLengthMax) {
        return false;
      }
      const { verify } = await library();
      return verify(phc, password).catch(() => false);
    },
  };
}

/** Loaded by the first password: a node may run for months without one. */
function library(): Promise<typeof argon2> {
  return import('@node-rs/argon2');
}
