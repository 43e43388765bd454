// Which ref names git takes, decided without git: names come from pushers and from other clusters,
// and a bad one must be refused before it is written to a file or to git's standard input.

// with a cache's folder before it, still a path of 4,096 bytes
export const refNameBytesMax = 1_000;
export const refSegmentBytesMax = 250; // file systems allow 255, and git appends `.lock`

// Control characters, space, DEL, what means something in git's revision language, and half
// characters.
// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\p{Surrogate}/u;
const encoder = new TextEncoder();

/**
 * A full ref name that git takes in a push: `refs/heads/main`, as `git check-ref-format` decides.
 */
export function refNameIsValid(name: string): boolean {
  const segments = name.split('/');
  return (
    segments.length >= 3 &&
    segments[0] === 'refs' &&
    bytesOf(name) <= refNameBytesMax &&
    !forbidden.test(name) &&
    !name.endsWith('.') &&
    segments.every(segmentIsValid)
  );
}

function segmentIsValid(segment: string): boolean {
  return (
    segment !== '' &&
    !segment.startsWith('.') &&
    !segment.endsWith('.lock') &&
    bytesOf(segment) <= refSegmentBytesMax
  );
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/**
 * The refs that cannot stand beside the others, because one's name is a folder of another's (`a`,
 * `a/b`): every pair, as `[shorter, longer]`.
 */
export function* refNameClashes(names: Iterable<string>): Iterable<[string, string]> {
  const known = new Set(names);
  for (const name of known) {
    for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) {
      const folder = name.slice(0, at);
      if (known.has(folder)) {
        yield [folder, name];
      }
    }
  }
}
