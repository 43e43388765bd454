// Locks, alone or several at once, for one holder or for many readers; and semaphores. Who holds is
// told a token that only rises: whoever guards a thing refuses every token below the last it saw.
import {
  claimsPerLineMax,
  claimTtlSecondsDefault,
  holderSchema,
  lineNameSchema,
  ttlSecondsSchema,
  waitMsSchema,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';

export const lockSetMax = 16; // all of a set is read and written in one transaction
export const permitsMax = 1_000_000; // more than any pool has; sums of them stay exact
export const pageLocksMax = 200; // each of a page is read with all that stand in its line
export const ttlSecondsDefault: number = claimTtlSecondsDefault; // see claimTtlSecondsDefault
export const waitMsDefault = 30_000; // what a person bears, and most programs

/** One lock that is held, and its fencing token. */
export interface LockToken {
  readonly name: string;
  /** Rises with every hold of this name, also across release, expiry and restart. */
  readonly token: number;
}

export interface Hold {
  readonly holder: string;
  readonly locks: readonly LockToken[];
  /** It ends so long after the last renewal was sent. */
  readonly ttlSeconds: number;
}

export interface Standing {
  readonly holder: string;
  readonly token: number;
  /** Beside other shared ones. */
  readonly shared: boolean;
  readonly sinceMs: number;
  readonly ttlSeconds: number;
}

export interface Lock {
  readonly name: string;
  readonly lastToken: number;
  readonly holders: readonly Standing[];
  /** In the order in which they will be let in. */
  readonly waiting: readonly Standing[];
}

export interface Semaphore {
  readonly name: string;
  readonly capacity: number;
  readonly free: number;
  readonly lastToken: number;
  readonly holders: readonly (Standing & { readonly permits: number })[];
  readonly waiting: readonly (Standing & { readonly permits: number })[];
}

interface Asking {
  /** Who asks: one party. Asked again by it, a hold is the same hold. */
  readonly holder: string;
  readonly ttlSeconds?: number | undefined;
  /** 0 asks only once. */
  readonly waitMs?: number | undefined;
}

interface Paging {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface Locks {
  /** All names or none, in the order in which holders came; COORDINATION_BUSY after the wait. */
  acquire(
    input: Asking & { names: readonly string[]; shared?: boolean | undefined },
    call?: Call,
  ): Promise<Hold>;
  /** Locks that were acquired together are renewed and released together: any stands for all. */
  renew(
    input: { locks: readonly LockToken[] },
    call?: Call,
  ): Promise<{ readonly ttlSeconds: number }>;
  release(
    input: { locks: readonly LockToken[] },
    call?: Call,
  ): Promise<{ readonly released: readonly LockToken[] }>;
  /** The hold becomes a shared one, and keeps its token. */
  downgrade(input: LockToken, call?: Call): Promise<Lock>;
  show(input: { name: string }, call?: Call): Promise<Lock>;
  list(input: Paging, call?: Call): Promise<{ locks: readonly Lock[]; next?: string | undefined }>;
  watch(input: { name: string }, call?: Call): AsyncIterable<Lock>;
  /** Of a name that nobody claims; made again, its tokens begin above those it gave. */
  forget(input: { name: string }, call?: Call): Promise<{ readonly name: string }>;
}

export interface Semaphores {
  /** The first who asks makes it, with the capacity that they give. */
  acquire(
    input: Asking & {
      name: string;
      capacity?: number | undefined;
      permits?: number | undefined;
    },
    call?: Call,
  ): Promise<Hold>;
  renew(input: LockToken, call?: Call): Promise<{ readonly ttlSeconds: number }>;
  release(input: LockToken, call?: Call): Promise<{ readonly released: LockToken }>;
  /** Less than what is held takes nothing away: it counts for whoever comes. */
  resize(input: { name: string; capacity: number }, call?: Call): Promise<Semaphore>;
  show(input: { name: string }, call?: Call): Promise<Semaphore>;
  list(
    input: Paging,
    call?: Call,
  ): Promise<{ semaphores: readonly Semaphore[]; next?: string | undefined }>;
  forget(input: { name: string }, call?: Call): Promise<{ readonly name: string }>;
}

const token = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const natural = z.number().int().nonnegative();
const lockToken: z.ZodType<LockToken> = z.strictObject({ name: lineNameSchema, token });
const asking = {
  holder: holderSchema,
  ttlSeconds: ttlSecondsSchema.optional(),
  waitMs: waitMsSchema.optional(),
};
const named = z.strictObject({ name: lineNameSchema });
const paging: z.ZodType<Paging> = z.strictObject({
  after: lineNameSchema.optional(),
  limit: z.number().int().positive().max(pageLocksMax).optional(),
});
const lockTokens = z
  .array(lockToken)
  .min(1)
  .max(lockSetMax)
  .refine((locks) => isDistinct(locks.map(({ name }) => name)), 'a name stands once');
const hold: z.ZodType<Hold> = z.object({
  holder: z.string(),
  locks: z.array(z.object({ name: z.string(), token })),
  ttlSeconds: natural,
});
const standingFields = {
  holder: z.string(),
  token,
  shared: z.boolean(),
  sinceMs: natural,
  ttlSeconds: natural,
};
const standings = z.array(z.object(standingFields)).max(claimsPerLineMax);
const permitted = z.array(z.object({ ...standingFields, permits: natural }));
const lock: z.ZodType<Lock> = z.object({
  name: z.string(),
  lastToken: natural,
  holders: standings,
  waiting: standings,
});
const semaphore: z.ZodType<Semaphore> = z.object({
  name: z.string(),
  capacity: natural,
  free: natural,
  lastToken: natural,
  holders: permitted,
  waiting: permitted,
});
const renewed = z.object({ ttlSeconds: natural });
const permits = z.number().int().positive().max(permitsMax);
const claimErrors = ['COORDINATION_BUSY', 'COORDINATION_FULL', 'CONFLICT'] as const;

function isDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

export const lockContract: Contract<Locks> = {
  name: 'lock',
  version: 1,
  methods: {
    acquire: {
      summary: 'Acquires locks, all or none, and answers with their fencing tokens.',
      permission: 'lock.write',
      route: 'POST /locks/acquire',
      input: z.strictObject({
        ...asking,
        names: z
          .array(lineNameSchema)
          .min(1)
          .max(lockSetMax)
          .refine(isDistinct, 'a name stands once'),
        shared: z.boolean().optional(),
      }),
      about: ({ names }) => names.join(' '),
      output: hold,
      errors: claimErrors,
    },
    renew: {
      summary: 'Lets a hold last for its whole time again.',
      permission: 'lock.write',
      route: 'POST /locks/renew',
      input: z.strictObject({ locks: lockTokens }),
      output: renewed,
      errors: ['COORDINATION_LOST'],
    },
    release: {
      summary: 'Ends a hold; the next who waits is let in.',
      permission: 'lock.write',
      route: 'POST /locks/release',
      input: z.strictObject({ locks: lockTokens }),
      output: z.object({ released: z.array(z.object({ name: z.string(), token })) }),
      errors: ['COORDINATION_LOST'],
    },
    downgrade: {
      summary: 'Makes an exclusive hold a shared one, under the same token.',
      permission: 'lock.write',
      route: 'POST /locks/downgrade',
      input: lockToken,
      output: lock,
      errors: ['COORDINATION_LOST', 'CONFLICT'],
    },
    show: {
      summary: 'Shows who holds a lock and who waits for it.',
      permission: 'lock.read',
      route: 'GET /locks/show',
      input: named,
      output: lock,
      errors: [],
    },
    list: {
      summary: 'Lists the names that were ever locked.',
      permission: 'lock.read',
      route: 'GET /locks',
      input: paging,
      output: z.object({ locks: z.array(lock), next: z.string().optional() }),
      errors: [],
    },
    watch: {
      watch: true,
      summary: 'Who holds a lock and who waits, now and after every change.',
      permission: 'lock.read',
      route: 'GET /locks/watch',
      input: named,
      output: lock,
      errors: [],
    },
    forget: {
      summary: 'Forgets a name that nobody holds or waits for.',
      permission: 'lock.write',
      route: 'POST /locks/forget',
      input: named,
      output: z.object({ name: z.string() }),
      errors: ['COORDINATION_NOT_FOUND', 'COORDINATION_BUSY', 'CONFLICT'],
    },
  },
};

export const semaphoreContract: Contract<Semaphores> = {
  name: 'semaphore',
  version: 1,
  methods: {
    acquire: {
      summary: 'Acquires permits of a semaphore.',
      permission: 'semaphore.write',
      route: 'POST /semaphores/acquire',
      input: z.strictObject({
        ...asking,
        name: lineNameSchema,
        capacity: permits.optional(),
        permits: permits.optional(),
      }),
      output: hold,
      errors: [...claimErrors, 'COORDINATION_NOT_FOUND', 'COORDINATION_DIFFERS'],
    },
    renew: {
      summary: 'Lets permits last for their whole time again.',
      permission: 'semaphore.write',
      route: 'POST /semaphores/renew',
      input: lockToken,
      output: renewed,
      errors: ['COORDINATION_LOST'],
    },
    release: {
      summary: 'Gives permits back.',
      permission: 'semaphore.write',
      route: 'POST /semaphores/release',
      input: lockToken,
      output: z.object({ released: z.object({ name: z.string(), token }) }),
      errors: ['COORDINATION_LOST'],
    },
    resize: {
      summary: 'Changes how many permits there are; nobody loses what they hold.',
      permission: 'semaphore.write',
      route: 'POST /semaphores/resize',
      input: z.strictObject({ name: lineNameSchema, capacity: permits }),
      output: semaphore,
      errors: ['COORDINATION_NOT_FOUND', 'CONFLICT'],
    },
    show: {
      summary: 'Shows who holds permits and who waits for some.',
      permission: 'semaphore.read',
      route: 'GET /semaphores/show',
      input: named,
      output: semaphore,
      errors: ['COORDINATION_NOT_FOUND'],
    },
    list: {
      summary: 'Lists semaphores.',
      permission: 'semaphore.read',
      route: 'GET /semaphores',
      input: paging,
      output: z.object({ semaphores: z.array(semaphore), next: z.string().optional() }),
      errors: [],
    },
    forget: {
      summary: 'Forgets a semaphore that nobody holds or waits for.',
      permission: 'semaphore.write',
      route: 'POST /semaphores/forget',
      input: named,
      output: z.object({ name: z.string() }),
      errors: ['COORDINATION_NOT_FOUND', 'COORDINATION_BUSY', 'CONFLICT'],
    },
  },
};
