// The system's randomness.
import { randomBytes } from 'node:crypto';
import type { Random } from '@hansa/foundation';

export function createSystemRandom(): Random {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    fraction: () => Math.random(),
  };
}
