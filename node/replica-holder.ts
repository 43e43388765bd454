// The blobs of this node's disk, as the other nodes of the cluster ask for them.
import {
  HansaError,
  isHansaError,
  type BlobId,
  type BlobReceipt,
  type Blobs,
} from '@hansa/foundation';
import { idsAtOnceMax, type CopyRead, type ReplicaHolder } from './replica-contract.ts';
import { chunkIds, chunkOf, planOf } from './replica-plan.ts';

interface Taking {
  readonly receipt: BlobReceipt;
  /** The ids of its chunks, as whoever gives it has them. */
  readonly plan: string;
}

export function createHolder(local: Blobs): ReplicaHolder {
  return {
    find: async ({ id }) => ({ plan: await planOf(local, id) }),
    async chunk({ id, index }) {
      const info = await local.info(id);
      if (info === undefined) {
        throw new HansaError('BLOB_NOT_FOUND', `no blob ${id} here`);
      }
      return { bytes: await chunkOf(local, info, index) };
    },
    ...takingOf(local),
    async *verify(_input, call) {
      for await (const { id } of local.list()) {
        yield* verifyOne(local, id, call?.signal);
      }
    },
    async *ids() {
      let ids: BlobId[] = [];
      for await (const { id } of local.list()) {
        ids.push(id);
        if (ids.length === idsAtOnceMax) {
          yield { ids };
          ids = [];
        }
      }
      yield { ids };
    },
  };
}

/** What other nodes give this one, blob by blob. */
function takingOf(local: Blobs): Pick<ReplicaHolder, 'begin' | 'give' | 'commit' | 'drop'> {
  const taking = new Map<BlobId, Taking>();
  const receiptOf = (id: BlobId): BlobReceipt => {
    const given = taking.get(id);
    if (given === undefined) {
      throw new HansaError('BLOB_NOT_FOUND', `nobody has begun to give ${id}`);
    }
    return given.receipt;
  };
  return {
    async begin({ id, plan }) {
      if ((await local.info(id)) !== undefined) {
        return { missing: [] };
      }
      const info = { id, sizeBytes: plan.sizeBytes };
      const chunks = chunkIds(plan);
      const said = chunks.join();
      const given = taking.get(id);
      if (given?.plan === said) {
        return { missing: given.receipt.missing() };
      }
      // Who gave it by another plan may be gone: what is given now is judged by its own.
      taking.delete(id);
      await given?.receipt.close();
      const receipt = await local.receive(info, chunks);
      taking.set(id, { receipt, plan: said });
      return { missing: receipt.missing() };
    },
    async give({ id, index, bytes }) {
      await receiptOf(id).accept(index, bytes);
      return {};
    },
    async commit({ id }) {
      const given = taking.get(id);
      try {
        if ((await local.info(id)) === undefined) {
          await receiptOf(id).commit();
        }
      } finally {
        taking.delete(id); // one that has failed is over, and what arrived stays for the next
        await given?.receipt.close();
      }
      return {};
    },
    async drop({ ids }) {
      for (const id of ids) {
        await taking.get(id)?.receipt.close();
        taking.delete(id);
        await local.delete(id);
      }
      return {};
    },
  };
}

async function* verifyOne(
  local: Blobs,
  id: BlobId,
  signal: AbortSignal | undefined,
): AsyncIterable<CopyRead> {
  try {
    for await (const piece of local.read(id, signal === undefined ? {} : { signal })) {
      yield { bytes: piece.length };
    }
    yield { bytes: 0, blob: { id, damaged: false } };
  } catch (error) {
    if (isHansaError(error, 'BLOB_CORRUPT')) {
      await local.setAside(id);
      yield { bytes: 0, blob: { id, damaged: true } };
    } else if (!isHansaError(error, 'BLOB_NOT_FOUND')) {
      throw error; // what was removed meanwhile is no loss
    }
  }
}
