// Entries and changes between the log's bytes and the JSON that programs read and write.
import { HansaError, spellBytes, textOf } from '@hansa/foundation';
import type { ChangeOp, ResourceEntry, SequencedChange } from '../resources/contract.ts';
import { keyBytesMax, keySchema, workPageBytesMax, type KindLimits } from './contract.ts';
import type { KindEntry, ShownChange, ShownOp } from './work.ts';

const changesPerPageMax = 500; // however small they are, a line stays readable

export function shownEntry(entry: Omit<ResourceEntry, 'version'>): KindEntry {
  const { key, value, blobs } = entry;
  const { text, encoding } = spellBytes(value);
  const shown = blobs.map(({ id, sizeBytes }) => ({ id, sizeBytes }));
  return { key: keyText(key), value: text, encoding, blobs: shown };
}

/** CHANGE_INVALID where it is no text that the contract allows. */
export function keyText(key: Uint8Array): string {
  const parsed = keySchema.safeParse(textOf(key));
  if (parsed.success && key.length <= keyBytesMax) {
    return parsed.data;
  }
  throw new HansaError('CHANGE_INVALID', `a key is no text of up to ${keyBytesMax} bytes`);
}

/** What the node itself knows of a kind; CHANGE_TOO_LARGE, CHANGE_INVALID. */
export function checkOps(ops: readonly ChangeOp[], limits: KindLimits): void {
  if (ops.length > limits.opsMax) {
    throw new HansaError('CHANGE_TOO_LARGE', `a change has at most ${limits.opsMax} operations`);
  }
  for (const op of ops) {
    const key = keyText('delete' in op ? op.delete.key : op.put.key);
    if ('put' in op && op.put.value.length > limits.valueBytesMax) {
      throw new HansaError(
        'CHANGE_TOO_LARGE',
        `the value of "${key}" is over ${limits.valueBytesMax} bytes`,
      );
    }
  }
}

export interface ChangesPage {
  readonly changes: readonly ShownChange[];
  readonly next?: number | undefined;
}

/** As many changes from an index on as one line takes, the first in any case. */
export function pageOfChanges(all: readonly SequencedChange[], from: number): ChangesPage {
  const changes: ShownChange[] = [];
  let bytes = 0;
  for (const { sequence, change } of all.slice(from, from + changesPerPageMax)) {
    bytes += change.ops.reduce((sum, op) => sum + opBytes(op), 0);
    if (changes.length > 0 && bytes > workPageBytesMax) {
      break;
    }
    changes.push({ sequence, author: change.author, ops: change.ops.map(shownOp) });
  }
  const next = from + changes.length;
  return next < all.length ? { changes, next } : { changes };
}

function opBytes(op: ChangeOp): number {
  return 'delete' in op ? op.delete.key.length : op.put.key.length + op.put.value.length;
}

function shownOp(op: ChangeOp): ShownOp {
  return 'delete' in op ? { delete: { key: keyText(op.delete.key) } } : { put: shownEntry(op.put) };
}
