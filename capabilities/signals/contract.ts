// What is asked of a router of signals, ours or anybody's, in words of its own: what the command
// line speaks. The promise of a router itself is the protocol: see README.md.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import {
  patternLengthMax,
  ruleSchema,
  rulesMax,
  tokenScopesMax,
  tokenSubjectLengthMax,
  type SignalRule,
} from './hosted-contract.ts';
import { isScope } from './router/scopes.ts';

export { signalPeersContract, type SignalPeer, type SignalPeers } from './peers-contract.ts';
export { patternProblem } from './patterns/address.ts';
export { overlaps as patternsOverlap } from './patterns/covering.ts';

export {
  journalBytesMax,
  journalEntriesMax,
  routerContract,
  rulesMax,
  sessionsShownMax,
  signalTokenForms,
  signalTokensMax,
  tokenScopesMax,
  tokenSubjectLengthMax,
  type MadeSignalToken,
  type PlacedRule,
  type RouterDesk,
  type RouterSession,
  type RouterStatus,
  type SignalRule,
  type SignalTokenForm,
  type SignalTokenRow,
} from './hosted-contract.ts';

/** What a publication is; a param is set, not published. */
export const publishedTypes = ['event', 'stream', 'gesture', 'timeline'] as const;
export type PublishedType = (typeof publishedTypes)[number];

export const signalKinds = ['param', 'event', 'stream', 'gesture', 'timeline'] as const;
export type SignalKind = (typeof signalKinds)[number];

export const touchPhases = ['start', 'move', 'end', 'cancel'] as const;
export type TouchPhase = (typeof touchPhases)[number];

/**
 * A value as JSON has it. What JSON cannot say becomes a text: whole numbers beyond 2^53 in
 * digits, bytes as `base64:…`, and what is no number as `NaN` or `Infinity`.
 */
export type ShownValue =
  | null
  | boolean
  | number
  | string
  | readonly ShownValue[]
  | { readonly [key: string]: ShownValue };

/** A value as a person gives it. */
export interface GivenValue {
  readonly value: ShownValue;
  /** Whole numbers go as 64-bit integers; otherwise every number is a float, as usual here. */
  readonly whole?: boolean | undefined;
}

export interface ShownParam {
  readonly address: string;
  readonly value: ShownValue;
  readonly revision: number;
  /** The session that wrote it, and when, where the router says so. */
  readonly writer?: string | undefined;
  readonly writtenMs?: number | undefined;
}

export interface ParamSetting extends GivenValue {
  readonly address: string;
  /** Refused where another write came meanwhile. */
  readonly expected?: number | undefined;
  /** Takes the lock of the address, which ends with the session. */
  readonly lock?: boolean | undefined;
  /** Since the last access; 0 for ever; absent: what the router gives. */
  readonly ttlSeconds?: number | undefined;
}

export interface Taken {
  readonly address: string;
  readonly revision?: number | undefined;
}

export interface Publication {
  readonly address: string;
  readonly type: PublishedType;
  /** None: it says that something happened, and no more. */
  readonly given?: GivenValue | undefined;
  /** Of a gesture: which finger, and what it does. */
  readonly id?: number | undefined;
  readonly phase?: TouchPhase | undefined;
}

export interface WatchAsked {
  readonly pattern: string;
  /** All where it is empty. */
  readonly types: readonly SignalKind[];
  /** Messages a second of one address; the newest is told in the end. */
  readonly maxRate?: number | undefined;
  /** How far a number has to change to be told. */
  readonly epsilon?: number | undefined;
}

/** One thing that a watch tells: what stands there when it begins, then what happens. */
export interface SignalNews {
  readonly kind: SignalKind;
  readonly address: string;
  readonly value?: ShownValue | undefined;
  /** Of a param. */
  readonly revision?: number | undefined;
  /** True for what stood there when the watch began. */
  readonly stood?: boolean | undefined;
  readonly samples?: readonly ShownValue[] | undefined;
  /** Samples a second. */
  readonly rate?: number | undefined;
  readonly phase?: TouchPhase | undefined;
  readonly id?: number | undefined;
  readonly sentMs?: number | undefined;
}

export const replayedMax = 1_000; // of one answer, each of which may be 64 KiB
export const replayedDefault = 100;

export interface ReplayAsked {
  readonly pattern: string;
  /** All where it is empty. */
  readonly types: readonly SignalKind[];
  /** No longer ago than this. */
  readonly sinceMs?: number | undefined;
  /** The oldest so many of those that are asked for. */
  readonly limit?: number | undefined;
}

