// What is an address and what is a pattern. An address is `/` and segments between slashes; a
// pattern may have `*` for one segment, `**` for any number of them, and `*` among the text of a
// segment for any text inside it. Nothing else is special.
import { addressLengthMax, addressSegmentsMax, segmentsBehindDeepMax } from './limits.ts';
import { deep } from './segment.ts';

const slash = 0x2f;

/** Why this is no address, as a sentence; undefined where it is one. */
export function addressProblem(address: string): string | undefined {
  return address.includes('*')
    ? 'an address has no wildcard; only a pattern has'
    : formProblem(address, 'an address');
}

/** Why this is no pattern, as a sentence; undefined where it is one. */
export function patternProblem(pattern: string): string | undefined {
  const problem = formProblem(pattern, 'a pattern');
  if (problem !== undefined || !pattern.includes(deep)) {
    return problem;
  }
  const segments = segmentsOf(pattern);
  const at = segments.indexOf(deep);
  return at >= 0 && segments.length - 1 - at > segmentsBehindDeepMax
    ? `a pattern has at most ${segmentsBehindDeepMax} segments behind its first **`
    : undefined;
}

function formProblem(text: string, what: string): string | undefined {
  if (text.charCodeAt(0) !== slash) {
    return `${what} begins with a slash`;
  }
  if (text.length > addressLengthMax) {
    return `${what} has at most ${addressLengthMax} characters`;
  }
  return segmentProblem(text, what);
}

/** A slash at the end makes another address: its last segment is empty. */
function segmentProblem(text: string, what: string): string | undefined {
  let segments = 1;
  for (let i = 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) {
      return `${what} has no control characters`;
    }
    if (code === slash) {
      segments += 1;
      if (text.charCodeAt(i - 1) === slash) {
        return `${what} has no empty segment but at its end`;
      }
    }
  }
  return segments > addressSegmentsMax
    ? `${what} has at most ${addressSegmentsMax} segments`
    : undefined;
}

/** A pattern that only one address fits. */
export function isLiteral(pattern: string): boolean {
  return !pattern.includes('*');
}

export function segmentsOf(text: string): readonly string[] {
  return text.slice(1).split('/');
}
