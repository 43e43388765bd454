// One segment of a pattern against one segment of an address.

export const one = '*';
export const deep = '**';

/** `*` among text, as in `zone5*`; a segment of stars alone that is neither of the above, too. */
export function isPartial(segment: string): boolean {
  return segment !== one && segment !== deep && segment.includes('*');
}

/** What stands before the first star, behind the last, and between them. */
export interface Partial {
  readonly before: string;
  readonly between: readonly string[];
  readonly behind: string;
}

export function partialOf(segment: string): Partial {
  const pieces = segment.split('*');
  return {
    before: pieces[0] ?? '',
    between: pieces.slice(1, -1).filter((piece) => piece !== ''),
    behind: pieces.at(-1) ?? '',
  };
}

export function fitsPartial(segment: string, partial: Partial): boolean {
  const { before, behind } = partial;
  return (
    segment.length >= before.length + behind.length &&
    segment.startsWith(before) &&
    segment.endsWith(behind) &&
    fitsBetween(segment, partial)
  );
}

/** Where the ends are known to fit: each piece as far to the left as it goes leaves most room. */
export function fitsBetween(segment: string, { before, between, behind }: Partial): boolean {
  const end = segment.length - behind.length;
  let at = before.length;
  for (const piece of between) {
    const found = segment.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) {
      return false;
    }
    at = found + piece.length;
  }
  return true;
}

/** Of any segment of a pattern but `**`. */
export function segmentMatcher(segment: string): (text: string) => boolean {
  if (segment === one) {
    return () => true;
  }
  if (isPartial(segment)) {
    const partial = partialOf(segment);
    return (text) => fitsPartial(text, partial);
  }
  return (text) => text === segment;
}
