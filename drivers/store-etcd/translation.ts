// Transactions in etcd's messages, and its answers in ours.
import {
  HansaError,
  storeLimits,
  type Compare,
  type Entry,
  type Op,
  type OpResult,
  type Transaction,
} from '@hansa/foundation';
import { isLeaseId, leaseNotFound, type Keyspace } from './keyspace.ts';
import {
  compareResult,
  compareTarget,
  type CompareMessage,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
} from './messages-kv.ts';

const nobodysLease = 'f'.repeat(16); // negative, where etcd counts with a sign

/** Throws STORE_LEASE_NOT_FOUND for a lease whose id cannot be one. */
export function txnOf(keys: Keyspace, transaction: Required<Transaction>): TxnRequest {
  return {
    compare: transaction.if.map((compare) => compareOf(keys, compare)),
    success: transaction.then.map((op) => requestOf(keys, op)),
    failure: transaction.else.map((op) => requestOf(keys, op)),
  };
}

function compareOf(keys: Keyspace, compare: Compare): CompareMessage {
  const base = {
    key: keys.into(compare.key),
    result: compareResult[compare.op],
    target: compareTarget[compare.target],
  };
  switch (compare.target) {
    case 'value':
      return { ...base, value: compare.operand };
    case 'lease':
      return { ...base, lease: leaseOf(compare.operand) };
    default:
      return { ...base, [compare.target]: compare.operand };
  }
}

/** What is no lease's id is the id of none, and not what a key without a lease has. */
function leaseOf(operand: string): string {
  return operand === '' || isLeaseId(operand) ? operand : nobodysLease;
}

function requestOf(keys: Keyspace, op: Op): RequestOp {
  if ('put' in op) {
    const { key, value, lease } = op.put;
    const put = { key: keys.into(key), value };
    if (lease === undefined) {
      return { put };
    }
    if (!isLeaseId(lease)) {
      throw leaseNotFound(lease);
    }
    return { put: { ...put, lease } };
  }
  if ('delete' in op) {
    const target = op.delete;
    return {
      deleteRange: 'key' in target ? { key: keys.into(target.key) } : keys.range(target),
    };
  }
  if ('get' in op) {
    return { range: { key: keys.into(op.get.key) } };
  }
  return { range: { ...keys.range(op.scan), limit: scanLimitOf(op.scan) } };
}

function scanLimitOf(scan: { readonly limit?: number }): number {
  return scan.limit ?? storeLimits.scanEntriesMax;
}

/** Of one branch, in its order. */
export function resultsOf(
  keys: Keyspace,
  ops: readonly Op[],
  responses: readonly ResponseOp[],
): OpResult[] {
  return ops.map((op, index) => resultOf(keys, op, responses[index]));
}

function resultOf(keys: Keyspace, op: Op, response: ResponseOp | undefined): OpResult {
  const { put, deleteRange, range } = response ?? {};
  if ('put' in op && put !== undefined) {
    return { put: {} };
  }
  if ('delete' in op && deleteRange !== undefined) {
    return { delete: { deleted: deleteRange.deleted } };
  }
  if (range === undefined || !('get' in op || 'scan' in op)) {
    throw new HansaError('OUTPUT_INVALID', 'etcd answered another operation than was asked');
  }
  const entries = range.kvs.map((kv) => keys.entry(kv));
  return 'get' in op
    ? { get: { entry: entries[0] ?? null } }
    : { scan: { entries: pageOf(entries).entries } };
}

/** As many as fit into a page; one at least. */
export function pageOf(entries: readonly Entry[]): {
  readonly entries: readonly Entry[];
  readonly isCut: boolean;
} {
  let bytes = 0;
  const over = entries.findIndex((entry, index) => {
    bytes += entry.key.length + entry.value.length;
    return index > 0 && bytes > storeLimits.scanBytesMax;
  });
  return over < 0 ? { entries, isCut: false } : { entries: entries.slice(0, over), isCut: true };
}

export function isReadOnly(transaction: Required<Transaction>): boolean {
  const ops = [...transaction.then, ...transaction.else];
  return ops.every((op) => 'get' in op || 'scan' in op);
}
