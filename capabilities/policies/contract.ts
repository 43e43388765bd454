// Who may see, pull and push what. Nothing is shared until a rule says so; deny beats allow.
import {
  clusterIdSchema,
  localIdSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';

export const rulesMax = 10_000; // every decision walks them
export const ruleTtlMaxMs: number = 3_650 * 24 * 3_600_000; // ten years: past that, without an end
export const planRowsMax = 1_000; // a plan is read by a person

export const verbs: readonly ['see', 'pull', 'push'] = ['see', 'pull', 'push'];
export type Verb = 'see' | 'pull' | 'push';

/** All given parts must match; an absent part matches everything. */
export interface ResourceSelector {
  readonly kind?: string | undefined;
  /** `*` matches within a segment, `**` across segments. */
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export type PeerSelector = { readonly cluster: ClusterId } | { readonly public: true };

export interface Rule {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly resources: ResourceSelector;
  readonly peers: PeerSelector;
  readonly verbs: readonly Verb[];
  /** After this moment the rule is as good as absent. */
  readonly expiresMs?: number | undefined;
  readonly createdMs: number;
}

export type RuleDraft = Omit<Rule, 'id' | 'createdMs'>;

/** A rule as people ask for it. */
export interface RuleRequest extends Omit<RuleDraft, 'peers'> {
  /** A peer may be spelled: by our name for it, its id, or an unambiguous beginning of the id. */
  readonly peers: PeerSelector | { readonly peer: string };
  /**
   * Instead of `expiresMs`: from now on, by the clock of the node, which is the one that counts.
   */
  readonly ttlMs?: number | undefined;
}

/** A rule as people see it. */
export interface ShownRule extends Rule {
  /** Our name for the cluster it is about, where there is a link. */
  readonly peerName?: string | undefined;
}

/** One answer of enforcement's own code, with its reason. */
export interface Decision {
  readonly allowed: boolean;
  readonly verb: Verb;
  readonly resource: LocalId;
  readonly peer: ClusterId;
  /** The rule that decided; absent where none matched or the peer's standing decided. */
  readonly rule?: ShownRule | undefined;
  readonly reason: string;
}

/** What one peer gains or loses by a change of rules. */
export interface PlanRow {
  readonly change: 'gains' | 'loses';
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly resource: LocalId;
  readonly verbs: readonly Verb[];
}

export interface Plan {
  readonly rows: readonly PlanRow[];
  /** More rows than a person reads. */
  readonly truncated: boolean;
}

/** What this cluster shares, and why. */
export interface Policies {
  add(input: RuleRequest, call?: Call): Promise<ShownRule>;
  remove(input: { id: string }, call?: Call): Promise<ShownRule>;
  list(input: Record<string, never>, call?: Call): Promise<{ rules: readonly ShownRule[] }>;
  /** Who would see what from then on, and who no longer; changes nothing. */
  plan(
    input: { add?: RuleRequest | undefined; remove?: string | undefined },
    call?: Call,
  ): Promise<Plan>;
  why(input: { peer: string; verb: Verb; resource: LocalId }, call?: Call): Promise<Decision>;
}

/** For the capabilities that serve peers: the one place where sharing is decided. */
export interface Enforcement {
  decide(peer: ClusterId, verb: Verb, resource: LocalId): Decision;
  /**
   * The ids a peer may use the verb on. Ask it before any look-up, so that what is unshared and
   * what is unknown take the same way and the same time.
   */
  visible(peer: ClusterId, verb: Verb): ReadonlySet<LocalId>;
  /** The verbs a peer has on a resource. */
  granted(peer: ClusterId, resource: LocalId): readonly Verb[];
  /** Called whenever any decision may have changed. */
  subscribe(changed: () => void): () => void;
}

const selector: z.ZodType<ResourceSelector> = z.strictObject({
  kind: z.string().max(32).optional(),
  name: z.string().max(nameLengthMax).optional(),
  type: z.string().max(nameLengthMax).optional(),
  labels: z.record(z.string().max(64), z.string().max(64)).optional(),
});
const byId = z.strictObject({ cluster: clusterIdSchema });
const everybody = z.strictObject({ public: z.literal(true) });
const spelled = z.strictObject({ peer: z.string().min(1).max(nameLengthMax) });
const ruleFields = {
  effect: z.enum(['allow', 'deny']),
  resources: selector,
  verbs: z.array(z.enum(verbs)).min(1).max(3),
  expiresMs: z.number().int().nonnegative().optional(),
};
const request: z.ZodType<RuleRequest> = z
  .strictObject({
    ...ruleFields,
    peers: z.union([byId, everybody, spelled]),
    ttlMs: z.number().int().min(1_000).max(ruleTtlMaxMs).optional(),
  })
  .refine(
    ({ expiresMs, ttlMs }) => expiresMs === undefined || ttlMs === undefined,
    'a rule expires at a moment or after a time, not both',
  );
const storedFields = {
  ...ruleFields,
  peers: z.union([byId, everybody]),
  id: z.string().max(32),
  createdMs: z.number(),
};
export const ruleSchema: z.ZodType<Rule> = z.strictObject(storedFields);
const shownRule: z.ZodType<ShownRule> = z.object({
  ...storedFields,
  peerName: z.string().optional(),
});
const decision: z.ZodType<Decision> = z.object({
  allowed: z.boolean(),
  verb: z.enum(verbs),
  resource: localIdSchema,
  peer: clusterIdSchema,
  rule: shownRule.optional(),
  reason: z.string(),
});

export const policiesContract: Contract<Policies> = {
  name: 'policies',
  version: 1,
  methods: {
    add: {
      summary: 'Adds a rule: shares resources with peers, or denies them.',
      permission: 'policies.write',
      route: 'POST /rules',
      input: request,
      output: shownRule,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT'],
    },
    remove: {
      summary: 'Removes a rule; what it alone allowed is no longer served from this moment.',
      permission: 'policies.write',
      route: 'DELETE /rules/:id',
      input: z.strictObject({ id: z.string().min(1).max(32) }),
      output: shownRule,
      errors: ['RULE_NOT_FOUND'],
    },
    list: {
      summary: 'Lists the rules.',
      permission: 'policies.read',
      route: 'GET /rules',
      input: z.strictObject({}),
      output: z.object({ rules: z.array(shownRule) }),
      errors: [],
    },
    plan: {
      summary: 'Shows who would see what, and who no longer, without changing anything.',
      permission: 'policies.read',
      route: 'POST /rules/plan',
      input: z.strictObject({ add: request.optional(), remove: z.string().max(32).optional() }),
      output: z.object({
        rows: z.array(
          z.object({
            change: z.enum(['gains', 'loses']),
            peer: clusterIdSchema,
            peerName: z.string(),
            resource: localIdSchema,
            verbs: z.array(z.enum(verbs)),
          }),
        ),
        truncated: z.boolean(),
      }),
      errors: ['RULE_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    why: {
      summary: 'Explains one decision by asking enforcement’s own code.',
      permission: 'policies.read',
      route: 'POST /rules/why',
      input: z.strictObject({
        peer: z.string().min(1).max(nameLengthMax),
        verb: z.enum(verbs),
        resource: localIdSchema,
      }),
      output: decision,
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
