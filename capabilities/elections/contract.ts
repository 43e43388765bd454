// Leader elections: at most one leads at a time, in the order in which candidates came. Every term
// has a number that only rises; whoever follows a leader refuses what an older term says.
import {
  claimDataLengthMax,
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

export const valueLengthMax: number = claimDataLengthMax; // see claimDataLengthMax
export const pageElectionsMax = 200; // each of a page is read with all its candidates
export const termSecondsDefault: number = claimTtlSecondsDefault; // see claimTtlSecondsDefault
export const campaignMsDefault = 30_000; // a candidate that must not stop asks again

export interface Leader {
  readonly candidate: string;
  /** Rises with every leader, also across resignation, expiry and restart. */
  readonly term: number;
  /** What it wants the others to know: where it listens. */
  readonly value: string;
  readonly sinceMs: number;
}

export interface Term extends Leader {
  readonly election: string;
  /** It ends so long after the last renewal was sent. */
  readonly ttlSeconds: number;
}

export interface Election {
  readonly election: string;
  /** Absent while nobody leads. */
  readonly leader?: Leader | undefined;
  /** In the order in which they will lead. */
  readonly candidates: readonly { readonly candidate: string; readonly value: string }[];
  readonly lastTerm: number;
}

interface InOffice {
  readonly election: string;
  readonly term: number;
}

export interface Elections {
  /** Answers when the candidate leads; COORDINATION_BUSY after the wait. */
  campaign(
    input: {
      election: string;
      /** One party: asked again by it while it leads, it is the same term. */
      candidate: string;
      value?: string | undefined;
      ttlSeconds?: number | undefined;
      waitMs?: number | undefined;
    },
    call?: Call,
  ): Promise<Term>;
  renew(input: InOffice, call?: Call): Promise<{ readonly ttlSeconds: number }>;
  /** The next candidate leads at once. */
  resign(input: InOffice, call?: Call): Promise<InOffice>;
  show(input: { election: string }, call?: Call): Promise<Election>;
  list(
    input: { after?: string | undefined; limit?: number | undefined },
    call?: Call,
  ): Promise<{ elections: readonly Election[]; next?: string | undefined }>;
  /** Who leads now, and whenever that changes; of several changes at once, the last. */
  watch(input: { election: string }, call?: Call): AsyncIterable<Election>;
  /** Of an election without candidates; held again, its terms begin above those it had. */
  forget(input: { election: string }, call?: Call): Promise<{ readonly election: string }>;
}

const term = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const natural = z.number().int().nonnegative();
const named = z.strictObject({ election: lineNameSchema });
const inOffice: z.ZodType<InOffice> = z.strictObject({ election: lineNameSchema, term });
const leaderFields = {
  candidate: z.string(),
  term,
  value: z.string(),
  sinceMs: natural,
};
const election: z.ZodType<Election> = z.object({
  election: z.string(),
  leader: z.object(leaderFields).optional(),
  candidates: z.array(z.object({ candidate: z.string(), value: z.string() })).max(claimsPerLineMax),
  lastTerm: natural,
});

export const electionContract: Contract<Elections> = {
  name: 'election',
  version: 1,
  methods: {
    campaign: {
      summary: 'Stands for an election, and answers when the candidate leads.',
      permission: 'election.write',
      route: 'POST /elections/campaign',
      input: z.strictObject({
        election: lineNameSchema,
        candidate: holderSchema,
        value: z.string().max(valueLengthMax).optional(),
        ttlSeconds: ttlSecondsSchema.optional(),
        waitMs: waitMsSchema.optional(),
      }),
      about: (input) => input.election,
      output: z.object({ ...leaderFields, election: z.string(), ttlSeconds: natural }),
      errors: ['COORDINATION_BUSY', 'COORDINATION_FULL', 'CONFLICT'],
    },
    renew: {
      summary: 'Lets a term last for its whole time again.',
      permission: 'election.write',
      route: 'POST /elections/renew',
      input: inOffice,
      output: z.object({ ttlSeconds: natural }),
      errors: ['COORDINATION_LOST'],
    },
    resign: {
      summary: 'Ends a term; the next candidate leads.',
      permission: 'election.write',
      route: 'POST /elections/resign',
      input: inOffice,
      output: z.object({ election: z.string(), term }),
      errors: ['COORDINATION_LOST'],
    },
    show: {
      summary: 'Shows who leads and who stands for it.',
      permission: 'election.read',
      route: 'GET /elections/show',
      input: named,
      output: election,
      errors: [],
    },
    list: {
      summary: 'Lists elections.',
      permission: 'election.read',
      route: 'GET /elections',
      input: z.strictObject({
        after: lineNameSchema.optional(),
        limit: z.number().int().positive().max(pageElectionsMax).optional(),
      }),
      output: z.object({ elections: z.array(election), next: z.string().optional() }),
      errors: [],
    },
    watch: {
      watch: true,
      summary: 'Who leads, now and whenever it changes.',
      permission: 'election.read',
      route: 'GET /elections/watch',
      input: named,
      output: election,
      errors: [],
    },
    forget: {
      summary: 'Forgets an election that nobody stands for.',
      permission: 'election.write',
      route: 'POST /elections/forget',
      input: named,
      output: z.object({ election: z.string() }),
      errors: ['COORDINATION_NOT_FOUND', 'COORDINATION_BUSY', 'CONFLICT'],
    },
  },
};
