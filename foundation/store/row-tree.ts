// Rows by the parts of their keys, for caches that are asked far more often than they change: a
// look-up packs no key and makes no text.
import type { Row } from './table.ts';
import type { TuplePart } from './tuple.ts';

interface Branch<T> {
  row: Row<T> | undefined;
  readonly below: Map<TuplePart, Branch<T>>;
}

export class RowTree<T> {
  #root: Branch<T> = branch();

  /** Bytes are no part that it knows: two of the same content are not the same to a map. */
  static holds(parts: readonly TuplePart[]): boolean {
    return !parts.some((part) => typeof part === 'object');
  }

  find(parts: readonly TuplePart[]): Row<T> | undefined {
    let at: Branch<T> | undefined = this.#root;
    for (const part of parts) {
      at = at.below.get(part);
      if (at === undefined) {
        return undefined;
      }
    }
    return at.row;
  }

  set(row: Row<T>): void {
    let at = this.#root;
    for (const part of row.key) {
      const next = at.below.get(part) ?? branch();
      at.below.set(part, next);
      at = next;
    }
    at.row = row;
  }

  delete(parts: readonly TuplePart[]): void {
    remove(this.#root, parts);
  }

  clear(): void {
    this.#root = branch();
  }
}

function branch<T>(): Branch<T> {
  return { row: undefined, below: new Map() };
}

/** What holds nothing any more is not kept. */
function remove<T>(from: Branch<T>, [part, ...rest]: readonly TuplePart[]): void {
  if (part === undefined) {
    from.row = undefined;
    return;
  }
  const next = from.below.get(part);
  if (next === undefined) {
    return;
  }
  remove(next, rest);
  if (next.row === undefined && next.below.size === 0) {
    from.below.delete(part);
  }
}
