// What lies on this node's disk is sealed under data keys, and those under a key from outside: how
// that stands, another key from outside, new data keys.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';

export interface Rotation {
  /** Records that have been looked at, and sealed anew where they had to be. */
  readonly done: number;
  readonly total: number;
  /** Why it does not go on by itself; it is tried again. */
  readonly problem?: string | undefined;
}

export interface SealStatus {
  readonly sealed: boolean;
  /** What kind of key from outside opens it. */
  readonly by?: 'key' | 'age' | undefined;
  /** Of the data key that seals now, and when it was made. */
  readonly version?: number | undefined;
  readonly madeMs?: number | undefined;
  /** While what an older data key sealed is sealed anew. */
  readonly rotation?: Rotation | undefined;
}

/** Where the key from outside lies from now on: an absolute path on the node's machine. */
export interface NewKey {
  readonly keyFile?: string | undefined;
  readonly ageIdentityFile?: string | undefined;
}

export interface Sealing {
  status(input: Record<string, never>, call?: Call): Promise<SealStatus>;
  /** The same data keys under another key from outside; the next start needs that one. */
  rewrap(input: NewKey, call?: Call): Promise<SealStatus>;
  /** A new data key; what lies there is sealed anew from now on, over restarts as well. */
  rotate(input: Record<string, never>, call?: Call): Promise<SealStatus>;
}

const pathLengthMax = 4_096; // what Linux takes

const path = z
  .string()
  .max(pathLengthMax)
  .regex(/^(?:\/|[A-Za-z]:[\\/])\P{C}*$/u, 'an absolute path on the node’s machine');
const nothing = z.strictObject({});
const status: z.ZodType<SealStatus> = z.object({
  sealed: z.boolean(),
  by: z.enum(['key', 'age']).optional(),
  version: z.number().optional(),
  madeMs: z.number().optional(),
  rotation: z
    .object({ done: z.number(), total: z.number(), problem: z.string().optional() })
    .optional(),
});

export const sealingContract: Contract<Sealing> = {
  name: 'sealing',
  version: 1,
  methods: {
    status: {
      summary: 'Whether what lies on this node’s disk is sealed, by what, and how a rotation goes.',
      permission: 'sealing.read',
      route: 'GET /sealing',
      input: nothing,
      output: status,
      errors: [],
    },
    rewrap: {
      summary: 'Puts the data keys under another key from outside; the next start needs that one.',
      permission: 'sealing.write',
      route: 'POST /sealing/rewrap',
      input: z
        .strictObject({ keyFile: path.optional(), ageIdentityFile: path.optional() })
        .refine(
          ({ keyFile, ageIdentityFile }) =>
            (keyFile === undefined) !== (ageIdentityFile === undefined),
          'name one: keyFile or ageIdentityFile',
        ),
      output: status,
      errors: ['SEAL_OFF', 'SEAL_KEY_MALFORMED', 'KEY_EXPOSED'],
    },
    rotate: {
      summary: 'Makes a new data key, and seals anew all that lies there.',
      permission: 'sealing.write',
      route: 'POST /sealing/rotate',
      input: nothing,
      output: status,
      errors: ['SEAL_OFF'],
    },
  },
};
