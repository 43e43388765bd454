// A node of the trie: what is below one beginning of patterns. Most have one child and one item or
// none, so that nothing more is made until it is needed.
import { Items } from './items.ts';
import { Partials } from './partials.ts';
import { deep, isPartial, one } from './segment.ts';

/** Names of segments come again at node after node; more than these are seldom. */
const namesMax = 4_096;
const names = new Map<string, string>();

/** One string object for one text, so that all nodes look at the same few bytes of memory. */
function sameString(text: string): string {
  const known = names.get(text);
  if (known !== undefined) {
    return known;
  }
  if (names.size >= namesMax) {
    names.clear();
  }
  names.set(text, text);
  return text;
}

export class Node<T> extends Items<T> {
  /** Whether it was reached by `**`: then it stays for the next segment. */
  readonly isDeep: boolean;
  /** The step in which it was reached last: two ways lead to a node behind a `**`. */
  step = 0;
  one: Node<T> | undefined = undefined;
  deep: Node<T> | undefined = undefined;
  partials: Partials<Node<T>> | undefined = undefined;
  #literalName: string | undefined = undefined;
  #literal: Node<T> | undefined = undefined;
  /** Instead of the single one. */
  #literals: Map<string, Node<T>> | undefined = undefined;

  constructor(isDeep: boolean) {
    super();
    this.isDeep = isDeep;
  }

  get isEmpty(): boolean {
    return (
      this.isBare &&
      this.#literalName === undefined &&
      this.#literals === undefined &&
      this.partials === undefined &&
      this.one === undefined &&
      this.deep === undefined
    );
  }

  literal(segment: string): Node<T> | undefined {
    return this.#literals === undefined
      ? this.#literalName === segment
        ? this.#literal
        : undefined
      : this.#literals.get(segment);
  }

  child(segment: string): Node<T> | undefined {
    if (segment === deep) {
      return this.deep;
    }
    if (segment === one) {
      return this.one;
    }
    return isPartial(segment) ? this.partials?.get(segment) : this.literal(segment);
  }

  takeChild(segment: string): Node<T> {
    if (segment === deep) {
      this.deep ??= new Node(true);
      return this.deep;
    }
    if (segment === one) {
      this.one ??= new Node(false);
      return this.one;
    }
    if (isPartial(segment)) {
      this.partials ??= new Partials();
      return this.partials.take(segment, () => new Node(false));
    }
    return this.literal(segment) ?? this.#addLiteral(segment);
  }

  #addLiteral(text: string): Node<T> {
    const segment = sameString(text);
    const child = new Node<T>(false);
    if (this.#literals !== undefined) {
      this.#literals.set(segment, child);
    } else if (this.#literalName === undefined || this.#literal === undefined) {
      this.#literalName = segment;
      this.#literal = child;
    } else {
      this.#literals = new Map([[this.#literalName, this.#literal]]);
      this.#literals.set(segment, child);
      this.#literalName = undefined;
      this.#literal = undefined;
    }
    return child;
  }

  dropChild(segment: string): void {
    if (segment === deep) {
      this.deep = undefined;
    } else if (segment === one) {
      this.one = undefined;
    } else if (isPartial(segment)) {
      this.partials?.delete(segment);
      this.partials = this.partials?.isEmpty === true ? undefined : this.partials;
    } else if (this.#literals === undefined) {
      this.#literalName = undefined;
      this.#literal = undefined;
    } else {
      this.#literals.delete(segment);
      this.#literals = this.#literals.size === 0 ? undefined : this.#literals;
    }
  }
}
