// Numbers that many share: counters, sequences whose numbers are never given twice, and rate
// limiters. All of them are in the store before an answer is given.
import { lineNameSchema, waitMsSchema, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';

export const countersMax = 100_000; // about 10 MB of records
export const sequencesMax = 100_000; // none is ever forgotten: its numbers would come again
export const limitersMax = 10_000; // when each was last seen is remembered in memory
export const reservedMax = 1_000_000; // numbers reserved at once; what is not used is lost
export const burstMax = 1_000_000_000; // sums of fractions stay exact enough
export const perSecondMin = 0.000_1; // one in three hours
export const onceLengthMax = 128; // a UUID or a hash in hex, with a prefix
export const onceMs = 600_000; // a caller that did not hear an answer asks again within it
export const pageNumbersMax = 500; // one page of a list; each is a few words

export interface Counter {
  readonly name: string;
  /** 0 where it was never changed, or was reset. */
  readonly value: number;
}

export interface Reserved {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

export interface Limiter {
  readonly name: string;
  /** How many tokens come in a second. */
  readonly perSecond: number;
  /** How many tokens there are at most. */
  readonly burst: number;
  /** Tokens that are there now; below zero where some were promised to who waits. */
  readonly available: number;
}

export interface Taken {
  readonly allowed: boolean;
  readonly available: number;
  /** Where it was not allowed: when it would be, if nobody else came. */
  readonly retryAfterMs?: number | undefined;
}

interface Once {
  /** The same change is made once within `onceMs`, and answered alike. */
  readonly once?: string | undefined;
}

interface Paging {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** Whole numbers from -(2^53-1) to 2^53-1; COUNTER_RANGE beyond them, and nothing has changed. */
export interface Counters {
  show(input: { name: string }, call?: Call): Promise<Counter>;
  add(input: Once & { name: string; by: number }, call?: Call): Promise<Counter>;
  /** With `stopAtZero`, of what is asked for only so much as is there: `taken`. */
  subtract(
    input: Once & { name: string; by: number; stopAtZero?: boolean | undefined },
    call?: Call,
  ): Promise<Counter & { readonly taken: number }>;
  set(input: Once & { name: string; value: number }, call?: Call): Promise<Counter>;
  /** `swapped` is false where it is another number, which is answered. */
  compareAndSet(
    input: { name: string; expect: number; value: number },
    call?: Call,
  ): Promise<Counter & { readonly swapped: boolean }>;
  /** Answers what it was. */
  reset(input: { name: string }, call?: Call): Promise<Counter>;
  list(
    input: Paging,
    call?: Call,
  ): Promise<{ counters: readonly Counter[]; next?: string | undefined }>;
}

/** Numbers from 1 up. None is given twice, and later ones are larger. */
export interface Sequences {
  next(input: { name: string; count?: number | undefined }, call?: Call): Promise<Reserved>;
  /** The last number that was given; 0 before the first. */
  show(input: { name: string }, call?: Call): Promise<{ name: string; last: number }>;
  list(
    input: Paging,
    call?: Call,
  ): Promise<{
    sequences: readonly { name: string; last: number }[];
    next?: string | undefined;
  }>;
}

export interface Limiters {
  /** Makes it full, or changes how much comes. */
  configure(
    input: { name: string; perSecond: number; burst: number },
    call?: Call,
  ): Promise<Limiter>;
  /** With a wait, tokens that are to come are promised in the order of asking. */
  take(
    input: { name: string; tokens?: number | undefined; waitMs?: number | undefined },
    call?: Call,
  ): Promise<Taken>;
  show(input: { name: string }, call?: Call): Promise<Limiter>;
  /** Full again. */
  reset(input: { name: string }, call?: Call): Promise<Limiter>;
  remove(input: { name: string }, call?: Call): Promise<{ readonly name: string }>;
  list(
    input: Paging,
    call?: Call,
  ): Promise<{ limiters: readonly Limiter[]; next?: string | undefined }>;
}

const most = Number.MAX_SAFE_INTEGER;
const whole = z.number().int().min(-most).max(most);
const natural = z.number().int().nonnegative().max(most);
const once = z
  .string()
  .min(1)
  .max(onceLengthMax)
  .regex(/^[!-~]+$/, 'an id is printable ASCII without spaces')
  .optional();
const named = z.strictObject({ name: lineNameSchema });
const paging: z.ZodType<Paging> = z.strictObject({
  after: lineNameSchema.optional(),
  limit: z.number().int().positive().max(pageNumbersMax).optional(),
});
const nextField = { next: z.string().optional() };
const counterFields = { name: z.string(), value: whole };
const counter: z.ZodType<Counter> = z.object(counterFields);
const tokens = z.number().int().positive().max(burstMax);
const limiter: z.ZodType<Limiter> = z.object({
  name: z.string(),
  perSecond: z.number(),
  burst: z.number(),
  available: z.number(),
});
const changeErrors = ['COUNTER_RANGE', 'COORDINATION_FULL', 'CONFLICT'] as const;

export const counterContract: Contract<Counters> = {
  name: 'counter',
  version: 1,
  methods: {
    show: {
      summary: 'Reads a counter.',
      permission: 'counter.read',
      route: 'GET /counters/show',
      input: named,
      output: counter,
      errors: [],
    },
    add: {
      summary: 'Adds to a counter, and answers the sum.',
      permission: 'counter.write',
      route: 'POST /counters/add',
      input: z.strictObject({ name: lineNameSchema, by: whole, once }),
      output: counter,
      errors: changeErrors,
    },
    subtract: {
      summary: 'Subtracts from a counter; if asked for, not below zero.',
      permission: 'counter.write',
      route: 'POST /counters/subtract',
      input: z.strictObject({
        name: lineNameSchema,
        by: natural,
        stopAtZero: z.boolean().optional(),
        once,
      }),
      output: z.object({ ...counterFields, taken: natural }),
      errors: changeErrors,
    },
    set: {
      summary: 'Sets a counter.',
      permission: 'counter.write',
      route: 'POST /counters/set',
      input: z.strictObject({ name: lineNameSchema, value: whole, once }),
      output: counter,
      errors: changeErrors,
    },
    compareAndSet: {
      summary: 'Sets a counter where it is what was expected.',
      permission: 'counter.write',
      route: 'POST /counters/compare-and-set',
      input: z.strictObject({ name: lineNameSchema, expect: whole, value: whole }),
      output: z.object({ ...counterFields, swapped: z.boolean() }),
      errors: changeErrors,
    },
    reset: {
      summary: 'Sets a counter to zero, and answers what it was.',
      permission: 'counter.write',
      route: 'POST /counters/reset',
      input: named,
      output: counter,
      errors: ['CONFLICT'],
    },
    list: {
      summary: 'Lists counters that are not zero.',
      permission: 'counter.read',
      route: 'GET /counters',
      input: paging,
      output: z.object({ counters: z.array(counter), ...nextField }),
      errors: [],
    },
  },
};

const sequence = z.object({ name: z.string(), last: natural });

export const sequenceContract: Contract<Sequences> = {
  name: 'sequence',
  version: 1,
  methods: {
    next: {
      summary: 'Gives the next number, or so many of them, for good.',
      permission: 'sequence.write',
      route: 'POST /sequences/next',
      input: z.strictObject({
        name: lineNameSchema,
        count: z.number().int().positive().max(reservedMax).optional(),
      }),
      output: z.object({ name: z.string(), first: natural, last: natural }),
      errors: changeErrors,
    },
    show: {
      summary: 'Shows the last number that was given.',
      permission: 'sequence.read',
      route: 'GET /sequences/show',
      input: named,
      output: sequence,
      errors: [],
    },
    list: {
      summary: 'Lists sequences.',
      permission: 'sequence.read',
      route: 'GET /sequences',
      input: paging,
      output: z.object({ sequences: z.array(sequence), ...nextField }),
      errors: [],
    },
  },
};

export const limiterContract: Contract<Limiters> = {
  name: 'limiter',
  version: 1,
  methods: {
    configure: {
      summary: 'Makes a rate limiter, or changes its rate.',
      permission: 'limiter.write',
      route: 'POST /limiters/configure',
      input: z.strictObject({
        name: lineNameSchema,
        perSecond: z.number().min(perSecondMin).max(burstMax),
        burst: tokens,
      }),
      output: limiter,
      errors: ['COORDINATION_FULL', 'CONFLICT'],
    },
    take: {
      summary: 'Takes tokens, or tells when there will be enough.',
      permission: 'limiter.write',
      route: 'POST /limiters/take',
      input: z.strictObject({
        name: lineNameSchema,
        tokens: tokens.optional(),
        waitMs: waitMsSchema.optional(),
      }),
      output: z.object({
        allowed: z.boolean(),
        available: z.number(),
        retryAfterMs: natural.optional(),
      }),
      errors: ['COORDINATION_NOT_FOUND', 'COORDINATION_DIFFERS', 'CONFLICT'],
    },
    show: {
      summary: 'Shows a rate limiter and what can be taken now.',
      permission: 'limiter.read',
      route: 'GET /limiters/show',
      input: named,
      output: limiter,
      errors: ['COORDINATION_NOT_FOUND'],
    },
    reset: {
      summary: 'Makes a rate limiter full again.',
      permission: 'limiter.write',
      route: 'POST /limiters/reset',
      input: named,
      output: limiter,
      errors: ['COORDINATION_NOT_FOUND', 'CONFLICT'],
    },
    remove: {
      summary: 'Removes a rate limiter.',
      permission: 'limiter.write',
      route: 'POST /limiters/remove',
      input: named,
      output: z.object({ name: z.string() }),
      errors: ['COORDINATION_NOT_FOUND', 'CONFLICT'],
    },
    list: {
      summary: 'Lists rate limiters.',
      permission: 'limiter.read',
      route: 'GET /limiters',
      input: paging,
      output: z.object({ limiters: z.array(limiter), ...nextField }),
      errors: [],
    },
  },
};
