// The words of a rule: resources, peers, verbs, effects and limits, with the schemas that let no
// unknown word in. For the contract, which hands them on, and for the rooms that decide.
import {
  clusterIdSchema,
  federatedIdSchema,
  localIdSchema,
  nameLengthMax,
  blobChunkBytes,
  type ClusterId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';
import { labelsSchema } from '../resources/contract.ts';

export const rulesMax = 10_000; // a change of any of them has all of them looked at
export const ruleTtlMaxMs: number = 3_650 * 24 * 3_600_000; // ten years: past that, without an end
// one chunk of a blob: below it, nothing large would ever pass
export const budgetBytesMin: number = blobChunkBytes;
export const budgetWindowMinMs = 1_000; // shorter ones are a rate, which a link has of its own
export const budgetWindowMaxMs: number = 31 * 24 * 3_600_000; // a month, as lines are billed
export const residencyLabelsMax = 4; // region, jurisdiction and the like: more is another rule
export const residencyValuesMax = 32; // the countries of a union

export const verbs: readonly ['see', 'pull', 'push'] = ['see', 'pull', 'push'];
export type Verb = 'see' | 'pull' | 'push';

export const effects: readonly ['allow', 'limit', 'deny'] = ['allow', 'limit', 'deny'];
/** Deny beats limit beats allow. */
export type Effect = 'allow' | 'limit' | 'deny';

/** The specification's directions are these verbs. */
export const directions: Readonly<Record<Direction, readonly Verb[]>> = {
  pull: ['see', 'pull'],
  push: ['see', 'push'],
  bidirectional: ['see', 'pull', 'push'],
  'read-only': ['see', 'pull'],
};
export type Direction = 'pull' | 'push' | 'bidirectional' | 'read-only';

/** Blocked gets nothing; trusted and public grant nothing by themselves: rules speak of them. */
export const trustLevels: readonly ['trusted', 'public', 'blocked'] = [
  'trusted',
  'public',
  'blocked',
];
export type TrustLevel = 'trusted' | 'public' | 'blocked';

/** One of ours, or one that we mirror. */
export type ResourceId = LocalId | FederatedId;

/** All given parts must match; an absent part matches everything, but an absent owner only us. */
export interface ResourceSelector {
  readonly kind?: string | undefined;
  /** `*` matches within a segment, `**` across segments. */
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** A cluster whose resources we mirror and may serve on; absent: what is ours. */
  readonly owner?: ClusterId | undefined;
}

export type PeerSelector =
  | { readonly cluster: ClusterId }
  /** Clusters whose links carry all these labels of ours. */
  | { readonly labels: Readonly<Record<string, string>> }
  /** Whomever we trust. */
  | { readonly trusted: true }
  /** Whoever presents a capability token of ours that covers verb, kind and name. */
  | { readonly token: true }
  | { readonly public: true };

export interface Budget {
  readonly bytes: number;
  readonly windowMs: number;
}

/** What an allowed peer is held to. All matching limits apply, so the strictest wins. */
export interface Limits {
  /** The peer's link carries each of these labels, with one of the values. */
  readonly residency?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Bytes served to each such peer, within a window that begins with the first of them. */
  readonly budget?: Budget | undefined;
  /** From this moment on, nothing. */
  readonly endsMs?: number | undefined;
}

export interface Rule {
  readonly id: string;
  readonly effect: Effect;
  readonly resources: ResourceSelector;
  readonly peers: PeerSelector;
  readonly verbs: readonly Verb[];
  /** With the effect `limit`, and only there. */
  readonly limits?: Limits | undefined;
  /** After this moment the rule is as good as absent. */
  readonly expiresMs?: number | undefined;
  readonly createdMs: number;
}

export type RuleDraft = Omit<Rule, 'id' | 'createdMs'>;

/** A rule of a set, as it is kept. The first set has no name. */
export interface StoredRule extends Rule {
  readonly set?: string | undefined;
}

/** A rule as people ask for it. */
export interface RuleRequest {
  readonly effect: Effect;
  readonly resources: Omit<ResourceSelector, 'owner'> & {
    /** May be spelled, as a peer may. */
    readonly owner?: string | undefined;
  };
  /** A peer may be spelled: by our name for it, its id, or an unambiguous beginning of the id. */
  readonly peers: PeerSelector | { readonly peer: string };
  /** Either verbs or a direction. */
  readonly verbs?: readonly Verb[] | undefined;
  readonly direction?: Direction | undefined;
  readonly limits?: (Limits & { readonly endsInMs?: number | undefined }) | undefined;
  readonly expiresMs?: number | undefined;
  /**
   * Instead of `expiresMs`: from now on, by the clock of the node, which is the one that counts.
   */
  readonly ttlMs?: number | undefined;
}

/** A rule as people see it. */
export interface ShownRule extends Rule {
  /** Our name for the cluster it is about, where there is a link. */
  readonly peerName?: string | undefined;
  /** By the clock of the node; it has no effect any more. */
  readonly expired?: boolean | undefined;
}

export const resourceIdSchema: z.ZodType<ResourceId> = z.union([localIdSchema, federatedIdSchema]);
export const spelledPeer: z.ZodType<string> = z.string().min(1).max(nameLengthMax);

const selectorFields = {
  kind: z.string().max(32).optional(),
  name: z.string().max(nameLengthMax).optional(),
  type: z.string().max(nameLengthMax).optional(),
  labels: labelsSchema.optional(),
};
const someLabels = labelsSchema.refine(
  (labels) => Object.keys(labels).length > 0,
  'no label means every peer: say "public"',
);
const peerSelectors: [z.ZodType<PeerSelector>, ...z.ZodType<PeerSelector>[]] = [
  z.strictObject({ cluster: clusterIdSchema }),
  z.strictObject({ labels: someLabels }),
  z.strictObject({ trusted: z.literal(true) }),
  z.strictObject({ token: z.literal(true) }),
  z.strictObject({ public: z.literal(true) }),
];
const moment = z.number().int().nonnegative();
const length = z.number().int().min(1_000).max(ruleTtlMaxMs);
const residency = z
  .record(z.string().min(1).max(64), z.array(z.string().max(64)).min(1).max(residencyValuesMax))
  .refine((labels) => {
    const count = Object.keys(labels).length;
    return count > 0 && count <= residencyLabelsMax;
  }, `residency names 1 to ${residencyLabelsMax} labels`);
const limitFields = {
  residency: residency.optional(),
  budget: z
    .strictObject({
      bytes: z.number().int().min(budgetBytesMin),
      windowMs: z.number().int().min(budgetWindowMinMs).max(budgetWindowMaxMs),
    })
    .optional(),
  endsMs: moment.optional(),
};

type Limited = { readonly effect: Effect; readonly limits?: object | undefined };

/** A limit that limits nothing, or an allowance that seems to, is a mistake worth telling. */
function hasItsLimits({ effect, limits }: Limited): boolean {
  const some = limits !== undefined && Object.values(limits).some((each) => each !== undefined);
  return (effect === 'limit') === some && (limits === undefined || some);
}
const limitsSentence = 'a rule has limits where its effect is "limit", and only there';

const atMostOne = (one: unknown, other: unknown): boolean =>
  one === undefined || other === undefined;

export const ruleRequestSchema: z.ZodType<RuleRequest> = z
  .strictObject({
    effect: z.enum(effects),
    resources: z.strictObject({ ...selectorFields, owner: spelledPeer.optional() }),
    peers: z.union([...peerSelectors, z.strictObject({ peer: spelledPeer })]),
    verbs: z.array(z.enum(verbs)).min(1).max(3).optional(),
    direction: z.enum(['pull', 'push', 'bidirectional', 'read-only']).optional(),
    limits: z.strictObject({ ...limitFields, endsInMs: length.optional() }).optional(),
    expiresMs: moment.optional(),
    ttlMs: length.optional(),
  })
  .refine(
    (asked) => (asked.verbs === undefined) !== (asked.direction === undefined),
    'a rule has either verbs or a direction',
  )
  .refine(
    (asked) => atMostOne(asked.expiresMs, asked.ttlMs),
    'a rule expires at a moment or after a time, not both',
  )
  .refine(
    (asked) => atMostOne(asked.limits?.endsMs, asked.limits?.endsInMs),
    'a limit ends things at a moment or after a time, not both',
  )
  .refine(hasItsLimits, limitsSentence);

const storedFields = {
  effect: z.enum(effects),
  resources: z.strictObject({ ...selectorFields, owner: clusterIdSchema.optional() }),
  peers: z.union(peerSelectors),
  verbs: z.array(z.enum(verbs)).min(1).max(3),
  limits: z.strictObject(limitFields).optional(),
  expiresMs: moment.optional(),
  id: z.string().max(32),
  createdMs: z.number(),
};
export const storedRuleSchema: z.ZodType<StoredRule> = z.strictObject({
  ...storedFields,
  set: z.string().max(32).optional(),
});
export const shownRuleSchema: z.ZodType<ShownRule> = z.object({
  ...storedFields,
  peerName: z.string().optional(),
  expired: z.boolean().optional(),
});

export function isFederated(id: ResourceId): id is Extract<ResourceId, { brand: 'FederatedId' }> {
  return /^[0-9a-f]{64}:/.test(id);
}
