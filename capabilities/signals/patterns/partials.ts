// The partial segments (`zone5*`) under one node of the trie. They are found by what they begin and
// end with, so that asking costs as much as there are shapes of them (lengths of beginning and end)
// and not as there are partials.
import { fitsBetween, partialOf, type Partial } from './segment.ts';

interface Entry<T> {
  readonly partial: Partial;
  readonly node: T;
}

/** All partials with a beginning and an end of these lengths, by both. */
interface Shape<T> {
  readonly before: number;
  readonly behind: number;
  readonly entries: Map<string, Map<string, Entry<T>>>;
}

export class Partials<T> {
  readonly #shapes = new Map<string, Shape<T>>();

  get isEmpty(): boolean {
    return this.#shapes.size === 0;
  }

  /** `make` is asked for the node where there is none. */
  take(segment: string, make: () => T): T {
    const partial = partialOf(segment);
    const { before, behind } = partial;
    const shapeKey = `${before.length},${behind.length}`;
    let shape = this.#shapes.get(shapeKey);
    if (shape === undefined) {
      shape = { before: before.length, behind: behind.length, entries: new Map() };
      this.#shapes.set(shapeKey, shape);
    }
    const ends = endsOf(before, behind);
    let entries = shape.entries.get(ends);
    if (entries === undefined) {
      entries = new Map();
      shape.entries.set(ends, entries);
    }
    let entry = entries.get(segment);
    if (entry === undefined) {
      entry = { partial, node: make() };
      entries.set(segment, entry);
    }
    return entry.node;
  }

  get(segment: string): T | undefined {
    const { before, behind } = partialOf(segment);
    return this.#shapes
      .get(`${before.length},${behind.length}`)
      ?.entries.get(endsOf(before, behind))
      ?.get(segment)?.node;
  }

  delete(segment: string): void {
    const { before, behind } = partialOf(segment);
    const shapeKey = `${before.length},${behind.length}`;
    const shape = this.#shapes.get(shapeKey);
    const ends = endsOf(before, behind);
    const entries = shape?.entries.get(ends);
    entries?.delete(segment);
    if (entries?.size === 0) {
      shape?.entries.delete(ends);
    }
    if (shape?.entries.size === 0) {
      this.#shapes.delete(shapeKey);
    }
  }

  match(segment: string, found: (node: T) => void): void {
    for (const { before, behind, entries } of this.#shapes.values()) {
      if (segment.length < before + behind) {
        continue;
      }
      const ends = endsOf(segment.slice(0, before), segment.slice(segment.length - behind));
      entries.get(ends)?.forEach(({ partial, node }) => {
        if (fitsBetween(segment, partial)) {
          found(node);
        }
      });
    }
  }
}

/** No star is in either. */
function endsOf(before: string, behind: string): string {
  return `${before}*${behind}`;
}
