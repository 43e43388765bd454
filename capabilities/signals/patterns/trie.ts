// Patterns by their segments: which of a hundred thousand match an address is answered in as many
// steps as the address has segments and the answer has ways, however many patterns there are.
import { isLiteral, segmentsOf } from './address.ts';
import { Partials } from './partials.ts';
import { deep, isPartial, one } from './segment.ts';

export interface PatternIndex<T> {
  /** The pattern is valid. The same item under the same pattern counts once. */
  add(pattern: string, item: T): void;
  remove(pattern: string, item: T): void;
  /** An item is found as often as patterns of its own match. */
  match(address: string, found: (item: T) => void): void;
}

class Node<T> {
  /** Whether it was reached by `**`: then it stays for the next segment. */
  readonly isDeep: boolean;
  readonly items: Set<T> = new Set();
  readonly literals: Map<string, Node<T>> = new Map();
  readonly partials: Partials<Node<T>> = new Partials();
  one: Node<T> | undefined = undefined;
  deep: Node<T> | undefined = undefined;
  /** The step in which it was reached last: two ways lead to a node behind a `**`. */
  step = 0;

  constructor(isDeep: boolean) {
    this.isDeep = isDeep;
  }

  get isEmpty(): boolean {
    return (
      this.items.size === 0 &&
      this.literals.size === 0 &&
      this.partials.isEmpty &&
      this.one === undefined &&
      this.deep === undefined
    );
  }
}

export function createPatternIndex<T>(): PatternIndex<T> {
  // Most patterns are addresses; one look-up finds those.
  const exact = new Map<string, Set<T>>();
  const root = new Node<T>(false);
  let step = 0;

  return {
    add(pattern, item) {
      if (!isLiteral(pattern)) {
        segmentsOf(pattern).reduce(childTaken, root).items.add(item);
        return;
      }
      const items = exact.get(pattern);
      if (items === undefined) {
        exact.set(pattern, new Set([item]));
      } else {
        items.add(item);
      }
    },
    remove(pattern, item) {
      if (!isLiteral(pattern)) {
        removeItem(root, segmentsOf(pattern), item);
        return;
      }
      const items = exact.get(pattern);
      items?.delete(item);
      if (items?.size === 0) {
        exact.delete(pattern);
      }
    },
    match(address, found) {
      exact.get(address)?.forEach((item) => found(item));
      if (!address.startsWith('/')) {
        return;
      }
      step += 1;
      let reached: Node<T>[] = [];
      reach(root, step, reached);
      for (let at = 1; at <= address.length && reached.length > 0;) {
        const slash = address.indexOf('/', at);
        const end = slash < 0 ? address.length : slash;
        step += 1;
        reached = advance(reached, address.slice(at, end), step);
        at = end + 1;
      }
      for (const { items } of reached) {
        items.forEach((item) => found(item));
      }
    },
  };
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
    const literal = node.literals.get(segment);
    if (literal !== undefined) {
      reach(literal, step, reached);
    }
    if (node.one !== undefined) {
      reach(node.one, step, reached);
    }
    if (!node.partials.isEmpty) {
      node.partials.match(segment, (partial) => reach(partial, step, reached));
    }
  }
  return reached;
}

function childTaken<T>(node: Node<T>, segment: string): Node<T> {
  if (segment === deep) {
    node.deep ??= new Node(true);
    return node.deep;
  }
  if (segment === one) {
    node.one ??= new Node(false);
    return node.one;
  }
  if (isPartial(segment)) {
    return node.partials.take(segment, () => new Node(false));
  }
  let child = node.literals.get(segment);
  if (child === undefined) {
    child = new Node(false);
    node.literals.set(segment, child);
  }
  return child;
}

function childOf<T>(node: Node<T>, segment: string): Node<T> | undefined {
  if (segment === deep) {
    return node.deep;
  }
  if (segment === one) {
    return node.one;
  }
  return isPartial(segment) ? node.partials.get(segment) : node.literals.get(segment);
}

/** Nodes that nothing is left under go with it. */
function removeItem<T>(root: Node<T>, segments: readonly string[], item: T): void {
  const path: Node<T>[] = [root];
  for (const segment of segments) {
    const child = childOf(path.at(-1) ?? root, segment);
    if (child === undefined) {
      return;
    }
    path.push(child);
  }
  path.at(-1)?.items.delete(item);
  for (let i = segments.length; i > 0 && path[i]?.isEmpty === true; i -= 1) {
    dropChild(path[i - 1] ?? root, segments[i - 1] ?? '');
  }
}

function dropChild<T>(node: Node<T>, segment: string): void {
  if (segment === deep) {
    node.deep = undefined;
  } else if (segment === one) {
    node.one = undefined;
  } else if (isPartial(segment)) {
    node.partials.delete(segment);
  } else {
    node.literals.delete(segment);
  }
}