/** What passed, the oldest first. */
export interface Replayed {
  readonly news: readonly SignalNews[];
}

/** A session at a router. */
export interface SignalClient {
  /** What the router calls itself and the session. */
  readonly router: string;
  readonly session: string;
  /** SIGNAL_NOT_FOUND, SIGNAL_FORBIDDEN, SIGNAL_ADDRESS_INVALID. */
  get(address: string): Promise<ShownParam>;
  /** SIGNAL_CONFLICT, SIGNAL_FORBIDDEN, SIGNAL_ADDRESS_INVALID, SIGNAL_FRAME_TOO_LARGE. */
  set(setting: ParamSetting): Promise<Taken>;
  /** The same errors; resolves when the router has read it. */
  emit(publication: Publication): Promise<void>;
  /** Until it is left, or the router ends it. */
  watch(asked: WatchAsked): AsyncGenerator<SignalNews, void, undefined>;
  /** What the router remembers. SIGNAL_NO_JOURNAL, SIGNAL_FORBIDDEN, SIGNAL_ADDRESS_INVALID. */
  replay(asked: ReplayAsked): Promise<Replayed>;
  /** Rejects when the session ends, with why; nothing else is done in it meanwhile. */
  ended(): Promise<never>;
  close(): void;
}

export const loadKinds = ['set', 'event', 'stream'] as const;
export type LoadKind = (typeof loadKinds)[number];

export const loadLimits = {
  /** All in one process, each with a socket: beyond it the process is what is measured. */
  sessionsMax: 2_000,
  /** Moments of sending are remembered for so many, and more. */
  windowMax: 10_000,
} as const;

export interface LoadAsked {
  readonly kind: LoadKind;
  readonly publishers: number;
  readonly subscribers: number;
  /** Messages of one publisher that are on their way at once. */
  readonly window: number;
  /** Messages a second of all; 0 for as many as go. */
  readonly rate: number;
  readonly durationMs: number;
  /** Not counted. */
  readonly warmUpMs: number;
  /** Under which the publishers have an address each. */
  readonly prefix: string;
}

export interface LoadReport {
  readonly seconds: number;
  readonly sent: number;
  readonly delivered: number;
  readonly refused: number;
  readonly sentPerSecond: number;
  readonly deliveredPerSecond: number;
  /** Microseconds between a message's being sent and its coming to a subscriber. */
  readonly latencyUs: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  };
  /** What the router answered to the first that it refused. */
  readonly firstRefusal?: string | undefined;
}

export const tokensMax = 10_000; // a file that is read into memory as a whole
export const tokenLengthMax = 512; // they are random: more adds nothing

const tokenText = z
  .string()
  .max(tokenLengthMax)
  .regex(/^cpsk_[\w-]{16,}$/, 'a token is cpsk_ and at least 16 letters or digits, by chance');

const scopeText = z
  .string()
  .refine(isScope, 'a scope is read:, write: or admin: and a pattern, as in read:/stage/**');

/** What `--auth-file` holds, as YAML or JSON. */
export interface TokenList {
  readonly tokens: readonly {
    readonly token: string;
    readonly scopes: readonly string[];
    readonly subject?: string | undefined;
    readonly expires?: string | undefined;
    readonly rateLimit?: number | undefined;
  }[];
}

export const tokenListSchema: z.ZodType<TokenList> = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        token: tokenText,
        scopes: z.array(scopeText).min(1).max(tokenScopesMax),
        subject: z.string().min(1).max(tokenSubjectLengthMax).optional(),
        /** After which its sessions end. */
        expires: z.iso.datetime({ offset: true }).optional(),
        /** Messages a second; 0 for any number. */
        rateLimit: z.number().int().min(0).optional(),
      }),
    )
    .max(tokensMax),
});

/** What `--rules` holds: the first that matches an address counts. */
export interface RuleList {
  readonly rules: readonly SignalRule[];
}

export const ruleListSchema: z.ZodType<RuleList> = z.strictObject({
  rules: z.array(ruleSchema).max(rulesMax),
});

// ---- what a cluster's node serves of its own router ----

