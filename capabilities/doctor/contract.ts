// One answer to "why does this link not work": both ends are looked at, and the likeliest cause is
// named with what to do.
import {
  clusterIdSchema,
  errorCodes,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorCode,
} from '@hansa/foundation';
import { z } from 'zod';

/** Which end a finding is about. */
export type Side = 'here' | 'there' | 'between';

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly side: Side;
  readonly passed: boolean;
  /** Failed, and yet the link may do all that it is for. */
  readonly note?: boolean | undefined;
  /** It could not be looked at: neither well nor wrong. */
  readonly unknown?: boolean | undefined;
  readonly finding: string;
  /** What to do, as one sentence or command. */
  readonly fix?: string | undefined;
  readonly code?: ErrorCode | undefined;
}

/** What is known to keep something from working. */
export function isFault({ passed: well, note, unknown }: Finding): boolean {
  return !well && note !== true && unknown !== true;
}

/** What it comes to. */
export interface Verdict {
  /** Everything was looked at, and no finding failed that is more than a note. */
  readonly healthy: boolean;
  /** Nothing is known to be wrong, and something could not be looked at: not healthy either. */
  readonly unknown?: boolean | undefined;
  /** The likeliest cause of everything else; a sentence also where all is well. */
  readonly verdict: string;
  readonly fix?: string | undefined;
  readonly code?: ErrorCode | undefined;
}

export interface LinkExamination extends Verdict {
  readonly peer: ClusterId;
  readonly name: string;
  readonly status: string;
  /** Whether the peer itself has answered. */
  readonly answered: boolean;
  /** The likeliest cause first, then what failed, then what passed. */
  readonly findings: readonly Finding[];
}

export interface Examination extends Verdict {
  /** Of this node, whatever the link. */
  readonly node: readonly Finding[];
  readonly links: readonly LinkExamination[];
}

/** Looks at links from both ends. */
export interface Doctor {
  /** One link, or all of them and the node itself. Nothing is changed. */
  examine(input: { peer?: string | undefined }, call?: Call): Promise<Examination>;
}

// ---- in process: what other capabilities add ----

/** Another thing to look at: of one peer, or of this node where no peer is named. */
export interface Check {
  /** Never throws: what cannot be looked at is a finding, too. */
  look(peer: ClusterId | undefined): Promise<readonly Finding[]>;
}

const codes = Object.keys(errorCodes);
const code = z.string().refine((text) => codes.includes(text)) as unknown as z.ZodType<ErrorCode>;
const finding: z.ZodType<Finding> = z.object({
  check: z.string(),
  side: z.enum(['here', 'there', 'between']),
  passed: z.boolean(),
  note: z.boolean().optional(),
  unknown: z.boolean().optional(),
  finding: z.string(),
  fix: z.string().optional(),
  code: code.optional(),
});
const verdict = {
  healthy: z.boolean(),
  unknown: z.boolean().optional(),
  verdict: z.string(),
  fix: z.string().optional(),
  code: code.optional(),
};

export const doctorContract: Contract<Doctor> = {
  name: 'doctor',
  version: 1,
  methods: {
    examine: {
      summary: 'Examines a link from both ends, or all links and the node: one answer, with fixes.',
      permission: 'doctor.read',
      route: 'POST /doctor',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax).optional() }),
      output: z.object({
        ...verdict,
        node: z.array(finding),
        links: z.array(
          z.object({
            ...verdict,
            peer: clusterIdSchema,
            name: z.string(),
            status: z.string(),
            answered: z.boolean(),
            findings: z.array(finding),
          }),
        ),
      }),
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
