// Many callers, one change: what is asked for while another append is under way, by one author and
// about other keys, is appended together. A change costs a commit and a place in the chain, not so
// an operation in it.
import { createKeyedMutex, type KeyedMutex, type LocalId } from '@hansa/foundation';
import { changeOpsMax, type ChangeOp, type Point } from './contract.ts';

// half of what a change may hold as stored: what surrounds the content never crosses the limit
const groupBytesMax = 192 * 1_024;
const opOverheadBytes = 32;

export interface AppendWork {
  readonly id: LocalId;
  readonly ops: readonly ChangeOp[];
  readonly author: string;
  readonly expect?: number | undefined;
}

interface Waiting {
  readonly work: AppendWork;
  resolve(point: Point): void;
  reject(error: unknown): void;
}

export interface Appends {
  append(work: AppendWork): Promise<Point>;
  /** Runs work on the resource while nothing is appended to it. */
  alone: KeyedMutex<LocalId>['run'];
}

export function createAppends(run: (work: AppendWork) => Promise<Point>): Appends {
  const mutex = createKeyedMutex<LocalId>();
  const queues = new Map<LocalId, Waiting[]>();
  const drain = async (id: LocalId): Promise<void> => {
    const queue = queues.get(id) ?? [];
    while (queue.length > 0) {
      await mutex.run(id, async () => {
        // Taken when it is our turn: until then, others may still join.
        const group = queue.splice(0, groupLength(queue));
        await runGroup(run, group);
      });
    }
    queues.delete(id);
  };
  return {
    alone: mutex.run,
    append: (work) =>
      new Promise((resolve, reject) => {
        const queue = queues.get(work.id);
        const one = { work, resolve, reject };
        if (queue !== undefined) {
          queue.push(one);
          return;
        }
        queues.set(work.id, [one]);
        void drain(work.id);
      }),
  };
}

/** How many of the first may be one change; nobody overtakes anybody. */
function groupLength(queue: readonly Waiting[]): number {
  const [first] = queue;
  if (first === undefined || first.work.expect !== undefined) {
    return 1;
  }
  const keys = new Set<string>();
  let ops = 0;
  let bytes = 0;
  for (const [index, { work }] of queue.entries()) {
    const names = work.ops.map((op) => ('put' in op ? op.put.key : op.delete.key).join());
    const size = sizeOf(work.ops);
    ops += size.ops;
    bytes += size.bytes;
    const joins =
      work.expect === undefined &&
      work.author === first.work.author &&
      ops <= changeOpsMax &&
      bytes <= groupBytesMax &&
      new Set(names).size === names.length &&
      !names.some((name) => keys.has(name));
    if (!joins) {
      return Math.max(1, index);
    }
    names.forEach((name) => keys.add(name));
  }
  return queue.length;
}

function sizeOf(ops: readonly ChangeOp[]): { readonly ops: number; readonly bytes: number } {
  let count = ops.length;
  let bytes = 0;
  for (const op of ops) {
    bytes += opOverheadBytes;
    if ('put' in op) {
      count += op.put.blobs.length;
      bytes += op.put.key.length + op.put.value.length;
    } else {
      bytes += op.delete.key.length;
    }
  }
  return { ops: count, bytes };
}

async function runGroup(
  run: (work: AppendWork) => Promise<Point>,
  group: readonly Waiting[],
): Promise<void> {
  const [first] = group;
  if (first === undefined) {
    return;
  }
  const ops = group.length === 1 ? first.work.ops : group.flatMap(({ work }) => work.ops);
  try {
    const point = await run({ ...first.work, ops });
    group.forEach(({ resolve }) => resolve(point));
  } catch (error) {
    group.forEach(({ reject }) => reject(error));
  }
}
