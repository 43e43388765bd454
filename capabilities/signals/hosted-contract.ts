// What a cluster says and is told of the router that it hosts: who is there, what holds for which
// addresses, and tokens for clients that know no others than the protocol's own.
import { nameLengthMax, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';

export const tokenSubjectLengthMax = 128; // a name in lists and logs
export const tokenScopesMax = 256; // each is looked at with every message of its session
export const rulesMax = 1_000; // each is looked at when an address is seen first
export const signalTokensMax = 10_000; // all are in memory: each of them a kilobyte at most
export const signalTokenScopesMax = 32; // as many as other tokens of a cluster have
// a year: devices are set up once, and each of their tokens can be taken back
export const signalTokenTtlMaxMs: number = 366 * 24 * 3_600_000;
export const signalTokenTtlDefaultMs: number = 30 * 24 * 3_600_000; // a month
export const sessionsShownMax = 1_000; // rows of one answer
export const patternLengthMax = 1_024; // as addresses have

export const journalEntriesMax = 100_000; // of one rule: a start reads as many keys at worst
export const journalBytesMax = 67_108_864; // of one rule: etcd holds two gigabytes for everything

/** What holds for addresses that match; the first rule that matches counts. */
export interface SignalRule {
  readonly pattern: string;
  readonly strategy?: 'lww' | 'max' | 'min' | 'first' | 'lock' | 'merge' | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly events?: 'keep' | 'drop' | undefined;
  /** Acknowledged once it is stored; lives for ever where nothing else is said. */
  readonly durable?: boolean | undefined;
  /** How many of what passes last are remembered in the store, for REPLAY. */
  readonly journalEntries?: number | undefined;
  /** What those may take. */
  readonly journalBytes?: number | undefined;
}

const pattern = z.string().min(1).max(patternLengthMax);

const ruleFields = {
  pattern,
  strategy: z.enum(['lww', 'max', 'min', 'first', 'lock', 'merge']).optional(),
  ttlSeconds: z.number().int().min(0).optional(),
  events: z.enum(['keep', 'drop']).optional(),
  durable: z.boolean().optional(),
  journalEntries: z.number().int().min(0).max(journalEntriesMax).optional(),
  journalBytes: z.number().int().min(0).max(journalBytesMax).optional(),
};

export const ruleSchema: z.ZodType<SignalRule> = z.strictObject(ruleFields);

/** In the order in which they are asked: the most particular first, as far as one can tell. */
export interface PlacedRule extends SignalRule {
  /** Lower ones are asked first. */
  readonly place: number;
}

export interface RouterStatus {
  /** Where sessions connect; absent where they do not. */
  readonly url?: string | undefined;
  readonly sessions: number;
  readonly params: number;
  /** Params that are not stored yet. */
  readonly waiting: number;
  readonly rules: number;
  readonly tokens: number;
  /** Since the start. */
  readonly received: number;
  readonly sets: number;
  readonly publishes: number;
  readonly refused: number;
  readonly rateLimited: number;
  readonly undecodable: number;
}

export interface RouterSession {
  readonly id: string;
  /** What it calls itself: a claim. */
  readonly name: string;
  readonly remote: string;
  /** Who it was let in as. */
  readonly subject: string;
  readonly sinceMs: number;
  readonly subscriptions: number;
  /** Another router, not a client. */
  readonly peer: boolean;
  /** Bytes that it has not taken yet. */
  readonly waitingBytes: number;
}

export const signalTokenForms = ['cap', 'cpsk'] as const;
export type SignalTokenForm = (typeof signalTokenForms)[number];

export interface SignalTokenRow {
  readonly id: string;
  readonly form: SignalTokenForm;
  readonly subject: string;
  /** As the protocol writes them: `read:/stage/**`. */
  readonly scopes: readonly string[];
  readonly madeMs: number;
  readonly expiresMs: number;
  readonly revoked: boolean;
}

/** The text is told once, and kept nowhere. */
export interface MadeSignalToken extends SignalTokenRow {
  readonly token: string;
}

type Nothing = Record<string, never>;

export interface RouterDesk {
  status(input: Nothing, call?: Call): Promise<RouterStatus>;
  sessions(
    input: Nothing,
    call?: Call,
  ): Promise<{ readonly sessions: readonly RouterSession[]; readonly more: boolean }>;
  /** It may connect again where its token is good. */
  endSession(input: { id: string }, call?: Call): Promise<{ readonly id: string }>;
  rules(input: Nothing, call?: Call): Promise<{ readonly rules: readonly PlacedRule[] }>;
  /** Puts it at its place, or behind all others; one of the same pattern is replaced. */
  putRule(input: SignalRule & { place?: number | undefined }, call?: Call): Promise<PlacedRule>;
  removeRule(input: { pattern: string }, call?: Call): Promise<PlacedRule>;
  /** Nobody gives what they lack. */
  makeToken(
    input: {
      subject: string;
      scopes: readonly string[];
      form?: SignalTokenForm | undefined;
      ttlMs?: number | undefined;
    },
    call?: Call,
  ): Promise<MadeSignalToken>;
  /** Those that have not run out, and the key that signs: other routers can be told to trust it. */
  tokens(
    input: Nothing,
    call?: Call,
  ): Promise<{ readonly tokens: readonly SignalTokenRow[]; readonly key?: string | undefined }>;
  /** Its sessions end at once. */
  revokeToken(input: { id: string }, call?: Call): Promise<SignalTokenRow>;
}

const nothing = z.strictObject({});
const count = z.number().int().nonnegative();
const id = z.string().min(1).max(nameLengthMax);
const placed: z.ZodType<PlacedRule> = z.object({ ...ruleFields, place: count });
const tokenFields = {
  id: z.string(),
  form: z.enum(signalTokenForms),
  subject: z.string(),
  scopes: z.array(z.string()),
  madeMs: z.number(),
  expiresMs: z.number(),
  revoked: z.boolean(),
};
const tokenRow: z.ZodType<SignalTokenRow> = z.object(tokenFields);
const subject = z
  .string()
  .min(1)
  .max(tokenSubjectLengthMax)
  .regex(/^\P{C}*$/u);

/** What is stored fits the same schemas. */
export const hostedFields: {
  readonly placed: z.ZodType<PlacedRule>;
  readonly tokenRow: z.ZodType<SignalTokenRow>;
} = { placed, tokenRow };

export const routerContract: Contract<RouterDesk> = {
  name: 'router',
  version: 1,
  methods: {
    status: {
      summary: 'Tells how the cluster’s signal router stands.',
      permission: 'router.read',
      route: 'GET /router',
      input: nothing,
      output: z.object({
        url: z.string().optional(),
        sessions: count,
        params: count,
        waiting: count,
        rules: count,
        tokens: count,
        received: count,
        sets: count,
        publishes: count,
        refused: count,
        rateLimited: count,
        undecodable: count,
      }),
      errors: [],
    },
    sessions: {
      summary: 'Lists the sessions at the router.',
      permission: 'router.read',
      route: 'GET /router/sessions',
      input: nothing,
      output: z.object({
        sessions: z
          .array(
            z.object({
              id: z.string(),
              name: z.string(),
              remote: z.string(),
              subject: z.string(),
              sinceMs: z.number(),
              subscriptions: count,
              peer: z.boolean(),
              waitingBytes: count,
            }),
          )
          .max(sessionsShownMax),
        more: z.boolean(),
      }),
      errors: [],
    },
    endSession: {
      summary: 'Ends a session at the router.',
      permission: 'router.write',
      route: 'DELETE /router/sessions/:id',
      input: z.strictObject({ id }),
      about: (input) => input.id,
      output: z.object({ id: z.string() }),
      errors: ['SIGNAL_NOT_FOUND'],
    },
    rules: {
      summary: 'Lists what was chosen for addresses, in the order in which it is asked.',
      permission: 'router.read',
      route: 'GET /router/rules',
      input: nothing,
      output: z.object({ rules: z.array(placed).max(rulesMax) }),
      errors: [],
    },
    putRule: {
      summary: 'Chooses for the addresses of a pattern: strategy, lifetime, durability.',
      permission: 'router.write',
      route: 'PUT /router/rules',
      input: z.strictObject({ ...ruleFields, place: count.max(rulesMax).optional() }),
      about: (input) => input.pattern,
      output: placed,
      errors: ['SIGNAL_ADDRESS_INVALID', 'STORE_LIMIT', 'CONFLICT'],
    },
    removeRule: {
      summary: 'Takes back what was chosen for a pattern.',
      permission: 'router.write',
      route: 'POST /router/rules/remove',
      input: z.strictObject({ pattern }),
      about: (input) => input.pattern,
      output: placed,
      errors: ['SIGNAL_NOT_FOUND', 'CONFLICT'],
    },
    makeToken: {
      summary: 'Makes a token of the protocol’s own form, and tells it once.',
      permission: 'router.write',
      route: 'POST /router/tokens',
      input: z.strictObject({
        subject,
        scopes: z.array(pattern).min(1).max(signalTokenScopesMax),
        form: z.enum(signalTokenForms).optional(),
        ttlMs: z.number().int().min(1_000).max(signalTokenTtlMaxMs).optional(),
      }),
      about: (input) => input.subject,
      output: z.object({ ...tokenFields, token: z.string() }),
      errors: ['GRANT_WIDENED', 'STORE_LIMIT', 'CONFLICT'],
    },
    tokens: {
      summary:
        'Lists tokens of the router that have not run out, and the key they are signed with.',
      permission: 'router.read',
      route: 'GET /router/tokens',
      input: nothing,
      output: z.object({
        tokens: z.array(tokenRow).max(signalTokensMax),
        key: z.string().optional(),
      }),
      errors: [],
    },
    revokeToken: {
      summary: 'Takes a token of the router back; its sessions end.',
      permission: 'router.write',
      route: 'DELETE /router/tokens/:id',
      input: z.strictObject({ id }),
      about: (input) => input.id,
      output: tokenRow,
      errors: ['TOKEN_NOT_FOUND', 'CONFLICT'],
    },
  },
};
