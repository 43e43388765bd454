// The words that logins are written in, and their bounds: for the contract and for what is stored.
import { accountNameSchema, principalSchema, type Principal } from '@hansa/foundation';
import { z } from 'zod';

// without a second factor, shorter ones are guessed from what leaked elsewhere
export const passwordLengthMin = 10;
// of letters: a long sentence; hashing reads all of it, so that it must end somewhere
export const passwordLengthMax = 256;
export const passwordsMax = 10_000; // as many as a directory of people has, with room
export const invitesMax = 1_000; // codes under way: a school's worth of people in one day
export const oneTimeCodeMs: number = 24 * 3_600_000; // a day: told to somebody, used when they come
export const sessionIdleMs: number = 12 * 3_600_000; // a working day with its evening
export const sessionTotalMs: number = 7 * 24 * 3_600_000; // a week, however busy
// how coarse "last used" is: each step costs a write
export const sessionUseGapMs = 300_000;
export const sessionsPerUserMax = 16; // browsers and machines of one person; the oldest gives way
// each about 500 bytes in memory; the one unused the longest gives way
export const sessionsMax = 10_000;
const pageMax = 500; // rows of one answer

/** A session as people see it; never its text. */
export interface SessionRow {
  readonly id: string;
  readonly principal: Principal;
  /** `password`, `code`, or the provider. */
  readonly by: string;
  readonly createdMs: number;
  /** Within five minutes. */
  readonly usedMs: number;
  readonly expiresMs: number;
  /** An address, and what the program calls itself; as it said. */
  readonly source: string;
  readonly agent: string;
}

const textual = (max: number): z.ZodString => z.string().min(1).max(max);

interface LoginFields {
  readonly user: z.ZodType<string>;
  readonly password: z.ZodType<string>;
  readonly code: z.ZodType<string>;
  readonly id: z.ZodType<string>;
  readonly provider: z.ZodType<string>;
  readonly subject: z.ZodType<string>;
  readonly session: z.ZodObject<{ readonly [F in keyof SessionRow]: z.ZodType<SessionRow[F]> }>;
  readonly pageMax: number;
}

export const loginFields: LoginFields = {
  user: accountNameSchema,
  password: textual(passwordLengthMax),
  code: textual(128),
  id: z.string().regex(/^[A-Za-z0-9_-]{16}$/, 'a session id is 16 letters'),
  provider: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'a provider is lower-case letters, digits and "-"'),
  subject: textual(256).regex(/^\P{C}*$/u),
  session: z.object({
    id: z.string(),
    principal: principalSchema,
    by: z.string(),
    createdMs: z.number(),
    usedMs: z.number(),
    expiresMs: z.number(),
    source: z.string(),
    agent: z.string(),
  }),
  pageMax,
};
