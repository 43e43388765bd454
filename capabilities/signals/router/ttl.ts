// What the TTL of a param says, as on the wire.
import { ttlAbsoluteBit } from '../frames/messages.ts';

/** Counted from the last write; else from the last use. */
export function isAbsolute(ttl: number | undefined): boolean {
  return ttl !== undefined && ttl >= ttlAbsoluteBit;
}

/** Undefined for ever. */
export function secondsOf(ttl: number): number | undefined {
  return ttl === 0 ? undefined : ttl % ttlAbsoluteBit;
}
