// Barriers: nobody goes on until all have come, and nobody is done until all have left.
import {
  claimTtlSecondsDefault,
  holderSchema,
  lineNameSchema,
  ttlSecondsSchema,
  waitMsSchema,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';

export const partiesMax = 64; // each is compared in the transaction that opens it
export const barriersMax = 10_000; // counted when one is made
export const stayDefaultSeconds: number = claimTtlSecondsDefault; // see claimTtlSecondsDefault
export const meetMsDefault = 30_000; // what a person bears, and most programs

export interface Barrier {
  readonly barrier: string;
  readonly parties: number;
  /** Of this meeting: no other has it, ever. */
  readonly generation: number;
  /** All have come: now they leave. */
  readonly open: boolean;
  readonly present: readonly string[];
}

export interface Entered {
  readonly barrier: string;
  readonly participant: string;
  readonly generation: number;
  readonly ttlSeconds: number;
}

interface Participating {
  readonly barrier: string;
  /** One party: asked again by it, it is there already. */
  readonly participant: string;
}

export interface Barriers {
  /** Answers when all parties are there; COORDINATION_BUSY, and it is not there, after the wait. */
  enter(
    input: Participating & {
      parties: number;
      ttlSeconds?: number | undefined;
      waitMs?: number | undefined;
    },
    call?: Call,
  ): Promise<Entered>;
  /** Who does not come back in time has left. */
  renew(input: Participating, call?: Call): Promise<{ readonly ttlSeconds: number }>;
  /** It has left at once; answers when all have, or after the wait with how many have not. */
  leave(
    input: Participating & { waitMs?: number | undefined },
    call?: Call,
  ): Promise<{ readonly remaining: number }>;
  show(input: { barrier: string }, call?: Call): Promise<Barrier>;
  list(input: Record<string, never>, call?: Call): Promise<{ barriers: readonly Barrier[] }>;
}

const natural = z.number().int().nonnegative();
const participating = { barrier: lineNameSchema, participant: holderSchema };
const barrier: z.ZodType<Barrier> = z.object({
  barrier: z.string(),
  parties: natural,
  generation: natural,
  open: z.boolean(),
  present: z.array(z.string()),
});

export const barrierContract: Contract<Barriers> = {
  name: 'barrier',
  version: 1,
  methods: {
    enter: {
      summary: 'Comes to a barrier, and answers when all parties have.',
      permission: 'barrier.write',
      route: 'POST /barriers/enter',
      input: z.strictObject({
        ...participating,
        parties: z.number().int().min(2).max(partiesMax),
        ttlSeconds: ttlSecondsSchema.optional(),
        waitMs: waitMsSchema.optional(),
      }),
      output: z.object({
        barrier: z.string(),
        participant: z.string(),
        generation: natural,
        ttlSeconds: natural,
      }),
      errors: ['COORDINATION_BUSY', 'COORDINATION_DIFFERS', 'COORDINATION_FULL', 'CONFLICT'],
    },
    renew: {
      summary: 'Lets a participant stay for its whole time again.',
      permission: 'barrier.write',
      route: 'POST /barriers/renew',
      input: z.strictObject(participating),
      output: z.object({ ttlSeconds: natural }),
      errors: ['COORDINATION_LOST'],
    },
    leave: {
      summary: 'Leaves a barrier, and answers when all have.',
      permission: 'barrier.write',
      route: 'POST /barriers/leave',
      input: z.strictObject({ ...participating, waitMs: waitMsSchema.optional() }),
      output: z.object({ remaining: natural }),
      errors: ['CONFLICT'],
    },
    show: {
      summary: 'Shows who is at a barrier.',
      permission: 'barrier.read',
      route: 'GET /barriers/show',
      input: z.strictObject({ barrier: lineNameSchema }),
      output: barrier,
      errors: ['COORDINATION_NOT_FOUND'],
    },
    list: {
      summary: 'Lists barriers at which somebody is.',
      permission: 'barrier.read',
      route: 'GET /barriers',
      input: z.strictObject({}),
      output: z.object({ barriers: z.array(barrier) }),
      errors: [],
    },
  },
};
