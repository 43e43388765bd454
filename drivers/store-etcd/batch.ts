// One call to etcd for several transactions: each keeps its own comparisons and its own branch, as
// a transaction within the transaction. What all of them are guarded by is compared once.
import { toHex } from '@hansa/foundation';
import { Footprint } from './footprint.ts';
import {
  compareMessage,
  type CompareMessage,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
} from './messages-kv.ts';

const etcdOpsMax = 128; // of a transaction and the deepest one within it together
export const batchOpsMax = 100; // etcd refuses 129
export const batchBytesMax: number = 1_024 * 1_024; // etcd's default request is 1.5 MiB

/** What one transaction came to. */
export interface Answered {
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
  readonly revision: number;
}

export interface Job {
  readonly request: TxnRequest;
  readonly footprint: Footprint;
  readonly bytes: number;
  /** On the monotonic clock: who still waits then is told that nothing was done. */
  readonly overMs: number;
  /** May be sent again although it may have been done: it finds its own mark. */
  readonly isMarked: boolean;
  resolve(answer: Answered): void;
  reject(error: unknown): void;
}

/** A transaction that is nothing but another one behind one comparison: the fence of a node. */
export interface Guarded {
  readonly guard: CompareMessage | undefined;
  /** Equal for equal guards. */
  readonly guardName: string;
  readonly inner: TxnRequest;
}

export interface Queued extends Job, Guarded {
  /**
   * Refused within a batch, it goes alone, so that the blame falls on one; or its answer may be
   * large.
   */
  isAlone: boolean;
}

export class Batch {
  readonly jobs: Queued[] = [];
  readonly footprint: Footprint = new Footprint();
  #ops = 0;
  #deepest = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.jobs[0]?.isAlone === true || this.#ops >= batchOpsMax;
  }

  /** False where there is no room for it, or it stands behind another guard. */
  take(job: Queued): boolean {
    const { ops, depth } = sizeOf(job.inner);
    const [first] = this.jobs;
    const fits =
      this.#ops + ops <= batchOpsMax &&
      this.#ops + ops + Math.max(this.#deepest, depth) <= etcdOpsMax &&
      this.#bytes + job.bytes <= batchBytesMax &&
      job.guardName === first?.guardName &&
      !job.isAlone;
    if (first !== undefined && !fits) {
      return false;
    }
    this.jobs.push(job);
    this.footprint.add(job.footprint);
    this.#ops += ops;
    this.#deepest = Math.max(this.#deepest, depth);
    this.#bytes += job.bytes;
    return true;
  }

  request(): TxnRequest {
    const [first] = this.jobs;
    const guard = first?.guard;
    if (first !== undefined && guard === undefined && this.jobs.length === 1) {
      return first.request;
    }
    const success = this.jobs.flatMap(({ inner }): readonly RequestOp[] =>
      isFlat(inner) ? inner.success : [{ txn: inner }],
    );
    return { compare: guard === undefined ? [] : [guard], success, failure: [] };
  }

  /** Tells everybody what etcd would have answered to them alone. */
  answer({ succeeded, responses, revision }: Answered): void {
    const [first] = this.jobs;
    if (first !== undefined && first.guard === undefined && this.jobs.length === 1) {
      first.resolve({ succeeded, responses, revision });
      return;
    }
    let at = 0;
    for (const { guard, inner, resolve } of this.jobs) {
      if (!succeeded) {
        resolve({ succeeded, responses: [], revision });
        continue;
      }
      const count = isFlat(inner) ? inner.success.length : 1;
      const own = ownAnswer(inner, responses.slice(at, at + count));
      at += count;
      resolve(
        guard === undefined
          ? { ...own, revision }
          : { succeeded: true, responses: [{ txn: own }], revision },
      );
    }
  }
}

function ownAnswer(
  inner: TxnRequest,
  part: readonly ResponseOp[],
): { readonly succeeded: boolean; readonly responses: readonly ResponseOp[] } {
  const nested = part[0]?.txn;
  return isFlat(inner) || nested === undefined
    ? { succeeded: true, responses: part }
    : { succeeded: nested.succeeded, responses: nested.responses };
}

export function guardOf(request: TxnRequest): Guarded {
  const { compare, success, failure } = request;
  const [guard] = compare;
  const inner = success[0]?.txn;
  const isGuarded = compare.length === 1 && success.length === 1 && failure.length === 0;
  return isGuarded && guard !== undefined && inner !== undefined
    ? { guard, guardName: toHex(compareMessage.encode(guard)), inner }
    : { guard: undefined, guardName: '', inner: request };
}

/** Its answer may be so large that those who were in the batch would never get theirs. */
export function scans({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].some(
    ({ range, txn }) => range?.rangeEnd !== undefined || (txn !== undefined && scans(txn)),
  );
}

/** Without comparisons there is nothing to decide: its operations stand in the batch themselves. */
function isFlat({ compare }: TxnRequest): boolean {
  return compare.length === 0;
}

function sizeOf(request: TxnRequest): { readonly ops: number; readonly depth: number } {
  return isFlat(request)
    ? { ops: request.success.length, depth: 0 }
    : { ops: 1, depth: depthOf(request) };
}

/** As etcd counts: the largest of its lists, and below it the deepest of what is within. */
function depthOf({ compare, success, failure }: TxnRequest): number {
  const within = [...success, ...failure].map(({ txn }) => (txn === undefined ? 0 : depthOf(txn)));
  return Math.max(compare.length, success.length, failure.length) + Math.max(0, ...within);
}
