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

/** One answer of enforcement's own code, with its reason. */
export interface Decision {
  readonly allowed: boolean;
  readonly verb: Verb;
  readonly resource: LocalId;
  readonly peer: ClusterId;
  /** The rule that decided; absent where none matched or the peer's standing decided. */
  readonly rule?: Rule | undefined;
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
  add(input: RuleDraft, call?: Call): Promise<Rule>;
  remove(input: { id: string }, call?: Call): Promise<Rule>;
  list(input: Record<string, never>, call?: Call): Promise<{ rules: readonly Rule[] }>;
  /** Who would see what from then on, and who no longer; changes nothing. */
  plan(
    input: { add?: RuleDraft | undefined; remove?: string | undefined },
    call?: Call,
  ): Promise<Plan>;
  why(input: { peer: string; verb: Verb; resource: LocalId }, call?: Call): Promise<Decision>;
}

/** For the capabilities that serve peers: the one place where sharing is decided. */
export interface Enforcement {
  decide(peer: ClusterId, verb: Verb, resource: LocalId): Decision;
  /**
   * The ids a peer may use the verb on. Ask it before any look-up, so that what is unshared and what is
   * unknown take the same way and the same time.
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
const peers: z.ZodType<PeerSelector> = z.union([
  z.strictObject({ cluster: clusterIdSchema }),
  z.strictObject({ public: z.literal(true) }),
]);
const draftFields = {
  effect: z.enum(['allow', 'deny']),
  resources: selector,
  peers,
  verbs: z.array(z.enum(verbs)).min(1).max(3),
  expiresMs: z.number().int().nonnegative().optional(),
};
const draft: z.ZodType<RuleDraft> = z.strictObject(draftFields);
export const ruleSchema: z.ZodType<Rule> = z.strictObject({
  ...draftFields,
  id: z.string().max(32),
  createdMs: z.number(),
});
const decision: z.ZodType<Decision> = z.object({
  allowed: z.boolean(),
  verb: z.enum(verbs),
  resource: localIdSchema,
  peer: clusterIdSchema,
  rule: ruleSchema.optional(),
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
      input: draft,
      output: ruleSchema,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT'],
    },
    remove: {
      summary: 'Removes a rule; what it alone allowed is no longer served from this moment.',
      permission: 'policies.write',
      route: 'DELETE /rules/:id',
      input: z.strictObject({ id: z.string().min(1).max(32) }),
      output: ruleSchema,
      errors: ['RULE_NOT_FOUND'],
    },
    list: {
      summary: 'Lists the rules.',
      permission: 'policies.read',
      route: 'GET /rules',
      input: z.strictObject({}),
      output: z.object({ rules: z.array(ruleSchema) }),
      errors: [],
    },
    plan: {
      summary: 'Shows who would see what, and who no longer, without changing anything.',
      permission: 'policies.read',
      route: 'POST /rules/plan',
      input: z.strictObject({ add: draft.optional(), remove: z.string().max(32).optional() }),
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
      errors: ['RULE_NOT_FOUND'],
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
