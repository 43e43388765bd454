// What routers tell of themselves, looked at by itself.
import { patternProblem } from '../patterns/address.ts';
import { federationLimits } from './limits.ts';
import type { Advert } from './suffix.ts';

/** Whether they say the same, whenever each was said. */
export function isAlike(one: Advert, other: Advert): boolean {
  const same = (these: readonly string[], those: readonly string[]): boolean =>
    these.length === those.length && these.every((each, at) => each === those[at]);
  return same(one.patterns, other.patterns) && same(one.neighbours, other.neighbours);
}

/** Why no router would tell that of itself, as a sentence. */
export function problemOf({ routerId, patterns, neighbours }: Advert): string | undefined {
  const { patternsMax, routersMax, routerIdBytesMax } = federationLimits;
  if (patterns.length > patternsMax) {
    return `too many namespace patterns: ${patterns.length} (max ${patternsMax})`;
  }
  if (neighbours.length > routersMax || routerId.length > routerIdBytesMax) {
    return 'a router tells of itself what no router is';
  }
  const bad = patterns.find((pattern) => patternProblem(pattern) !== undefined);
  return bad === undefined ? undefined : `a namespace is no pattern: ${patternProblem(bad) ?? ''}`;
}
