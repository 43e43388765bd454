// What still goes onto a line that has no room: a bound in bytes, until it has room again.
import { federationLimits } from './limits.ts';

export interface Allowance {
  /** Something goes onto the line now. */
  sent(bytes: number): void;
  /** Whether the line has no room and has been given all that it may be given all the same. */
  isSpent(): boolean;
}

export function createAllowance(isClogged: () => boolean): Allowance {
  let spent = 0;
  return {
    sent(bytes) {
      spent = isClogged() ? spent + bytes : 0;
    },
    isSpent: () => isClogged() && spent >= federationLimits.cloggedBytesMax,
  };
}
