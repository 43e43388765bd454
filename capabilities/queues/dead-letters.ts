// Dead letters: items that were pulled as often as they may be and never acknowledged. They keep
// their payloads, and come back to the end of their queue when somebody says so.
import { HansaError, type Op, type Table } from '@hansa/foundation';
import { deadLettersMax, depthMax, pageItemsMax, type Item, type Queues } from './contract.ts';
import type { ItemRecord } from './keys.ts';
import {
  attemptsAtOnce,
  entriesOf,
  knownQueue,
  noQueue,
  shownItem,
  tooFast,
  unchanged,
  underLease,
  type ItemRow,
  type QueueParts,
} from './parts.ts';

const buriedAtOnce = 30; // three operations each, in one transaction
const redrivenAtOnce = 30; // two operations and a compare each

/** What is changed meanwhile stays; whoever looks next sees it. */
export async function bury(
  parts: QueueParts,
  queue: string,
  rows: readonly ItemRow[],
): Promise<boolean> {
  const { store, tables } = parts;
  const some = rows.slice(0, buriedAtOnce);
  const { succeeded } = await store.transact({
    if: some.map(({ sequence, modRevision }) =>
      unchanged(tables.items.key(queue, sequence), modRevision),
    ),
    then: some.flatMap(({ sequence, item, lease }): Op[] => [
      tables.items.delete([queue, sequence]),
      tables.hidden.delete([queue, sequence]),
      underLease(tables.dead.put([queue, sequence], item), lease),
    ]),
  });
  if (succeeded) {
    await dropOldest(parts, queue);
  }
  return succeeded;
}

async function dropOldest(parts: QueueParts, queue: string): Promise<void> {
  const { store, tables } = parts;
  const most = parts.deadLettersMax ?? deadLettersMax;
  const prefix = tables.dead.prefix(queue);
  let over = -most;
  let cursor: string | undefined;
  do {
    const page = await store.scan(
      { prefix },
      { keysOnly: true, ...(cursor === undefined ? {} : { cursor }) },
    );
    over += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (over <= 0) {
    return;
  }
  const { entries } = await store.scan({ prefix }, { limit: Math.min(over, buriedAtOnce) });
  await store.batchWrite(
    entries.flatMap((entry): Op[] => [
      { delete: { key: entry.key } },
      tables.bodies.delete([queue, tables.dead.row(entry).value.body]),
    ]),
  );
}

export function createLooking(parts: QueueParts): Pick<Queues, 'peek' | 'dead'> {
  const { tables } = parts;
  return {
    peek: (asked) => pageOf(parts, tables.items, asked),
    dead: (asked) => pageOf(parts, tables.dead, asked),
  };
}

async function pageOf(
  parts: QueueParts,
  table: Table<ItemRecord>,
  asked: { queue: string; after?: number | undefined; limit?: number | undefined },
): Promise<{ readonly items: readonly Item[] }> {
  const { queue, after = 0, limit = pageItemsMax } = asked;
  await knownQueue(parts, queue);
  const items: Item[] = [];
  for await (const { key, value } of table.rowsFrom([queue], after + 1)) {
    const body = await parts.tables.bodies.get(queue, value.body);
    if (body !== undefined) {
      items.push(shownItem(Number(key[1]), value, body.value));
    }
    if (items.length >= limit) {
      break;
    }
  }
  return { items };
}

export function createRedriving(parts: QueueParts): Queues['redrive'] {
  return async ({ queue, sequences }) => {
    let redriven = 0;
    let wanted = sequences;
    let before = 0;
    do {
      before = redriven;
      const moved = await redriveSome(parts, queue, wanted);
      redriven += moved.length;
      wanted = wanted?.filter((sequence) => !moved.includes(sequence));
    } while (redriven > before && wanted?.length !== 0);
    return { redriven };
  };
}

async function redriveSome(
  parts: QueueParts,
  queue: string,
  wanted: readonly number[] | undefined,
): Promise<readonly number[]> {
  const { store, tables } = parts;
  for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
    const { results } = await store.transact({
      if: [],
      then: [
        { get: { key: tables.queues.key(queue) } },
        { scan: { prefix: tables.items.prefix(queue), limit: 1 } },
        ...(wanted === undefined
          ? [{ scan: { prefix: tables.dead.prefix(queue), limit: redrivenAtOnce } }]
          : wanted
              .slice(0, redrivenAtOnce)
              .map((sequence) => ({ get: { key: tables.dead.key(queue, sequence) } }))),
      ],
    });
    const [entry] = entriesOf(results[0]);
    if (entry === undefined) {
      throw noQueue(queue);
    }
    const { value, modRevision } = tables.queues.row(entry);
    const dead = results
      .slice(2)
      .flatMap(entriesOf)
      .map((each) => ({ ...tables.dead.row(each), lease: each.lease }));
    const [oldest] = entriesOf(results[1]);
    const first = oldest === undefined ? value.last + 1 : Number(tables.items.row(oldest).key[1]);
    if (value.last + dead.length - first >= (parts.depthMax ?? depthMax)) {
      throw new HansaError('COORDINATION_FULL', `the queue "${queue}" is full`);
    }
    if (dead.length === 0) {
      return [];
    }
    const { succeeded } = await store.transact({
      if: [
        unchanged(tables.queues.key(queue), modRevision),
        ...dead.map((row) => unchanged(tables.dead.key(...row.key), row.modRevision)),
      ],
      then: [
        tables.queues.put([queue], { ...value, last: value.last + dead.length }),
        ...dead.flatMap((row, at): Op[] => [
          tables.dead.delete(row.key),
          underLease(
            tables.items.put([queue, value.last + 1 + at], { ...row.value, attempts: 0 }),
            row.lease,
          ),
        ]),
      ],
    });
    if (succeeded) {
      return dead.map(({ key }) => Number(key[1]));
    }
  }
  throw tooFast(queue);
}
