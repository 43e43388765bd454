// What the rooms of queues are made of, and what several of them need.
import {
  HansaError,
  spellBytes,
  type Clock,
  type Codec,
  type Compare,
  type Entry,
  type KeyedMutex,
  type KeyValueStore,
  type Op,
  type OpResult,
  type StoreBell,
} from '@hansa/foundation';
import type { Item, Queue } from './contract.ts';
import type { ItemRecord, QueueRecord, QueueTables } from './keys.ts';
import type { LeaseSlots } from './lease-slots.ts';

export interface QueuesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  /** Fewer than a node has, for tests. */
  readonly depthMax?: number | undefined;
  readonly queuesMax?: number | undefined;
  readonly deadLettersMax?: number | undefined;
}

export interface QueueParts extends QueuesNeeds {
  readonly tables: QueueTables;
  readonly slots: LeaseSlots;
  readonly bell: StoreBell;
  /** Who waits for items of a queue: in the order in which they came. */
  readonly line: KeyedMutex<string>;
}

export const attemptsAtOnce = 64; // each lost one means that another process has come further

export interface ItemRow {
  readonly sequence: number;
  readonly item: ItemRecord;
  readonly modRevision: number;
  /** Of an item with an end. */
  readonly lease: string | undefined;
}

export function itemRow(tables: QueueTables, entry: Entry): ItemRow {
  const { key, value, modRevision } = tables.items.row(entry);
  return { sequence: Number(key[1]), item: value, modRevision, lease: entry.lease };
}

export async function knownQueue({ tables }: QueueParts, queue: string): Promise<QueueRecord> {
  const row = await tables.queues.get(queue);
  if (row === undefined) {
    throw noQueue(queue);
  }
  return row.value;
}

export function noQueue(queue: string): HansaError {
  return new HansaError('COORDINATION_NOT_FOUND', `there is no queue "${queue}"`, {
    fix: `hansa queue create ${queue}`,
  });
}

export function tooFast(queue: string): HansaError {
  return new HansaError('CONFLICT', `the queue "${queue}" changes too fast`, { fix: 'try again' });
}

export function shownQueue(queue: string, { settings, last }: QueueRecord): Queue {
  return { queue, settings, last };
}

export function shownItem(sequence: number, item: ItemRecord, body: Uint8Array): Item {
  const { text, encoding } = spellBytes(body);
  const { attempts, group, id, pushedMs } = item;
  return {
    sequence,
    attempt: attempts,
    payload: text,
    encoding,
    ...(group === '' ? {} : { group }),
    ...(id === '' ? {} : { id }),
    pushedMs,
  };
}

export function unchanged(key: Uint8Array, operand: number): Compare {
  return { key, target: 'modRevision', op: '=', operand };
}

export function underLease(op: Op, lease: string | undefined): Op {
  return 'put' in op && lease !== undefined ? { put: { ...op.put, lease } } : op;
}

/** Of a read that is the one at this place of a transaction. */
export function entriesOf(result: OpResult | undefined): readonly Entry[] {
  if (result !== undefined && 'scan' in result) {
    return result.scan.entries;
  }
  const entry = result !== undefined && 'get' in result ? result.get.entry : null;
  return entry === null ? [] : [entry];
}
