// Who has claimed which patterns, so that no two routers claim what may be one address. Patterns
// are compared up to their first wildcard, as `overlaps` does, by look-up: a thousand against a
// hundred thousand costs a thousand look-ups.
import { restPattern } from './config.ts';

export interface Claimed {
  readonly owner: string;
  readonly pattern: string;
}

export interface NamespaceBook {
  add(owner: string, patterns: readonly string[]): void;
  /** A claim that cannot stand beside the pattern. `/**` stands beside all but itself. */
  conflict(pattern: string): Claimed | undefined;
}

export function createNamespaceBook(): NamespaceBook {
  const at = new Map<string, Claimed>();
  /** A claim somewhere below. */
  const below = new Map<string, Claimed>();
  let rest: Claimed | undefined;
  return {
    add(owner, patterns) {
      for (const pattern of patterns) {
        const claimed = { owner, pattern };
        if (pattern === restPattern) {
          rest ??= claimed;
          continue;
        }
        const stems = stemsOf(pattern);
        const last = stems.length - 1;
        stems.forEach((stem, i) => {
          const book = i === last ? at : below;
          book.set(stem, book.get(stem) ?? claimed);
        });
      }
    },
    conflict(pattern) {
      if (pattern === restPattern) {
        return rest;
      }
      const stems = stemsOf(pattern);
      for (const stem of stems) {
        const above = at.get(stem);
        if (above !== undefined) {
          return above;
        }
      }
      return below.get(stems.at(-1) ?? '');
    },
  };
}

/** From the root to where the first wildcard stands, each with what is above it. */
function stemsOf(pattern: string): readonly string[] {
  const stems = [''];
  for (const segment of pattern.split('/')) {
    if (segment.includes('*')) {
      break;
    }
    if (segment !== '') {
      stems.push(`${stems.at(-1) ?? ''}/${segment}`);
    }
  }
  return stems;
}
