// What transactions touch: the keys and ranges that one reads or compares, and those that it
// writes. Two may be done in one step only where neither writes what the other touches, since etcd
// compares everything first and then writes.
import { byteRange, compareBytes, type Op, type Transaction } from '@hansa/foundation';

interface Span {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

interface Touched {
  readonly points: Map<string, Uint8Array>;
  readonly spans: Span[];
}

/** Of one transaction, or of several together. */
export class Footprint {
  readonly #read: Touched = { points: new Map(), spans: [] };
  readonly #written: Touched = { points: new Map(), spans: [] };

  readonly #marks = new Set<string>();

  /** A key of the store itself, beside all entries. */
  writesMark(key: Uint8Array): void {
    this.#marks.add(nameOf(key));
  }

  reads(key: Uint8Array): void {
    addPoint(this.#read, key);
  }

  writes(key: Uint8Array): void {
    addPoint(this.#written, key);
  }

  readsSpan(span: Span): void {
    this.#read.spans.push(span);
  }

  writesSpan(span: Span): void {
    this.#written.spans.push(span);
  }

  add(other: Footprint): void {
    addAll(this.#read, other.#read);
    addAll(this.#written, other.#written);
    other.#marks.forEach((mark) => this.#marks.add(mark));
  }

  conflictsWith(other: Footprint): boolean {
    return (
      meet(this.#written, other.#written) ||
      meet(this.#written, other.#read) ||
      meet(this.#read, other.#written) ||
      [...other.#marks].some((mark) => this.#marks.has(mark))
    );
  }
}

export function footprintOf(transaction: Required<Transaction>): Footprint {
  const footprint = new Footprint();
  transaction.if.forEach(({ key }) => footprint.reads(key));
  [...transaction.then, ...transaction.else].forEach((op) => addOp(footprint, op));
  return footprint;
}

function addOp(footprint: Footprint, op: Op): void {
  if ('put' in op) {
    footprint.writes(op.put.key);
  } else if ('get' in op) {
    footprint.reads(op.get.key);
  } else if ('scan' in op) {
    footprint.readsSpan(byteRange(op.scan));
  } else if ('key' in op.delete) {
    footprint.writes(op.delete.key);
  } else {
    footprint.writesSpan(byteRange(op.delete));
  }
}

function addPoint(touched: Touched, key: Uint8Array): void {
  touched.points.set(nameOf(key), key);
}

function addAll(touched: Touched, more: Touched): void {
  for (const [name, key] of more.points) {
    touched.points.set(name, key);
  }
  touched.spans.push(...more.spans);
}

/** One character per byte: what a map can look up. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function meet(a: Touched, b: Touched): boolean {
  return (
    pointsMeet(a, b) ||
    a.spans.some((span) => holdsAny(span, b)) ||
    b.spans.some((span) => holdsAny(span, a))
  );
}

function pointsMeet(a: Touched, b: Touched): boolean {
  const [few, others] = a.points.size <= b.points.size ? [a, b] : [b, a];
  for (const name of few.points.keys()) {
    if (others.points.has(name)) {
      return true;
    }
  }
  return false;
}

function holdsAny(span: Span, touched: Touched): boolean {
  for (const key of touched.points.values()) {
    if (compareBytes(span.start, key) <= 0 && isBefore(key, span.end)) {
      return true;
    }
  }
  return touched.spans.some(
    (other) => isBefore(span.start, other.end) && isBefore(other.start, span.end),
  );
}

function isBefore(key: Uint8Array, end: Uint8Array | undefined): boolean {
  return end === undefined || compareBytes(key, end) < 0;
}
