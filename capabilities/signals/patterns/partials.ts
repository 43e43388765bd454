// The partial segments (`zone5*`) under one node of the trie. They are found by what they begin and
// end with, so that asking costs as much as there are shapes of them (lengths of beginning and end)
// and not as there are partials.
import { fitsBetween, partialOf, type Partial } from './segment.ts';

interface Entry<T> {
  readonly segment: string;
  readonly partial: Partial;
  readonly node: T;
}

/** All partials with a beginning and an end of these lengths, by both of them in a row. */
interface Shape<T> {
  readonly before: number;
  readonly behind: number;
  readonly entries: Map<string, Entry<T>[]>;
}

export class Partials<T> {
  readonly #shapes: Shape<T>[] = [];

  get isEmpty(): boolean {
    return this.#shapes.length === 0;
  }

  /** `make` is asked for the node where there is none. */
  take(segment: string, make: () => T): T {
    const partial = partialOf(segment);
    const entries = this.#entriesTaken(partial);
    let entry = entries.find((one) => one.segment === segment);
    if (entry === undefined) {
      entry = { segment, partial, node: make() };
      entries.push(entry);
    }
    return entry.node;
  }

  get(segment: string): T | undefined {
    const partial = partialOf(segment);
    const entries = this.#shape(partial)?.entries.get(partial.before + partial.behind);
    return entries?.find((one) => one.segment === segment)?.node;
  }

  delete(segment: string): void {
    const partial = partialOf(segment);
    const ends = partial.before + partial.behind;
    const shape = this.#shape(partial);
    const entries = shape?.entries.get(ends);
    const at = entries?.findIndex((one) => one.segment === segment) ?? -1;
    if (shape === undefined || entries === undefined || at < 0) {
      return;
    }
    entries.splice(at, 1);
    if (entries.length === 0) {
      shape.entries.delete(ends);
    }
    if (shape.entries.size === 0) {
      this.#shapes.splice(this.#shapes.indexOf(shape), 1);
    }
  }

  match(segment: string, found: (node: T) => void): void {
    for (const { before, behind, entries } of this.#shapes) {
      if (segment.length >= before + behind) {
        for (const { partial, node } of entries.get(endsOf(segment, before, behind)) ?? []) {
          if (fitsBetween(segment, partial)) {
            found(node);
          }
        }
      }
    }
  }

  #shape({ before, behind }: Partial): Shape<T> | undefined {
    return this.#shapes.find(
      (shape) => shape.before === before.length && shape.behind === behind.length,
    );
  }

  #entriesTaken(partial: Partial): Entry<T>[] {
    const { before, behind } = partial;
    let shape = this.#shape(partial);
    if (shape === undefined) {
      shape = { before: before.length, behind: behind.length, entries: new Map() };
      this.#shapes.push(shape);
    }
    let entries = shape.entries.get(before + behind);
    if (entries === undefined) {
      entries = [];
      shape.entries.set(before + behind, entries);
    }
    return entries;
  }
}

function endsOf(segment: string, before: number, behind: number): string {
  if (behind === 0) {
    return segment.slice(0, before);
  }
  const end = segment.slice(segment.length - behind);
  return before === 0 ? end : segment.slice(0, before) + end;
}
