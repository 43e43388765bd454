// Patterns against patterns: whether one says no more than another, and whether two may speak of
// the same address.
import { isLiteral } from './address.ts';
import { matcherOf } from './matching.ts';
import { deep, isPartial, one, segmentMatcher } from './segment.ts';

/**
 * Whether whatever `request` matches, `declared` matches too. It may be too strict where a segment
 * holds a star among text: `zone5*` is covered by itself, by `*` and by `**`.
 */
export function covers(declared: string, request: string): boolean {
  if (declared === request) {
    return true;
  }
  if (isLiteral(request) && matcherOf(declared)(request)) {
    return true;
  }
  return includes(namedSegments(declared), namedSegments(request));
}

/** Empty segments say nothing, but for one at the end, which makes another address. */
function namedSegments(pattern: string): readonly string[] {
  const segments = pattern.split('/');
  return segments.filter((segment, i) => segment !== '' || (i > 1 && i === segments.length - 1));
}

/** A `**` of the declared pattern takes any segments asked for, with wildcards or without. */
function includes(declared: readonly string[], request: readonly string[]): boolean {
  let [at, from] = [0, 0];
  let [deepAt, deepFrom] = [-1, 0];
  while (from < request.length) {
    if (declared[at] === deep) {
      [deepAt, deepFrom] = [at, from];
      at += 1;
    } else if (at < declared.length && isWithin(request[from] ?? '', declared[at] ?? '')) {
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
  return declared.slice(at).every((segment) => segment === deep);
}

function isWithin(request: string, declared: string): boolean {
  if (request === deep) {
    return false;
  }
  if (declared === one || declared === request) {
    return true;
  }
  const isWild = request === one || isPartial(request);
  return !isWild && segmentMatcher(declared)(request);
}

/**
 * Whether two patterns may speak of one address, looked at up to the first wildcard of either: good
 * for a warning, and says yes rather than no.
 */
export function overlaps(a: string, b: string): boolean {
  const [left, right] = [namedSegments(a), namedSegments(b)];
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i += 1) {
    const [mine, theirs] = [left[i] ?? '', right[i] ?? ''];
    if (mine.includes('*') || theirs.includes('*')) {
      return true;
    }
    if (mine !== theirs) {
      return false;
    }
  }
  return true;
}
