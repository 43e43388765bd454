// Queues: making and removing them, and how they stand.
import {
  createKeyedMutex,
  createStoreBell,
  deletePrefix,
  HansaError,
  type Table,
} from '@hansa/foundation';
import {
  attemptsDefault,
  dedupSecondsDefault,
  queuesMax,
  visibilitySecondsDefault,
  type Queue,
  type Queues,
  type QueueSettings,
} from './contract.ts';
import { createLooking, createRedriving } from './dead-letters.ts';
import { queueTables } from './keys.ts';
import { createLeaseSlots } from './lease-slots.ts';
import {
  attemptsAtOnce,
  knownQueue,
  noQueue,
  shownQueue,
  tooFast,
  unchanged,
  type QueueParts,
  type QueuesNeeds,
} from './parts.ts';
import { createPulling } from './pulling.ts';
import { createPushing } from './pushing.ts';
import { createSettling } from './settling.ts';

export function createQueues(needs: QueuesNeeds): Queues {
  const { store, codec, clock } = needs;
  const parts: QueueParts = {
    ...needs,
    tables: queueTables(store, codec),
    slots: createLeaseSlots(store, clock),
    bell: createStoreBell(needs),
    line: createKeyedMutex(),
  };
  return {
    ...keeping(parts),
    ...createLooking(parts),
    ...createSettling(parts),
    push: createPushing(parts),
    pull: createPulling(parts),
    redrive: createRedriving(parts),
  };
}

function keeping(parts: QueueParts): Pick<Queues, 'create' | 'show' | 'list' | 'remove'> {
  const { tables } = parts;
  return {
    async create({ queue, settings: given = {} }) {
      const settings: QueueSettings = {
        visibilitySeconds: given.visibilitySeconds ?? visibilitySecondsDefault,
        attemptsMax: given.attemptsMax ?? attemptsDefault,
        dedupSeconds: given.dedupSeconds ?? dedupSecondsDefault,
        ...(given.ttlSeconds === undefined ? {} : { ttlSeconds: given.ttlSeconds }),
      };
      return createQueue(parts, queue, settings);
    },
    async show({ queue }) {
      const record = await knownQueue(parts, queue);
      const oldest = await tables.items.rows(queue)[Symbol.asyncIterator]().next();
      return {
        ...shownQueue(queue, record),
        items: await countOf(parts, tables.items, queue),
        hidden: await countOf(parts, tables.hidden, queue),
        dead: await countOf(parts, tables.dead, queue),
        ...(oldest.done === true ? {} : { oldestMs: oldest.value.value.pushedMs }),
      };
    },
    async list() {
      const queues: Queue[] = [];
      for await (const { key, value } of tables.queues.rows()) {
        queues.push(shownQueue(String(key[0]), value));
      }
      return { queues };
    },
    remove: ({ queue }) => removeQueue(parts, queue),
  };
}

async function countOf(
  { store }: QueueParts,
  table: Pick<Table<unknown>, 'prefix'>,
  queue: string,
): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await store.scan(
      { prefix: table.prefix(queue) },
      { keysOnly: true, ...(cursor === undefined ? {} : { cursor }) },
    );
    count += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return count;
}

async function createQueue(
  parts: QueueParts,
  queue: string,
  settings: QueueSettings,
): Promise<Queue> {
  const { store, tables } = parts;
  const most = parts.queuesMax ?? queuesMax;
  for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
    const registered = await tables.register.get();
    const { floor, queues } = registered?.value ?? { floor: 0, queues: 0 };
    if ((await tables.queues.get(queue)) !== undefined) {
      throw new HansaError('COORDINATION_EXISTS', `there is a queue "${queue}" already`);
    }
    if (queues >= most) {
      throw new HansaError('COORDINATION_FULL', `there are ${most} queues already`);
    }
    const record = { settings, last: floor };
    const { succeeded } = await store.transact({
      if: [
        unchanged(tables.queues.key(queue), 0),
        unchanged(tables.register.key(), registered?.modRevision ?? 0),
      ],
      then: [
        tables.queues.put([queue], record),
        tables.register.put([], { floor, queues: queues + 1 }),
      ],
    });
    if (succeeded) {
      return shownQueue(queue, record);
    }
  }
  throw tooFast(queue);
}

/** First what is in it, so that nothing is left of it where it is made again. */
async function removeQueue(parts: QueueParts, queue: string): Promise<Queue> {
  const { store, tables } = parts;
  for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
    const row = await tables.queues.get(queue);
    if (row === undefined) {
      throw noQueue(queue);
    }
    for (const each of [tables.items, tables.hidden, tables.dead, tables.bodies, tables.seen]) {
      await deletePrefix(store, each.prefix(queue));
    }
    const registered = await tables.register.get();
    const { floor, queues } = registered?.value ?? { floor: 0, queues: 1 };
    const { succeeded } = await store.transact({
      if: [
        // Nothing was pushed since: then there is nothing in it.
        unchanged(tables.queues.key(queue), row.modRevision),
        unchanged(tables.register.key(), registered?.modRevision ?? 0),
      ],
      then: [
        tables.queues.delete([queue]),
        tables.register.put([], {
          floor: Math.max(floor, row.value.last),
          queues: queues - 1,
        }),
      ],
    });
    if (succeeded) {
      return shownQueue(queue, row.value);
    }
  }
  throw tooFast(queue);
}
