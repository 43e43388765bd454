// Patterns by their segments: which of a hundred thousand match an address is answered in as many
// steps as the address has segments and the answer has ways, however many patterns there are.
import { isLiteral, segmentsOf } from './address.ts';
import { Items } from './items.ts';
import { Node } from './node.ts';

export interface PatternIndex<T> {
  /** The pattern is valid. The same item under the same pattern counts once. */
  add(pattern: string, item: T): void;
  remove(pattern: string, item: T): void;
  /** An item is found as often as patterns of its own match. */
  match(address: string, found: (item: T) => void): void;
}

export function createPatternIndex<T>(): PatternIndex<T> {
  return new Trie<T>();
}

class Trie<T> implements PatternIndex<T> {
  /** Most patterns are addresses; one look-up finds those. */
  readonly #exact = new Map<string, Items<T>>();
  readonly #root = new Node<T>(false);
  #step = 0;

  add(pattern: string, item: T): void {
    if (!isLiteral(pattern)) {
      let node = this.#root;
      for (const segment of segmentsOf(pattern)) {
        node = node.takeChild(segment);
      }
      node.addItem(item);
      return;
    }
    let items = this.#exact.get(pattern);
    if (items === undefined) {
      items = new Items();
      this.#exact.set(pattern, items);
    }
    items.addItem(item);
  }

  remove(pattern: string, item: T): void {
    if (!isLiteral(pattern)) {
      removeItem(this.#root, segmentsOf(pattern), item);
      return;
    }
    const items = this.#exact.get(pattern);
    items?.deleteItem(item);
    if (items?.isBare === true) {
      this.#exact.delete(pattern);
    }
  }

  match(address: string, found: (item: T) => void): void {
    const exact = this.#exact.get(address);
    // Before anybody is told: what is told may change the trie.
    const reached = address.startsWith('/') ? this.#reached(address) : [];
    exact?.tellItems(found);
    for (const node of reached) {
      node.tellItems(found);
    }
  }

  #reached(address: string): readonly Node<T>[] {
    this.#step += 1;
    let reached: Node<T>[] = [];
    reach(this.#root, this.#step, reached);
    for (let at = 1; at <= address.length && reached.length > 0;) {
      const slash = address.indexOf('/', at);
      const end = slash < 0 ? address.length : slash;
      this.#step += 1;
      reached = advance(reached, address.slice(at, end), this.#step);
      at = end + 1;
    }
    return reached;
  }
}

/** A node is there once, and with it what `**` adds by standing for nothing. */
function reach<T>(node: Node<T>, step: number, reached: Node<T>[]): void {
  let next: Node<T> | undefined = node;
  while (next !== undefined && next.step !== step) {
    next.step = step;
    reached.push(next);
    next = next.deep;
  }
}

function advance<T>(nodes: readonly Node<T>[], segment: string, step: number): Node<T>[] {
  const reached: Node<T>[] = [];
  for (const node of nodes) {
    if (node.isDeep) {
      reach(node, step, reached);
    }
    const literal = node.literal(segment);
    if (literal !== undefined) {
      reach(literal, step, reached);
    }
    if (node.one !== undefined) {
      reach(node.one, step, reached);
    }
    if (node.partials !== undefined) {
      node.partials.match(segment, (partial) => reach(partial, step, reached));
    }
  }
  return reached;
}

/** Nodes that nothing is left under go with it. */
function removeItem<T>(root: Node<T>, segments: readonly string[], item: T): void {
  const path: Node<T>[] = [root];
  for (const segment of segments) {
    const child = path.at(-1)?.child(segment);
    if (child === undefined) {
      return;
    }
    path.push(child);
  }
  path.at(-1)?.deleteItem(item);
  for (let i = segments.length; i > 0 && path[i]?.isEmpty === true; i -= 1) {
    path[i - 1]?.dropChild(segments[i - 1] ?? '');
  }
}
