// Pushing: what comes for one queue while a write is on its way goes into the next, and each push
// stays whole. An id that was seen is answered with the number it has.
import {
  createGathering,
  HansaError,
  readBytes,
  type Compare,
  type Gathering,
  type Op,
} from '@hansa/foundation';
import {
  depthMax,
  payloadBytesMax,
  pushBytesMax,
  type NewItem,
  type Pushed,
  type Queues,
} from './contract.ts';
import type { QueueRecord } from './keys.ts';
import {
  attemptsAtOnce,
  entriesOf,
  noQueue,
  tooFast,
  unchanged,
  underLease,
  type QueueParts,
} from './parts.ts';

const opsMax = 90; // of one transaction, beside those of the queue itself
const opsPerItem = 4; // item, payload, the id with its read

interface Ready {
  readonly payload: Uint8Array;
  readonly group: string;
  readonly id: string;
}

interface Pending {
  readonly items: readonly Ready[];
  readonly bytes: number;
  resolve(pushed: Pushed): void;
  reject(error: unknown): void;
}

export function createPushing(parts: QueueParts): Queues['push'] {
  const bytesPerOp = pushBytesMax / opsMax;
  const gathering: Gathering<Pending> = createGathering({
    // Operations or bytes, whichever fills the transaction first.
    weigh: ({ items, bytes }) => Math.max(items.length * opsPerItem, bytes / bytesPerOp),
    weightMax: opsMax,
    step: (queue, batch) => pushBatch(parts, queue, batch),
  });
  return async ({ queue, items }) => {
    const ready = items.map(readyItem);
    const bytes = ready.reduce((sum, { payload }) => sum + payload.length, 0);
    if (bytes > pushBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `a push has at most ${pushBytesMax} bytes`);
    }
    return new Promise<Pushed>((resolve, reject) => {
      gathering.add(queue, { items: ready, bytes, resolve, reject });
    });
  };
}

function readyItem({ payload: text, encoding = 'text', group = '', id = '' }: NewItem): Ready {
  const payload = readBytes({ text, encoding }, 'a payload');
  if (payload.length > payloadBytesMax) {
    throw new HansaError(
      'INPUT_TOO_LARGE',
      `a payload has at most ${payloadBytesMax} bytes; larger content is a blob`,
      { facts: { limit: payloadBytesMax, found: payload.length } },
    );
  }
  return { payload, group, id };
}

/** Never rejects: every caller hears his own outcome. */
async function pushBatch(
  parts: QueueParts,
  queue: string,
  batch: readonly Pending[],
): Promise<void> {
  try {
    for (let attempt = 0; attempt < attemptsAtOnce; attempt += 1) {
      if (await tryPush(parts, queue, batch)) {
        return;
      }
    }
    throw tooFast(queue);
  } catch (error) {
    batch.forEach(({ reject }) => reject(error));
  }
}

interface Found {
  readonly record: QueueRecord;
  readonly modRevision: number;
  /** The oldest item's number; absent where there is none. */
  readonly first: number | undefined;
  /** Numbers of ids that were pushed before. */
  readonly seen: Map<string, number>;
}

async function find(
  { store, tables }: QueueParts,
  queue: string,
  ids: readonly string[],
): Promise<Found> {
  const { results } = await store.transact({
    if: [],
    then: [
      { get: { key: tables.queues.key(queue) } },
      { scan: { prefix: tables.items.prefix(queue), limit: 1 } },
      ...ids.map((id) => ({ get: { key: tables.seen.key(queue, id) } })),
    ],
  });
  const [entry] = entriesOf(results[0]);
  if (entry === undefined) {
    throw noQueue(queue);
  }
  const { value, modRevision } = tables.queues.row(entry);
  const [oldest] = entriesOf(results[1]);
  const seen = ids.flatMap((id, at) =>
    entriesOf(results[at + 2]).map((each) => [id, tables.seen.row(each).value.sequence] as const),
  );
  return {
    record: value,
    modRevision,
    first: oldest === undefined ? undefined : Number(tables.items.row(oldest).key[1]),
    seen: new Map(seen),
  };
}

async function tryPush(
  parts: QueueParts,
  queue: string,
  batch: readonly Pending[],
): Promise<boolean> {
  const all = batch.flatMap(({ items }) => items);
  const ids = [...new Set(all.map(({ id }) => id).filter((id) => id !== ''))];
  const found = await find(parts, queue, ids);
  const room = found.record.last + all.length - (found.first ?? found.record.last + 1);
  const most = parts.depthMax ?? depthMax;
  if (room >= most) {
    throw new HansaError('COORDINATION_FULL', `the queue "${queue}" holds ${most} items at most`, {
      fix: 'pull and acknowledge its oldest items',
    });
  }
  const draft = draftOf(parts, queue, { found, batch });
  const { store, tables, slots } = parts;
  const write = async (dedupLease: string | undefined): Promise<boolean> =>
    draft.withItemLease(async (itemLease) => {
      const { succeeded } = await store.transact({
        if: [unchanged(tables.queues.key(queue), found.modRevision), ...draft.if],
        then: [
          ...draft.items.map((op) => underLease(op, itemLease)),
          ...draft.ids.map((op) => underLease(op, dedupLease)),
          tables.queues.put([queue], { ...found.record, last: draft.last }),
        ],
      });
      return succeeded;
    });
  const { dedupSeconds } = found.record.settings;
  const done =
    draft.items.length === 0 ||
    (draft.ids.length === 0 ? await write(undefined) : await slots.under(dedupSeconds, write));
  if (done) {
    batch.forEach(({ resolve }, at) =>
      resolve(draft.answers[at] ?? { sequences: [], duplicates: 0 }),
    );
  }
  return done;
}

interface Draft {
  readonly if: readonly Compare[];
  readonly items: readonly Op[];
  readonly ids: readonly Op[];
  readonly last: number;
  readonly answers: readonly Pushed[];
  withItemLease<T>(work: (lease: string | undefined) => Promise<T>): Promise<T>;
}

function draftOf(
  { tables, clock, slots }: QueueParts,
  queue: string,
  { found, batch }: { readonly found: Found; readonly batch: readonly Pending[] },
): Draft {
  const seen = new Map(found.seen);
  const compares: Compare[] = [];
  const items: Op[] = [];
  const ids: Op[] = [];
  let { last } = found.record;
  const pushedMs = clock.now();
  const pushOne = ({ payload, group, id }: Ready): number => {
    last += 1;
    const record = { attempts: 0, body: last, bytes: payload.length, group, id, pushedMs };
    items.push(tables.items.put([queue, last], record), tables.bodies.put([queue, last], payload));
    if (id !== '') {
      seen.set(id, last);
      compares.push(unchanged(tables.seen.key(queue, id), 0));
      ids.push(tables.seen.put([queue, id], { sequence: last }));
    }
    return last;
  };
  const answers = batch.map(({ items: pushed }) => {
    let duplicates = 0;
    const sequences = pushed.map((one) => {
      const before = seen.get(one.id);
      duplicates += before === undefined ? 0 : 1;
      return before ?? pushOne(one);
    });
    return { sequences, duplicates };
  });
  const { ttlSeconds } = found.record.settings;
  return {
    if: compares,
    items,
    ids,
    last,
    answers,
    withItemLease: (work) =>
      ttlSeconds === undefined ? work(undefined) : slots.under(ttlSeconds, work),
  };
}
