// Pulling: the oldest items that nobody has, and of a group only the first. Whoever waits stands in
// a line of this process, and who comes while others are served is served with the next; what makes
// it safe is the transaction that hides what is taken.
import { abortable, createGathering, deadline, HansaError, type Op } from '@hansa/foundation';
import {
  pullBytesMax,
  pullItemsMax,
  windowItemsMax,
  type Item,
  type Queues,
  type QueueSettings,
} from './contract.ts';
import { bury } from './dead-letters.ts';
import { createSettling } from './settling.ts';
import {
  attemptsAtOnce,
  entriesOf,
  itemRow,
  knownQueue,
  noQueue,
  shownItem,
  tooFast,
  unchanged,
  underLease,
  type ItemRow,
  type QueueParts,
} from './parts.ts';

const lookAgainMs = 2_000; // rings come by the store's watch; this is for one that was lost
const spareItems = 32; // read beyond what is hidden: for groups that are held back

interface Asked {
  readonly queue: string;
  readonly consumer: string;
  readonly limit: number;
  readonly visibilitySeconds: number | undefined;
}

interface Pending extends Asked {
  resolve(items: readonly Item[]): void;
  reject(error: unknown): void;
}

type Take = (asked: Asked) => Promise<readonly Item[]>;

export function createPulling(parts: QueueParts): Queues['pull'] {
  const gathering = createGathering<Pending>({
    weigh: ({ limit }) => limit,
    weightMax: pullItemsMax,
    step: (_key, batch) => takeFor(parts, batch),
  });
  const take: Take = (asked) =>
    new Promise((resolve, reject) => {
      const { queue, visibilitySeconds = 0 } = asked;
      gathering.add(`${visibilitySeconds} ${queue}`, { ...asked, resolve, reject });
    });
  return async ({ queue, consumer, limit = 1, visibilitySeconds, waitMs = 0 }, call) => {
    const asked = { queue, consumer, limit, visibilitySeconds };
    if (waitMs === 0) {
      return { items: await take(asked) };
    }
    await knownQueue(parts, queue);
    const { signal, done } = deadline(parts.clock, waitMs, {
      reason: () => new HansaError('TIMED_OUT', 'the wait is over'),
      signal: call?.signal,
    });
    let begun = false;
    const turn = parts.line.run(queue, () => {
      begun = true;
      return waitInTurn(parts, asked, { signal, take, gone: call?.signal });
    });
    // In line, nobody stands for longer than their own time; in turn, it ends by itself.
    const items = await abortable(turn, signal).catch((error: unknown) => {
      if (signal.aborted && call?.signal?.aborted !== true) {
        return begun ? turn : [];
      }
      throw error;
    });
    done();
    return { items };
  };
}

async function waitInTurn(
  parts: QueueParts,
  asked: Asked,
  given: {
    readonly signal: AbortSignal;
    readonly take: Take;
    /** Whoever asked is there no more. */
    readonly gone: AbortSignal | undefined;
  },
): Promise<readonly Item[]> {
  const { tables, bell } = parts;
  const { queue } = asked;
  const { signal, take, gone } = given;
  const prefixes = [tables.items, tables.hidden].map((each) => each.prefix(queue));
  const seat = await bell.attend([...prefixes, tables.queues.key(queue)]);
  try {
    while (!signal.aborted) {
      seat.hush();
      const items = await take(asked);
      if (items.length > 0 && gone?.aborted === true) {
        await createSettling(parts).nack({ queue, items });
        return [];
      }
      if (items.length > 0) {
        return items;
      }
      await seat.rung(lookAgainMs, signal);
    }
    return [];
  } finally {
    seat.leave();
  }
}

/** Never rejects: every caller hears his own outcome. */
async function takeFor(parts: QueueParts, batch: readonly Pending[]): Promise<void> {
  let waiting = batch;
  try {
    for (let attempt = 0; waiting.length > 0; attempt += 1) {
      if (attempt >= attemptsAtOnce) {
        throw tooFast(waiting[0]?.queue ?? '');
      }
      const given = await takeSome(parts, waiting);
      if (given === undefined) {
        continue;
      }
      // What did not fit into one answer is taken for the others in another step.
      const served = given.length === 0 ? waiting : waiting.slice(0, given.length);
      served.forEach(({ resolve }, at) => resolve(given[at] ?? []));
      waiting = waiting.slice(served.length);
    }
  } catch (error) {
    waiting.forEach(({ reject }) => reject(error));
  }
}

