// A pattern of names as Cedar says it. Cedar's star goes across "/"; of ours, only `**` does. Where
// both kinds are in one pattern, what comes out may refuse a name that the pattern has, and never
// takes one that it has not.

type Piece = '*' | '**' | (string & {});

/** A condition on `resource.name`. */
export function nameCondition(pattern: string): string {
  const pieces: readonly Piece[] = pattern.match(/\*\*|\*|[^*]+/g) ?? [];
  if (!pieces.some(isStar)) {
    return `resource.name == ${quoted(pattern)}`;
  }
  const fits = like(pieces);
  if (!pieces.includes('*')) {
    return fits;
  }
  const refused = pieces.includes('**') ? withinSegments(pieces) : [deeperThan(pattern)];
  return [fits, ...refused.map((one) => `!(${one})`)].join(' && ');
}

/** Where the letters have all slashes that a name may have, no star has taken one. */
function deeperThan(pattern: string): string {
  const slashes = pattern.split('/').length;
  return `resource.name like ${quoted(`*${'/*'.repeat(slashes)}`)}`;
}

/** What a name looks like when one of the stars has taken a slash. */
function withinSegments(pieces: readonly Piece[]): readonly string[] {
  return pieces.flatMap((piece, at) =>
    piece === '*' && !yields(pieces, at)
      ? [like([...pieces.slice(0, at), '*', '/', '*', ...pieces.slice(at + 1)])]
      : [],
  );
}

/**
 * Between such a star and a `**` there are only single slashes and stars: what it took too much of,
 * the `**` can take. Two slashes in a row are a place that may be there but once.
 */
function yields(pieces: readonly Piece[], at: number): boolean {
  const before = pieces.slice(0, at).toReversed();
  return [pieces.slice(at + 1), before].some((way) => {
    const end = way.indexOf('**');
    return end >= 0 && way.slice(0, end).every((piece) => piece === '/' || isStar(piece));
  });
}

function like(pieces: readonly Piece[]): string {
  const glob = pieces.map((piece) => (isStar(piece) ? '*' : piece)).join('');
  return `resource.name like ${quoted(glob.replaceAll(/\*+/g, '*'))}`;
}

function isStar(piece: Piece): boolean {
  return piece === '*' || piece === '**';
}

export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
