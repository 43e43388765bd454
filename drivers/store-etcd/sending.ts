// A batch on its way to a member, and to the next one where the first cannot have done it.
import type { Answered } from './batch.ts';
import { Doubt } from './batching.ts';
import type { Calls } from './calls.ts';
import { CallFailure, unavailable, unknownOutcome, verdictOn } from './failures.ts';
import type { RequestOp, TxnRequest } from './messages-kv.ts';
import { putMethod, txnMethod } from './methods.ts';

/** One batch, again only where no member can have done it. */
export async function sendTo(calls: Calls, request: TxnRequest, overMs: number): Promise<Answered> {
  for (let failures = 1; ; failures += 1) {
    calls.assertOpen();
    try {
      return await sendOnce(calls, request);
    } catch (error) {
      if (!(error instanceof CallFailure)) {
        throw error;
      }
      if (verdictOn(error) !== 'untaken') {
        throw new Doubt(unknownOutcome(error));
      }
      if (!(await calls.pause(failures, overMs))) {
        throw unavailable(error);
      }
    }
  }
}

async function sendOnce(calls: Calls, request: TxnRequest): Promise<Answered> {
  const [first, second] = request.success;
  if (request.compare.length === 0 && first?.put !== undefined && second === undefined) {
    // A lone put is a little cheaper for etcd than a transaction of one.
    const { header } = await calls.once(putMethod, first.put);
    return { succeeded: true, responses: [{ put: {} }], revision: header?.revision ?? 0 };
  }
  const { succeeded, responses, header } = await calls.once(txnMethod, request);
  return { succeeded, responses, revision: header?.revision ?? 0 };
}

/** Of all that is sent, near enough. */
export function bytesOf({ compare, success, failure }: TxnRequest): number {
  const compared = compare.map(({ key, value }) => lengthOf(key, value));
  const ops = [...success, ...failure].map(opBytes);
  return [...compared, ...ops].reduce((sum, bytes) => sum + bytes, 0);
}

function opBytes({ put, range, deleteRange, txn }: RequestOp): number {
  const keys = lengthOf(range?.key, range?.rangeEnd, deleteRange?.key, deleteRange?.rangeEnd);
  return keys + lengthOf(put?.key, put?.value) + (txn === undefined ? 0 : bytesOf(txn));
}

function lengthOf(...parts: readonly (Uint8Array | undefined)[]): number {
  return parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
}