/** A session of the caller's own for each call: it may what the caller may. */
export interface Signal {
  get(input: { address: string }, call?: Call): Promise<ShownParam>;
  /** Without a lock, which would end with the call. */
  set(input: Omit<ParamSetting, 'lock'>, call?: Call): Promise<Taken>;
  emit(input: Publication, call?: Call): Promise<{ readonly address: string }>;
  watch(input: WatchAsked, call?: Call): AsyncIterable<SignalNews>;
  replay(input: ReplayAsked, call?: Call): Promise<Replayed>;
}

const address = z.string().min(1).max(patternLengthMax);
const shown = z.json() as z.ZodType<ShownValue>;
const natural = z.number().int().nonnegative();
/** What the wire's four bytes hold. */
export const touchIdMax = 0xffff_ffff;
const fourBytes = natural.max(touchIdMax);
const given = { value: shown, whole: z.boolean().optional() };
const news: z.ZodType<SignalNews> = z.object({
  kind: z.enum(signalKinds),
  address: z.string(),
  value: shown.optional(),
  revision: natural.optional(),
  stood: z.boolean().optional(),
  samples: z.array(shown).optional(),
  rate: z.number().optional(),
  phase: z.enum(touchPhases).optional(),
  id: fourBytes.optional(),
  sentMs: z.number().optional(),
});
const refusals = ['SIGNAL_FORBIDDEN', 'SIGNAL_ADDRESS_INVALID', 'RATE_LIMITED'] as const;

/**
 * As roles are bound to it. What stands before a colon would be a peer; the session that the call
 * is given asks again by the address as it is.
 */
function targetOf(text: string): string {
  return `signal/${text.slice(1).replaceAll(':', '%3A')}`;
}

export const signalContract: Contract<Signal> = {
  name: 'signal',
  version: 1,
  methods: {
    get: {
      summary: 'Reads what stands at an address.',
      permission: 'signal.read',
      route: 'GET /signals/param',
      input: z.strictObject({ address }),
      target: (input) => targetOf(input.address),
      output: z.object({
        address: z.string(),
        value: shown,
        revision: natural,
        writer: z.string().optional(),
        writtenMs: z.number().optional(),
      }),
      errors: [...refusals, 'SIGNAL_NOT_FOUND'],
    },
    set: {
      summary: 'Sets a param; answers when it is taken, or stored where it is durable.',
      permission: 'signal.write',
      route: 'POST /signals/param',
      input: z.strictObject({
        ...given,
        address,
        expected: natural.optional(),
        ttlSeconds: fourBytes.optional(),
      }),
      target: (input) => targetOf(input.address),
      output: z.object({ address: z.string(), revision: natural.optional() }),
      errors: [...refusals, 'SIGNAL_CONFLICT', 'SIGNAL_FRAME_TOO_LARGE', 'SIGNAL_OWNER_AWAY'],
    },
    emit: {
      summary: 'Publishes an event, stream, gesture or timeline to all who hear the address.',
      permission: 'signal.write',
      route: 'POST /signals/publish',
      input: z.strictObject({
        address,
        type: z.enum(publishedTypes),
        given: z.strictObject(given).optional(),
        id: fourBytes.optional(),
        phase: z.enum(touchPhases).optional(),
      }),
      target: (input) => targetOf(input.address),
      output: z.object({ address: z.string() }),
      errors: [...refusals, 'SIGNAL_FRAME_TOO_LARGE', 'SIGNAL_OWNER_AWAY'],
    },
    watch: {
      watch: true,
      summary: 'What stands at matching addresses, then all that happens there.',
      permission: 'signal.read',
      route: 'GET /signals/news',
      input: z.strictObject({
        pattern: address,
        types: z.array(z.enum(signalKinds)).max(signalKinds.length),
        maxRate: z.number().positive().optional(),
        epsilon: z.number().nonnegative().optional(),
      }),
      target: (input) => targetOf(input.pattern),
      output: news,
      errors: refusals,
    },
    replay: {
      summary: 'What has passed at matching addresses, as far as a rule has it remembered.',
      permission: 'signal.read',
      route: 'GET /signals/journal',
      input: z.strictObject({
        pattern: address,
        types: z.array(z.enum(signalKinds)).max(signalKinds.length),
        sinceMs: natural.optional(),
        limit: z.number().int().min(1).max(replayedMax).optional(),
      }),
      target: (input) => targetOf(input.pattern),
      output: z.object({ news: z.array(news).max(replayedMax) }),
      errors: [...refusals, 'SIGNAL_NO_JOURNAL'],
    },
  },
};
