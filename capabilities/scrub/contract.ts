// Whether what is stored is what was written: every record, blob and cache read and held against
// what proves it, what is wrong taken out of the way and brought back from somewhere else.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';

export const scrubClasses = ['store', 'blobs', 'resources', 'mirrors', 'caches'] as const;
export type ScrubClass = (typeof scrubClasses)[number];

// of each state; a disk that is torn would name a million
export const findingsMax = 1_000;

/** Something that is not what was written. */
export interface Finding {
  readonly class: ScrubClass;
  /** Of the blob, record, resource or repository. */
  readonly name: string;
  readonly sentence: string;
  /** Resources that it is a part of. */
  readonly concerns: readonly string[];
  readonly foundMs: number;
  /** When it was put right, and from where. */
  readonly repairedMs?: number | undefined;
  readonly from?: string | undefined;
  /** Why it could not be put right so far. */
  readonly reason?: string | undefined;
}

export interface ClassRead {
  readonly class: ScrubClass;
  /** Records, blobs, entries or repositories. */
  readonly items: number;
  readonly bytes: number;
}

export interface ScrubReport {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly repair: boolean;
  readonly read: readonly ClassRead[];
  readonly found: readonly Finding[];
}

export type Scrubbing =
  | { readonly type: 'progress'; readonly read: readonly ClassRead[]; readonly found: number }
  | { readonly type: 'report'; readonly report: ScrubReport };

export interface ScrubStatus {
  readonly running: boolean;
  /** The last round that came to its end. */
  readonly last?: Omit<ScrubReport, 'found'> | undefined;
  /** When the next begins by itself. */
  readonly nextMs?: number | undefined;
  /** What is not right yet, then what was put right, the newest first. */
  readonly findings: readonly Finding[];
}

export interface Scrub {
  /** Begins a round; one that goes on slowly by itself gives way to it. CONFLICT: one was asked. */
  begin(input: { repair?: boolean | undefined }, call?: Call): Promise<{ startedMs: number }>;
  /** How far the round is, until its report. */
  follow(input: Record<string, never>, call?: Call): AsyncIterable<Scrubbing>;
  status(input: Record<string, never>, call?: Call): Promise<ScrubStatus>;
}

// ---- in process ----

/** What a part of a node needs to look at itself. */
export interface ScrubRound {
  readonly signal: AbortSignal;
  readonly repair: boolean;
  /** So much was read: waits where that was faster than the round may go. */
  spend(bytes: number): Promise<void>;
  /** So many were looked at; one by default. */
  looked(items?: number): void;
  found(
    finding: Pick<Finding, 'name' | 'sentence' | 'concerns' | 'from' | 'reason'>,
  ): Promise<void>;
}

export interface ScrubPart {
  readonly class: ScrubClass;
  /** Reads all; what it does not name any more was put right or is gone. */
  scrub(round: ScrubRound): Promise<void>;
}

/** Where parts of a node that keep something of their own say so. */
export interface ScrubParts {
  add(part: ScrubPart): void;
}

const classSchema = z.enum(scrubClasses);
const finding: z.ZodType<Finding> = z.object({
  class: classSchema,
  name: z.string(),
  sentence: z.string(),
  concerns: z.array(z.string()),
  foundMs: z.number(),
  repairedMs: z.number().optional(),
  from: z.string().optional(),
  reason: z.string().optional(),
});
export const findingSchema: z.ZodType<Finding> = finding;
const read = z.array(z.object({ class: classSchema, items: z.number(), bytes: z.number() }));
const reportFields = { startedMs: z.number(), endedMs: z.number(), repair: z.boolean(), read };
export const lastRoundSchema: z.ZodType<Omit<ScrubReport, 'found'>> = z.object(reportFields);
const nothing = z.strictObject({});

export const scrubContract: Contract<Scrub> = {
  name: 'scrub',
  version: 1,
  methods: {
    begin: {
      summary: 'Begins to read all that is stored, and to put right what is wrong.',
      permission: 'scrub.write',
      route: 'POST /scrub',
      input: z.strictObject({ repair: z.boolean().optional() }),
      output: z.object({ startedMs: z.number() }),
      errors: ['CONFLICT'],
    },
    follow: {
      watch: true,
      summary: 'How far the present round is, until its report.',
      permission: 'scrub.read',
      route: 'GET /scrub/progress',
      input: nothing,
      output: z.discriminatedUnion('type', [
        z.object({ type: z.literal('progress'), read, found: z.number() }),
        z.object({
          type: z.literal('report'),
          report: z.object({ ...reportFields, found: z.array(finding) }),
        }),
      ]),
      errors: [],
    },
    status: {
      summary: 'What was found that is not as it was written, and the last round.',
      permission: 'scrub.read',
      route: 'GET /scrub',
      input: nothing,
      output: z.object({
        running: z.boolean(),
        last: lastRoundSchema.optional(),
        nextMs: z.number().optional(),
        findings: z.array(finding),
      }),
      errors: [],
    },
  },
};
