// Who claims which patterns: whose an address is, and what nobody else may claim beside it. A
// change costs as much as it changes, however much is claimed.
import { createPatternIndex } from '../patterns/trie.ts';
import { restPattern } from './config.ts';

export interface Holder {
  /** This router; a peer of another kind; a router of ours, by its own word or as stated here. */
  readonly kind: 'self' | 'peer' | 'router' | 'stated';
  readonly id: string;
  /** For sentences. */
  readonly name: string;
}

export interface Claimed {
  readonly holder: Holder;
  readonly pattern: string;
}

export interface NamespaceBook {
  /** What the holder claims from now on, instead of what it did. */
  claim(holder: Holder, patterns: readonly string[]): void;
  /** Those that match the address. */
  match(address: string, found: (claimed: Claimed) => void): void;
  /**
   * A claim that cannot stand beside the pattern, of a holder that counts. Patterns are compared up
   * to their first wildcard, as `overlaps` does; `/**` stands beside all but itself.
   */
  conflict(pattern: string, counts: (holder: Holder) => boolean): Claimed | undefined;
}

/** By stem, then by holder. */
type Shelf = Map<string, Map<string, Claimed>>;

export function createNamespaceBook(): NamespaceBook {
  return new Book();
}

class Book implements NamespaceBook {
  readonly #held = new Map<string, readonly Claimed[]>();
  readonly #index = createPatternIndex<Claimed>();
  readonly #at: Shelf = new Map();
  /** A claim somewhere below. */
  readonly #below: Shelf = new Map();

  claim(holder: Holder, patterns: readonly string[]): void {
    const key = keyOf(holder);
    for (const claimed of this.#held.get(key) ?? []) {
      this.#index.remove(claimed.pattern, claimed);
      this.#placesOf(claimed.pattern, (shelf, stem) => takeOff(shelf, stem, key));
    }
    const claims = patterns.map((pattern) => ({ holder, pattern }));
    for (const claimed of claims) {
      this.#index.add(claimed.pattern, claimed);
      this.#placesOf(claimed.pattern, (shelf, stem) => putOn(shelf, stem, { key, claimed }));
    }
    if (claims.length > 0) {
      this.#held.set(key, claims);
    } else {
      this.#held.delete(key);
    }
  }

  match(address: string, found: (claimed: Claimed) => void): void {
    this.#index.match(address, found);
  }

  conflict(pattern: string, counts: (holder: Holder) => boolean): Claimed | undefined {
    const found = (shelf: Shelf, stem: string): Claimed | undefined => {
      for (const claimed of shelf.get(stem)?.values() ?? []) {
        if (counts(claimed.holder)) {
          return claimed;
        }
      }
      return undefined;
    };
    if (pattern === restPattern) {
      return found(this.#at, restPattern);
    }
    const stems = stemsOf(pattern);
    for (const stem of stems) {
      const above = found(this.#at, stem);
      if (above !== undefined) {
        return above;
      }
    }
    return found(this.#below, stems.at(-1) ?? '');
  }

  #placesOf(pattern: string, each: (shelf: Shelf, stem: string) => void): void {
    if (pattern === restPattern) {
      each(this.#at, restPattern);
      return;
    }
    const stems = stemsOf(pattern);
    const last = stems.length - 1;
    stems.forEach((stem, i) => each(i === last ? this.#at : this.#below, stem));
  }
}

function keyOf({ kind, id }: Holder): string {
  return `${kind} ${id}`;
}

/** One of a holder's claims is enough: they come and go together. */
function putOn(
  shelf: Shelf,
  stem: string,
  { key, claimed }: { readonly key: string; readonly claimed: Claimed },
): void {
  const there = shelf.get(stem);
  if (there === undefined) {
    shelf.set(stem, new Map([[key, claimed]]));
  } else if (!there.has(key)) {
    there.set(key, claimed);
  }
}

function takeOff(shelf: Shelf, stem: string, key: string): void {
  const there = shelf.get(stem);
  if (there?.delete(key) === true && there.size === 0) {
    shelf.delete(stem);
  }
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
