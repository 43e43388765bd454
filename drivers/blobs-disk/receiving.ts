// Who receives what: one transfer for each blob, shared by all its receipts.
import { HansaError, type BlobId, type BlobInfo, type BlobReceipt } from '@hansa/foundation';
import { blobInfo } from './blob-reading.ts';
import { createIdLocks } from './id-locks.ts';
import { removeIncoming } from './incoming-files.ts';
import type { Depot } from './layout.ts';
import { checkPlan, samePlan, type Plan } from './plan-file.ts';
import { checkChunk, openTransfer, type Transfer } from './transfer.ts';

export interface Receiving {
  receive(info: BlobInfo, chunks: readonly BlobId[]): Promise<BlobReceipt>;
  isOpen(id: BlobId): boolean;
  /** Ends the transfer of a blob, if there is one, and removes what has arrived. */
  discard(id: BlobId): Promise<void>;
}

interface Shared {
  readonly plan: Plan;
  /** Undefined where the blob is here already. */
  readonly transfer: Promise<Transfer | undefined>;
  users: number;
}

const transfersMax = 256; // two file descriptors each, of the 1,024 that a process often has

export function createReceiving(depot: Depot): Receiving {
  const open = new Map<BlobId, Shared>();
  // Files are opened again only after they were closed.
  const turns = createIdLocks();
  const leave = (id: BlobId, shared: Shared): void => {
    if (open.get(id) === shared) {
      open.delete(id);
    }
  };
  return {
    isOpen: (id) => open.has(id),
    async receive(info, chunks) {
      const plan = { info: { id: info.id, sizeBytes: info.sizeBytes }, chunks: [...chunks] };
      checkPlan(plan);
      const shared = open.get(info.id) ?? begin({ depot, plan, open, turns });
      if (!samePlan(shared.plan, plan)) {
        throw new HansaError('CONFLICT', `blob ${info.id} is arriving with other chunk ids`);
      }
      shared.users += 1;
      try {
        const transfer = await shared.transfer;
        if (transfer === undefined) {
          leave(info.id, shared);
          return finishedReceipt(depot, plan);
        }
        return receipt(transfer, {
          over: () => leave(info.id, shared),
          async closed() {
            shared.users -= 1;
            if (shared.users === 0) {
              leave(info.id, shared);
              await turns.alone(info.id, () => transfer.close());
            }
          },
        });
      } catch (error) {
        leave(info.id, shared);
        throw error;
      }
    },
    async discard(id) {
      const shared = open.get(id);
      open.delete(id);
      await turns.alone(id, async () => {
        const transfer = await shared?.transfer.catch(() => undefined);
        await transfer?.close();
        await removeIncoming(depot, id);
      });
    },
  };
}

function begin(needs: {
  readonly depot: Depot;
  readonly plan: Plan;
  readonly open: Map<BlobId, Shared>;
  readonly turns: ReturnType<typeof createIdLocks>;
}): Shared {
  const { depot, plan, open, turns } = needs;
  const { id } = plan.info;
  if (open.size >= transfersMax) {
    throw new HansaError('RATE_LIMITED', `${transfersMax} blobs are arriving already`, {
      facts: { transfersMax },
    });
  }
  const transfer = turns.alone(id, async () =>
    (await blobInfo(depot, id)) === undefined ? openTransfer(depot, plan) : undefined,
  );
  const shared = { plan, transfer, users: 0 };
  open.set(id, shared);
  return shared;
}

function receipt(transfer: Transfer, on: { over(): void; closed(): Promise<void> }): BlobReceipt {
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= on.closed());
  const checkOpen = (): void => {
    if (closed !== undefined) {
      const { id } = transfer.plan.info;
      throw new HansaError('BLOB_INCOMPLETE', `this receipt of blob ${id} is closed`, {
        facts: { blob: id },
      });
    }
  };
  return {
    missing: () => transfer.missing(),
    async accept(index, bytes) {
      checkOpen();
      await transfer.accept(index, bytes);
    },
    async commit() {
      checkOpen();
      try {
        const info = await transfer.commit();
        await close();
        return info;
      } finally {
        if (transfer.isOver()) {
          on.over();
        }
      }
    },
    close,
  };
}

function finishedReceipt(depot: Depot, plan: Plan): BlobReceipt {
  return {
    missing: () => [],
    accept: async (index, bytes) => checkChunk(depot, plan, { index, bytes }),
    commit: async () => plan.info,
    close: async () => undefined,
  };
}
