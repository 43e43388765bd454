// A batch on its way to a member, and to the next one where the first cannot have done it.
import { Doubt, type Answered } from './batching.ts';
import type { Calls } from './calls.ts';
import { CallFailure, unavailable, unknownOutcome, verdictOn } from './failures.ts';
import type { TxnRequest } from './messages-kv.ts';
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
  let bytes = 0;
  for (const { key, value } of compare) {
    bytes += key.length + (value?.length ?? 0);
  }
  for (const { put, range, deleteRange, txn } of [...success, ...failure]) {
    bytes += (put?.key.length ?? 0) + (put?.value.length ?? 0);
    bytes += (range?.key.length ?? 0) + (range?.rangeEnd?.length ?? 0);
    bytes += (deleteRange?.key.length ?? 0) + (deleteRange?.rangeEnd?.length ?? 0);
    bytes += txn === undefined ? 0 : bytesOf(txn);
  }
  return bytes;
}
