// Deleting what may be more than one transaction takes: for what nothing refers to any more.
import { isHansaError } from '../errors.ts';
import type { KeyValueStore } from './store.ts';

/** Every key with the prefix; at once where the store can, otherwise in parts. Safe to repeat. */
export async function deletePrefix(store: KeyValueStore, prefix: Uint8Array): Promise<void> {
  try {
    await store.batchWrite([{ delete: { prefix } }]);
  } catch (error) {
    if (!isHansaError(error, 'STORE_LIMIT')) {
      throw error;
    }
    await deleteInParts(store, prefix);
  }
}

async function deleteInParts(store: KeyValueStore, prefix: Uint8Array): Promise<void> {
  const options = { keysOnly: true, limit: store.limits.transactionOpsMax };
  for (;;) {
    const { entries } = await store.scan({ prefix }, options);
    if (entries.length === 0) {
      return;
    }
    await store.batchWrite(entries.map(({ key }) => ({ delete: { key } })));
  }
}
