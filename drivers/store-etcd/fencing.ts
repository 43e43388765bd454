// The fence of the active node: its transactions hold only while it is the active one.
import { HansaError, type StoreFence } from '@hansa/foundation';
import type { Answered } from './batch.ts';
import type { Keyspace } from './keyspace.ts';
import type { TxnRequest } from './messages-kv.ts';
import { txnOf } from './translation.ts';

/** The transaction within one that holds only behind the fence: both are one step. */
export function behind(keys: Keyspace, fence: StoreFence, request: TxnRequest): TxnRequest {
  const operand = fence.createRevision;
  const compare = { key: fence.key, target: 'createRevision' as const, op: '=' as const, operand };
  const outer = txnOf(keys, { if: [compare], then: [], else: [] });
  return { ...outer, success: [{ txn: request }] };
}

/** Throws NODE_DEPOSED where the fence has fallen. */
export function withinFence({ succeeded, responses, revision }: Answered): Answered {
  const inner = responses[0]?.txn;
  if (!succeeded || inner === undefined) {
    throw new HansaError('NODE_DEPOSED', 'another node of the cluster has taken over');
  }
  return { succeeded: inner.succeeded, responses: inner.responses, revision };
}
