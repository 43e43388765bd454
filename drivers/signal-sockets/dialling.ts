// What both clients share.
import { HansaError } from '@hansa/foundation';

export const dialMsDefault = 10_000; // as a server waits for the first message

export function dialFailed(target: string, cause: unknown): HansaError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HansaError('DIAL_FAILED', `${target} cannot be reached: ${why}`, { cause });
}