/** Items for the first of them, or none; undefined where it has to be repeated. */
async function takeSome(
  parts: QueueParts,
  waiting: readonly Pending[],
): Promise<readonly (readonly Item[])[] | undefined> {
  const [first] = waiting;
  if (first === undefined) {
    return [];
  }
  const { queue } = first;
  const limit = waiting.reduce((sum, each) => sum + each.limit, 0);
  const { settings, free, spent } = await choose(parts, queue, limit);
  if (spent.length > 0) {
    // Its attempts are used up, and nobody acknowledged the last of them in time.
    await bury(parts, queue, spent);
    return undefined;
  }
  if (free.length === 0) {
    return [];
  }
  const consumers = waiting.flatMap(({ consumer, limit: each }) =>
    Array.from({ length: each }, () => consumer),
  );
  const seconds = first.visibilitySeconds ?? settings.visibilitySeconds;
  const taken = await parts.slots.under(seconds, (lease) =>
    hide(parts, queue, { free, lease, consumers }),
  );
  return taken && dealt(taken, waiting);
}

/** To the first as many as it wants, then to the next, as far as they go. */
function dealt(taken: readonly Item[], waiting: readonly Pending[]): readonly (readonly Item[])[] {
  const hands: (readonly Item[])[] = [];
  let from = 0;
  for (const { limit } of waiting) {
    if (from >= taken.length) {
      break;
    }
    hands.push(taken.slice(from, from + limit));
    from += limit;
  }
  return hands;
}

interface Chosen {
  readonly settings: QueueSettings;
  readonly free: readonly ItemRow[];
  readonly spent: readonly ItemRow[];
}

/** At one revision: who is hidden, and from the oldest on who is not. */
async function choose(parts: QueueParts, queue: string, limit: number): Promise<Chosen> {
  const { store, tables } = parts;
  let most = limit + spareItems;
  for (;;) {
    const { results } = await store.transact({
      if: [],
      then: [
        { get: { key: tables.queues.key(queue) } },
        { scan: { prefix: tables.hidden.prefix(queue), limit: windowItemsMax } },
        { scan: { prefix: tables.items.prefix(queue), limit: Math.min(most, windowItemsMax) } },
      ],
    });
    const [entry] = entriesOf(results[0]);
    if (entry === undefined) {
      throw noQueue(queue);
    }
    const { settings } = tables.queues.row(entry).value;
    const hidden = new Set(
      entriesOf(results[1]).map((each) => Number(tables.hidden.row(each).key[1])),
    );
    const rows = entriesOf(results[2]).map((each) => itemRow(tables, each));
    const chosen = choice(rows, { hidden, limit, attemptsMax: settings.attemptsMax });
    const isWhole = rows.length < most || most >= windowItemsMax;
    if (isWhole || chosen.free.length >= limit || chosen.spent.length > 0) {
      return { settings, ...chosen };
    }
    most = windowItemsMax;
  }
}

/** Of a group only the first counts, hidden or not: the others come when it is gone. */
export function choice(
  rows: readonly ItemRow[],
  given: {
    readonly hidden: ReadonlySet<number>;
    readonly limit: number;
    readonly attemptsMax: number;
  },
): { readonly free: readonly ItemRow[]; readonly spent: readonly ItemRow[] } {
  const free: ItemRow[] = [];
  const spent: ItemRow[] = [];
  const groups = new Set<string>();
  let bytes = 0;
  for (const row of rows) {
    const { group, attempts } = row.item;
    const isFirst = group === '' || !groups.has(group);
    groups.add(group);
    if (!isFirst || given.hidden.has(row.sequence)) {
      continue;
    }
    if (attempts >= given.attemptsMax) {
      spent.push(row);
      continue;
    }
    bytes += row.item.bytes;
    if (free.length >= given.limit || (free.length > 0 && bytes > pullBytesMax)) {
      break;
    }
    free.push(row);
  }
  return { free, spent };
}

/** Undefined where one of them was taken or changed meanwhile. */
async function hide(
  { store, tables }: QueueParts,
  queue: string,
  given: {
    readonly free: readonly ItemRow[];
    readonly lease: string;
    readonly consumers: readonly string[];
  },
): Promise<readonly Item[] | undefined> {
  const { free, lease, consumers } = given;
  const counted = free.map((row) => ({ ...row.item, attempts: row.item.attempts + 1 }));
  const writes = free.flatMap((row, at): Op[] => {
    const item = counted[at];
    const consumer = consumers[at] ?? '';
    return item === undefined
      ? []
      : [
          underLease(tables.items.put([queue, row.sequence], item), row.lease),
          underLease(tables.hidden.put([queue, row.sequence], { consumer }), lease),
        ];
  });
  const { succeeded, results } = await store.transact({
    if: free.flatMap(({ sequence, modRevision }) => [
      unchanged(tables.items.key(queue, sequence), modRevision),
      unchanged(tables.hidden.key(queue, sequence), 0),
    ]),
    then: [
      ...writes,
      ...free.map(({ item }) => ({ get: { key: tables.bodies.key(queue, item.body) } })),
    ],
  });
  if (!succeeded) {
    return undefined;
  }
  return free.flatMap(({ sequence }, at) => {
    const [body] = entriesOf(results[writes.length + at]);
    const item = counted[at];
    return body === undefined || item === undefined
      ? []
      : [shownItem(sequence, item, tables.bodies.row(body).value)];
  });
}
