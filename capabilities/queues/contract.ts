// Queues: what is pushed is pulled in its order, by one consumer at a time, and again where that
// one did not acknowledge it in time. What fails too often is set aside as a dead letter.
import {
  holderSchema,
  lineNameSchema,
  nameLengthMax,
  waitMsSchema,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';

export const queuesMax = 1_000; // their settings are read to list them
export const payloadBytesMax: number = 256 * 1_024; // several fit one transaction
export const pushItemsMax = 20; // five operations each at most, in one transaction
export const pushBytesMax: number = 512 * 1_024; // payloads of one push, in one transaction
export const pullItemsMax = 30; // three operations each, in one transaction
export const pullBytesMax: number = 1_024 * 1_024; // payloads of one pull; one item at least
export const depthMax = 100_000; // numbers between the oldest item and the newest
export const windowItemsMax = 1_000; // taken or held back by their groups, before one to be pulled
export const deadLettersMax = 10_000; // the oldest give way: by then nobody has looked for long
export const pageItemsMax = 100; // of a look, with payloads
export const itemIdMax = 128; // a UUID or a hash in hex, with a prefix
export const visibilitySecondsMin = 5; // the shortest lease of a store
export const visibilitySecondsMax = 3_600; // what takes longer is extended on the way
export const visibilitySecondsDefault = 30; // most work is done by then
export const attemptsMost = 1_000; // a poisonous item costs so many visibility timeouts at most
export const attemptsDefault = 3; // once is bad luck, three times is the item
export const dedupSecondsMax = 3_600; // ids are remembered in the store
export const dedupSecondsDefault = 300; // a producer that heard no answer asks again within it
export const itemTtlSecondsMax = 604_800; // a week

export interface QueueSettings {
  /** How long a pulled item is hidden from others, unless it is extended. */
  readonly visibilitySeconds: number;
  /** Pulled so often without an acknowledgement, it is a dead letter. */
  readonly attemptsMax: number;
  /** How long an id is remembered. */
  readonly dedupSeconds: number;
  /** Items that nobody pulled go after it; absent: they stay. */
  readonly ttlSeconds?: number | undefined;
}

export type GivenSettings = { readonly [S in keyof QueueSettings]?: number | undefined };

export interface Queue {
  readonly queue: string;
  readonly settings: QueueSettings;
  /** The number of the newest item. */
  readonly last: number;
}

export interface QueueStatus extends Queue {
  /** Items that are not dead letters, whether taken or not. */
  readonly items: number;
  /** Pulled, or put off, and not to be pulled now. */
  readonly hidden: number;
  readonly dead: number;
  readonly oldestMs?: number | undefined;
}

/** How a payload is spelled in JSON: UTF-8 as it is, other bytes as base64 for URLs. */
export type PayloadEncoding = 'text' | 'base64url';

export interface NewItem {
  readonly payload: string;
  readonly encoding?: PayloadEncoding | undefined;
  /** Items of one group are pulled one after the other: the next when the last is acknowledged. */
  readonly group?: string | undefined;
  /** Within `dedupSeconds`, the same id is pushed once. */
  readonly id?: string | undefined;
}

export interface Item {
  /** Rises with every item of its queue. */
  readonly sequence: number;
  /** How often it was pulled: with the sequence, what it is acknowledged by. */
  readonly attempt: number;
  readonly payload: string;
  readonly encoding: PayloadEncoding;
  readonly group?: string | undefined;
  readonly id?: string | undefined;
  readonly pushedMs: number;
}

export interface Receipt {
  readonly sequence: number;
  readonly attempt: number;
}

export interface Pushed {
  /** In the order of the items; of a repeated id, the first's. */
  readonly sequences: readonly number[];
  readonly duplicates: number;
}

/** Receipts that count no more are in `lost`: somebody else has the item, or had it. */
export interface Settled {
  readonly settled: number;
  readonly lost: readonly number[];
}

export interface Queues {
  create(
    input: { queue: string; settings?: GivenSettings | undefined },
    call?: Call,
  ): Promise<Queue>;
  /** All items of a push in one step or none. */
  push(input: { queue: string; items: readonly NewItem[] }, call?: Call): Promise<Pushed>;
  /** None where there are none until the wait is over. Consumers are served as they came. */
  pull(
    input: {
      queue: string;
      consumer: string;
      limit?: number | undefined;
      visibilitySeconds?: number | undefined;
      waitMs?: number | undefined;
    },
    call?: Call,
  ): Promise<{ readonly items: readonly Item[] }>;
  ack(input: { queue: string; items: readonly Receipt[] }, call?: Call): Promise<Settled>;
  /** It comes again: at once, or after a while. */
  nack(
    input: { queue: string; items: readonly Receipt[]; delaySeconds?: number | undefined },
    call?: Call,
  ): Promise<Settled>;
  /** Hidden for so long from now on. */
  extend(
    input: { queue: string; items: readonly Receipt[]; visibilitySeconds: number },
    call?: Call,
  ): Promise<Settled>;
  /** The oldest items, taken or not, and nothing changes. */
  peek(
    input: { queue: string; after?: number | undefined; limit?: number | undefined },
    call?: Call,
  ): Promise<{ readonly items: readonly Item[] }>;
  show(input: { queue: string }, call?: Call): Promise<QueueStatus>;
  list(input: Record<string, never>, call?: Call): Promise<{ readonly queues: readonly Queue[] }>;
  dead(
    input: { queue: string; after?: number | undefined; limit?: number | undefined },
    call?: Call,
  ): Promise<{ readonly items: readonly Item[] }>;
  /** Dead letters are pushed again, as new items at the end; all where none are named. */
  redrive(
    input: { queue: string; sequences?: readonly number[] | undefined },
    call?: Call,
  ): Promise<{ readonly redriven: number }>;
  remove(input: { queue: string }, call?: Call): Promise<Queue>;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const seconds = (most: number): z.ZodType<number> =>
  z.number().int().min(visibilitySecondsMin).max(most);
const settingFields = {
  visibilitySeconds: seconds(visibilitySecondsMax),
  attemptsMax: z.number().int().positive().max(attemptsMost),
  dedupSeconds: seconds(dedupSecondsMax),
  ttlSeconds: seconds(itemTtlSecondsMax).optional(),
};
export const settingsSchema: z.ZodType<QueueSettings> = z.object(settingFields);
const encoding = z.enum(['text', 'base64url']);
const group = z
  .string()
  .min(1)
  .max(nameLengthMax)
  .regex(/^\P{C}*$/u, 'a group has no control characters: it is printed on terminals');
const itemId = z
  .string()
  .min(1)
  .max(itemIdMax)
  .regex(/^[!-~]+$/, 'an id is printable ASCII without spaces');
const newItem: z.ZodType<NewItem> = z.strictObject({
  // How long what it spells is, the service counts: over its limit is INPUT_TOO_LARGE.
  payload: z.string(),
  encoding: encoding.optional(),
  group: group.optional(),
  id: itemId.optional(),
});
const item: z.ZodType<Item> = z.object({
  sequence: positive,
  attempt: natural,
  payload: z.string(),
  encoding,
  group: z.string().optional(),
  id: z.string().optional(),
  pushedMs: natural,
});
const items = z.object({ items: z.array(item) });
const queueFields = { queue: z.string(), settings: settingsSchema, last: natural };
const queue: z.ZodType<Queue> = z.object(queueFields);
const receipts = z
  .array(z.strictObject({ sequence: positive, attempt: positive }))
  .min(1)
  .max(pullItemsMax);
const settled: z.ZodType<Settled> = z.object({ settled: natural, lost: z.array(natural) });
const oneQueue = z.strictObject({ queue: lineNameSchema });
const page = z.strictObject({
  queue: lineNameSchema,
  after: natural.optional(),
  limit: z.number().int().positive().max(pageItemsMax).optional(),
});
const unfound = ['COORDINATION_NOT_FOUND'] as const;
const contested = ['COORDINATION_NOT_FOUND', 'CONFLICT'] as const;

export const queueContract: Contract<Queues> = {
  name: 'queue',
  version: 1,
  methods: {
    create: {
      summary: 'Makes an empty queue.',
      permission: 'queue.write',
      route: 'POST /queues',
      input: z.strictObject({
        queue: lineNameSchema,
        settings: z.strictObject(settingFields).partial().optional(),
      }),
      output: queue,
      errors: ['COORDINATION_EXISTS', 'COORDINATION_FULL', 'CONFLICT'],
    },
    push: {
      summary: 'Pushes items, all in one step; answers once they are on disk.',
      permission: 'queue.write',
      route: 'POST /queues/push',
      input: z.strictObject({
        queue: lineNameSchema,
        items: z.array(newItem).min(1).max(pushItemsMax),
      }),
      output: z.object({ sequences: z.array(positive), duplicates: natural }),
      errors: [...contested, 'COORDINATION_FULL', 'INPUT_TOO_LARGE'],
    },
    pull: {
      summary: 'Takes the oldest items for a while; waits where there are none.',
      permission: 'queue.write',
      route: 'POST /queues/pull',
      input: z.strictObject({
        queue: lineNameSchema,
        consumer: holderSchema,
        limit: z.number().int().positive().max(pullItemsMax).optional(),
        visibilitySeconds: seconds(visibilitySecondsMax).optional(),
        waitMs: waitMsSchema.optional(),
      }),
      output: items,
      errors: contested,
    },
    ack: {
      summary: 'Says that items are done: they go.',
      permission: 'queue.write',
      route: 'POST /queues/ack',
      input: z.strictObject({ queue: lineNameSchema, items: receipts }),
      output: settled,
      errors: contested,
    },
    nack: {
      summary: 'Gives items back: they come again, or are dead letters now.',
      permission: 'queue.write',
      route: 'POST /queues/nack',
      input: z.strictObject({
        queue: lineNameSchema,
        items: receipts,
        delaySeconds: seconds(visibilitySecondsMax).optional(),
      }),
      output: settled,
      errors: contested,
    },
    extend: {
      summary: 'Hides items for longer: their work goes on.',
      permission: 'queue.write',
      route: 'POST /queues/extend',
      input: z.strictObject({
        queue: lineNameSchema,
        items: receipts,
        visibilitySeconds: seconds(visibilitySecondsMax),
      }),
      output: settled,
      errors: contested,
    },
    peek: {
      summary: 'Looks at the oldest items without taking them.',
      permission: 'queue.read',
      route: 'GET /queues/peek',
      input: page,
      output: items,
      errors: unfound,
    },
    show: {
      summary: 'Shows how many items there are, taken and dead ones.',
      permission: 'queue.read',
      route: 'GET /queues/show',
      input: oneQueue,
      output: z.object({
        ...queueFields,
        items: natural,
        hidden: natural,
        dead: natural,
        oldestMs: natural.optional(),
      }),
      errors: unfound,
    },
    list: {
      summary: 'Lists queues.',
      permission: 'queue.read',
      route: 'GET /queues',
      input: z.strictObject({}),
      output: z.object({ queues: z.array(queue) }),
      errors: [],
    },
    dead: {
      summary: 'Looks at dead letters.',
      permission: 'queue.read',
      route: 'GET /queues/dead',
      input: page,
      output: items,
      errors: unfound,
    },
    redrive: {
      summary: 'Pushes dead letters again, to the end of their queue.',
      permission: 'queue.write',
      route: 'POST /queues/redrive',
      input: z.strictObject({
        queue: lineNameSchema,
        sequences: z.array(positive).min(1).max(pageItemsMax).optional(),
      }),
      output: z.object({ redriven: natural }),
      errors: [...contested, 'COORDINATION_FULL'],
    },
    remove: {
      summary: 'Removes a queue with everything in it.',
      permission: 'queue.write',
      route: 'POST /queues/remove',
      input: oneQueue,
      output: queue,
      errors: contested,
    },
  },
};
