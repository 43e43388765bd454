// One pattern against one address, with the very meaning that the trie has.
import { isLiteral, segmentsOf } from './address.ts';
import { deep, segmentMatcher } from './segment.ts';

export type Matcher = (address: string) => boolean;

/** To be kept by those who ask more than once. */
export function matcherOf(pattern: string): Matcher {
  if (isLiteral(pattern)) {
    return (address) => address === pattern;
  }
  const stem = pattern.slice(0, -3);
  if (pattern.endsWith('/**') && isLiteral(stem)) {
    return below(stem);
  }
  return bySegments(pattern);
}

/** Of `/stem/**`: the stem itself and everything under it. */
function below(stem: string): Matcher {
  const inside = `${stem}/`;
  return (address) => address.startsWith(inside) || (address === stem && stem !== '');
}

function bySegments(pattern: string): Matcher {
  const wanted = segmentsOf(pattern).map((segment) =>
    segment === deep ? undefined : segmentMatcher(segment),
  );
  return (address) => address.startsWith('/') && fits(wanted, segmentsOf(address));
}

/**
 * `undefined` stands for `**`. Going back to the last `**` alone is enough: what an earlier one
 * could take as well, the last one can.
 */
function fits(wanted: readonly (Matcher | undefined)[], segments: readonly string[]): boolean {
  let [at, from] = [0, 0];
  let [deepAt, deepFrom] = [-1, 0];
  while (from < segments.length) {
    const matcher = wanted[at];
    if (at < wanted.length && matcher === undefined) {
      [deepAt, deepFrom] = [at, from];
      at += 1;
    } else if (matcher?.(segments[from] ?? '') === true) {
      at += 1;
      from += 1;
    } else if (deepAt >= 0) {
      deepFrom += 1;
      at = deepAt + 1;
      from = deepFrom;
    } else {
      return false;
    }
  }
  return wanted.slice(at).every((matcher) => matcher === undefined);
}
