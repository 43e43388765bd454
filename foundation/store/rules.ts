// What a store refuses before it does anything: keys, values and transactions over their limits,
// and a key written twice in one transaction. Every engine applies these, so that a program which
// works on one works on all. What passes is copied: the caller may reuse its buffers at once.
import { compareBytes, prefixEnd, startsWith } from '../bytes.ts';
import { HansaError } from '../errors.ts';
import {
  storeLimits,
  type Compare,
  type KeyRange,
  type Op,
  type ScanOptions,
  type Transaction,
} from './store.ts';
import type { ByteRange } from './shelf.ts';

// One revision is one record in the log and one batch of a watch: what a prefix deletes has its
// bounds.
export const prefixDeleteKeysMax = 100_000;
export const prefixDeleteBytesMax: number = 64 * 1_024 * 1_024; // 128 of the largest values

export function overLimit(what: string, facts: { limit: number; found: number }): HansaError {
  return new HansaError('STORE_LIMIT', `${what}: ${facts.found} is over ${facts.limit}`, { facts });
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

export function ownKey(key: Uint8Array): Uint8Array {
  if (key.length === 0) {
    throw new HansaError('INPUT_INVALID', 'a key has at least one byte');
  }
  if (key.length > storeLimits.keyBytesMax) {
    throw overLimit('bytes of a key', { limit: storeLimits.keyBytesMax, found: key.length });
  }
  return ownBytes(key);
}

function ownValue(value: Uint8Array): Uint8Array {
  if (value.length > storeLimits.valueBytesMax) {
    throw overLimit('bytes of a value', { limit: storeLimits.valueBytesMax, found: value.length });
  }
  return ownBytes(value);
}

/** With bytes of its own, which also keeps `prefixEnd` from writing into a caller's Buffer. */
export function byteRange(range: KeyRange): ByteRange {
  if ('prefix' in range) {
    const start = ownBytes(range.prefix);
    return { start, end: prefixEnd(start) };
  }
  return { start: ownBytes(range.start), end: ownBytes(range.end) };
}

export function scanLimit(options: Pick<ScanOptions, 'limit'>): number {
  const limit = options.limit ?? storeLimits.scanEntriesMax;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new HansaError('INPUT_INVALID', `a scan's limit is a positive integer, not ${limit}`);
  }
  if (limit > storeLimits.scanEntriesMax) {
    throw overLimit('entries of a scan page', { limit: storeLimits.scanEntriesMax, found: limit });
  }
  return limit;
}

function ownCompare(compare: Compare): Compare {
  const key = ownKey(compare.key);
  return compare.target === 'value'
    ? { ...compare, key, operand: ownBytes(compare.operand) }
    : { ...compare, key };
}

function ownOp(op: Op): Op {
  if ('put' in op) {
    const { key, value, lease } = op.put;
    const put = { key: ownKey(key), value: ownValue(value) };
    return { put: lease === undefined ? put : { ...put, lease } };
  }
  if ('delete' in op) {
    return 'key' in op.delete
      ? { delete: { key: ownKey(op.delete.key) } }
      : { delete: { prefix: ownBytes(op.delete.prefix) } };
  }
  if ('get' in op) {
    return { get: { key: ownKey(op.get.key) } };
  }
  const { limit } = op.scan;
  scanLimit(op.scan);
  return { scan: { ...ownRange(op.scan), ...(limit === undefined ? {} : { limit }) } };
}

function ownRange(range: KeyRange): KeyRange {
  return 'prefix' in range
    ? { prefix: ownBytes(range.prefix) }
    : { start: ownBytes(range.start), end: ownBytes(range.end) };
}

function opBytes(op: Op): number {
  if ('put' in op) {
    return op.put.key.length + op.put.value.length;
  }
  if ('delete' in op) {
    return 'key' in op.delete ? op.delete.key.length : op.delete.prefix.length;
  }
  return 'get' in op ? op.get.key.length : 0;
}

function compareSize(compare: Compare): number {
  return compare.key.length + (compare.target === 'value' ? compare.operand.length : 0);
}

/** Ops of one branch, in key order, overlap only with their neighbours. */
function refuseTwice(ops: readonly Op[]): void {
  if (ops.length < 2) {
    return;
  }
  const written: { key: Uint8Array; prefix: boolean }[] = [];
  for (const op of ops) {
    if ('put' in op) {
      written.push({ key: op.put.key, prefix: false });
    } else if ('delete' in op) {
      const target = op.delete;
      written.push(
        'key' in target ? { key: target.key, prefix: false } : { key: target.prefix, prefix: true },
      );
    }
  }
  // A prefix sorts before every key it covers, and no uncovered key comes between.
  written.sort((a, b) => compareBytes(a.key, b.key) || Number(b.prefix) - Number(a.prefix));
  for (const [index, later] of written.entries()) {
    const earlier = written[index - 1];
    if (earlier === undefined) {
      continue;
    }
    const twice = earlier.prefix
      ? startsWith(later.key, earlier.key)
      : compareBytes(earlier.key, later.key) === 0;
    if (twice) {
      throw new HansaError('INPUT_INVALID', 'a key may be written once in a transaction');
    }
  }
}

function sum<T>(items: readonly T[], size: (item: T) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}

/** The transaction with bytes of its own, or the error that says which limit it crosses. */
export function ownTransaction(given: Transaction): Required<Transaction> {
  const max = storeLimits.transactionOpsMax;
  const otherwise = given.else ?? [];
  for (const branch of [given.if, given.then, otherwise]) {
    if (branch.length > max) {
      throw overLimit('operations of a transaction', { limit: max, found: branch.length });
    }
  }
  const own = {
    if: given.if.map(ownCompare),
    then: given.then.map(ownOp),
    else: otherwise.map(ownOp),
  };
  const found = sum(own.if, compareSize) + sum(own.then, opBytes) + sum(own.else, opBytes);
  if (found > storeLimits.transactionBytesMax) {
    throw overLimit('bytes of a transaction', { limit: storeLimits.transactionBytesMax, found });
  }
  refuseTwice(own.then);
  refuseTwice(own.else);
  return own;
}

/** A transaction of one operation, which alone cannot be over any limit but its own. */
export function ownWrite(op: Op): Required<Transaction> {
  return { if: [], then: [ownOp(op)], else: [] };
}
