// What becomes of pulled items: done, given back, or worked on for longer. An item is somebody's as
// long as nobody else has pulled it since: its number and attempt say so.
import type { Op } from '@hansa/foundation';
import type { Queues, Receipt, Settled } from './contract.ts';
import { bury } from './dead-letters.ts';
import {
  attemptsAtOnce,
  itemRow,
  knownQueue,
  tooFast,
  unchanged,
  underLease,
  type ItemRow,
  type QueueParts,
} from './parts.ts';

export function createSettling(parts: QueueParts): Pick<Queues, 'ack' | 'nack' | 'extend'> {
  const { tables, slots } = parts;
  return {
    ack: ({ queue, items }) =>
      settle(parts, { queue, items }, ({ sequence, item }) => [
        tables.items.delete([queue, sequence]),
        tables.hidden.delete([queue, sequence]),
        tables.bodies.delete([queue, item.body]),
      ]),
    async nack({ queue, items, delaySeconds }) {
      const { settings } = await knownQueue(parts, queue);
      const spent = await buryNacked(parts, { queue, items }, settings.attemptsMax);
      const rest = items.filter(({ sequence }) => !spent.includes(sequence));
      const comeBack = (lease: string | undefined): Promise<Settled> =>
        settle(parts, { queue, items: rest }, ({ sequence }) => [
          lease === undefined
            ? tables.hidden.delete([queue, sequence])
            : underLease(tables.hidden.put([queue, sequence], { consumer: '' }), lease),
        ]);
      const { settled, lost } = await (delaySeconds === undefined
        ? comeBack(undefined)
        : slots.under(delaySeconds, comeBack));
      return { settled: settled + spent.length, lost };
    },
    extend: ({ queue, items, visibilitySeconds }) =>
      slots.under(visibilitySeconds, (lease) =>
        settle(parts, { queue, items }, ({ sequence }) => [
          underLease(tables.hidden.put([queue, sequence], { consumer: '' }), lease),
        ]),
      ),
  };
}

interface Given {
  readonly queue: string;
  readonly items: readonly Receipt[];
}

/** All that are still theirs, in one step; the others are lost to them. */
async function settle(
  parts: QueueParts,
  given: Given,
  writes: (row: ItemRow) => readonly Op[],
): Promise<Settled> {
  const { store, tables } = parts;
  const { queue } = given;
  for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
    const { own, lost } = await ownItems(parts, given);
    if (own.length === 0) {
      return { settled: 0, lost };
    }
    const { succeeded } = await store.transact({
      if: own.map((row) => unchanged(tables.items.key(queue, row.sequence), row.modRevision)),
      then: own.flatMap((row) => writes(row)),
    });
    if (succeeded) {
      return { settled: own.length, lost };
    }
  }
  throw tooFast(queue);
}

async function ownItems(
  { store, tables }: QueueParts,
  { queue, items }: Given,
): Promise<{ readonly own: readonly ItemRow[]; readonly lost: readonly number[] }> {
  const distinct = [...new Map(items.map((each) => [each.sequence, each])).values()];
  const keys = distinct.map(({ sequence }) => tables.items.key(queue, sequence));
  const { entries } = await store.batchRead(keys);
  const own: ItemRow[] = [];
  const lost: number[] = [];
  distinct.forEach(({ sequence, attempt }, at) => {
    const entry = entries[at] ?? null;
    const row = entry === null ? undefined : itemRow(tables, entry);
    if (row?.item.attempts === attempt) {
      own.push(row);
    } else {
      lost.push(sequence);
    }
  });
  return { own, lost };
}

/** Those that were pulled as often as they may be; their numbers. */
async function buryNacked(
  parts: QueueParts,
  given: Given,
  attemptsMax: number,
): Promise<readonly number[]> {
  for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
    const { own } = await ownItems(parts, given);
    const spent = own.filter(({ item }) => item.attempts >= attemptsMax);
    if (spent.length === 0) {
      return [];
    }
    if (await bury(parts, given.queue, spent)) {
      return spent.map(({ sequence }) => sequence);
    }
  }
  throw tooFast(given.queue);
}
