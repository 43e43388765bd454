// What still goes onto a line that has no room: a bound in bytes, until it has room again.
import { federationLimits } from './limits.ts';

/** Where frames go, and whether too many wait there. */
export interface LinkPort {
  readonly id: string;
  send(frame: Uint8Array): void;
  isClogged(): boolean;
}

export interface Allowance {
  /** Something goes onto the line now. */
  sent(bytes: number): void;
  /** Whether the line has no room and has been given all that it may be given all the same. */
  isSpent(): boolean;
}

export function createAllowance(port: LinkPort): Allowance {
  let spent = 0;
  return {
    sent(bytes) {
      spent = port.isClogged() ? spent + bytes : 0;
    },
    isSpent: () => port.isClogged() && spent >= federationLimits.cloggedBytesMax,
  };
}
