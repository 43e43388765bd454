// Who may see, pull and push what. Nothing is shared until a rule says so; deny beats limit beats
// allow.
import {
  clusterIdSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { z } from 'zod';
import { aboutRule } from './about.ts';
import { planRowsSchema, planSchema, type Plan } from './plan.ts';
import {
  resourceIdSchema,
  ruleRequestSchema,
  rulesMax,
  shownRuleSchema,
  spelledPeer,
  verbs,
  type Budget,
  type ResourceId,
  type RuleRequest,
  type ShownRule,
  type TrustLevel,
  type Verb,
} from './rule.ts';

export { planRowsMax, planSchema, type Plan, type PlanRow } from './plan.ts';
export { planSentence, planView } from './plan-view.ts';
export { foresee, foreseenView, requireConsent, takesAway, type Foreseen } from './consent.ts';
export {
  isFederated,
  budgetBytesMin,
  budgetWindowMaxMs,
  budgetWindowMinMs,
  directions,
  effects,
  rulesMax,
  ruleTtlMaxMs,
  trustLevels,
  verbs,
  type Budget,
  type Direction,
  type Effect,
  type Limits,
  type PeerSelector,
  type ResourceId,
  type ResourceSelector,
  type Rule,
  type RuleDraft,
  type RuleRequest,
  type ShownRule,
  type TrustLevel,
  type Verb,
} from './rule.ts';

/** One answer of enforcement's own code, with its reason. */
export interface Decision {
  readonly allowed: boolean;
  readonly verb: Verb;
  readonly resource: ResourceId;
  readonly peer: ClusterId;
  /** The rule that decided; absent where none matched or the peer's standing decided. */
  readonly rule?: ShownRule | undefined;
  /** What the peer is held to where it is allowed. */
  readonly limits?: readonly ShownRule[] | undefined;
  /** The capability token that opened it. */
  readonly token?: string | undefined;
  readonly reason: string;
}

/** How far a budget is used up. */
export interface BudgetUse extends Budget {
  readonly rule: string;
  readonly usedBytes: number;
  /** When the window ends; absent where none has begun. */
  readonly untilMs?: number | undefined;
}

export interface Explanation extends Decision {
  readonly budgets: readonly BudgetUse[];
}

/** What a set of rules changes. */
export interface RulesDiff extends Plan {
  readonly added: readonly ShownRule[];
  readonly removed: readonly ShownRule[];
  readonly kept: number;
}

export interface Grant {
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly rule?: ShownRule | undefined;
  readonly limits: readonly ShownRule[];
}

export interface RulesInput {
  readonly rules: readonly RuleRequest[];
  /** Rules that are not named stay. */
  readonly keep?: boolean | undefined;
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
  /** What applying these rules would change. */
  diff(input: RulesInput, call?: Call): Promise<RulesDiff>;
  /** From one moment to the next, exactly these rules hold. */
  apply(input: RulesInput, call?: Call): Promise<RulesDiff>;
  /** Which clusters may, and by which rule. */
  whoCan(
    input: { verb: Verb; resource: ResourceId; owner?: string | undefined },
    call?: Call,
  ): Promise<{ readonly grants: readonly Grant[]; readonly truncated: boolean }>;
  why(
    input: { peer: string; verb: Verb; resource: ResourceId; owner?: string | undefined },
    call?: Call,
  ): Promise<Explanation>;
}

// ---- in process, for the capabilities that serve peers, and for what policy asks of others ----

/** The one place where sharing is decided. */
export interface Enforcement {
  decide(peer: ClusterId, verb: Verb, resource: ResourceId): Decision;
  /**
   * The ids a peer may use the verb on. Ask it before any look-up, so that what is unshared and
   * what is unknown take the same way and the same time.
   */
  visible(peer: ClusterId, verb: Verb): ReadonlySet<LocalId>;
  /** The verbs a peer has on a resource. */
  granted(peer: ClusterId, resource: ResourceId): readonly Verb[];
  /** Called whenever any decision may have changed. */
  subscribe(changed: () => void): () => void;
}

/** Enforcement for whoever serves mirrors on. */
export interface MirrorEnforcement extends Enforcement {
  /** Like `visible`, of what others own and we mirror. */
  visibleMirrored(peer: ClusterId, verb: Verb): ReadonlySet<FederatedId>;
  /** Where the mirrors are; without it nothing mirrored is visible to anybody. */
  setMirrored(mirrored: MirroredResources): void;
}

/** What we mirror, as policy sees it. */
export interface MirroredResource {
  readonly id: FederatedId;
  readonly kind: string;
  readonly name: string;
  /** As the owner's catalog said; where it is not known, allowances by it do not match. */
  readonly type?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface MirroredResources {
  all(): readonly MirroredResource[];
  find(id: FederatedId): MirroredResource | undefined;
  /** Rises whenever a mirror is added or removed. */
  readonly generation: number;
  subscribe(changed: () => void): () => void;
}

/** What peers have presented in the way of capability tokens. */
export interface PresentedTokens {
  covers(
    peer: ClusterId,
    asked: { readonly verb: Verb; readonly kind: string; readonly name: string },
  ): { readonly tokenId: string } | undefined;
  /** Until then `covers` answers alike, as long as the generation does not rise. */
  freshUntilMs(): number;
  readonly generation: number;
  subscribe(changed: () => void): () => void;
}

/** Counts what is served against the budgets of the rules. */
export interface Budgets {
  /**
   * Called before the bytes go out; BUDGET_EXHAUSTED with the time at which to ask again, and then
   * nothing was counted.
   */
  spend(peer: ClusterId, resource: ResourceId, bytes: number): Promise<void>;
  /** How far each budget is used up that holds for the peer. */
  used(peer: ClusterId, resource: ResourceId): Promise<readonly BudgetUse[]>;
}

/** How a cluster would stand to us. */
export interface StandingChange {
  readonly cluster: ClusterId;
  readonly trust?: TrustLevel | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What a change of standing gives and takes, before it is made. */
export type Forecast = (change: StandingChange) => Plan;

const rulesInput: z.ZodType<RulesInput> = z.strictObject({
  rules: z.array(ruleRequestSchema).max(rulesMax),
  keep: z.boolean().optional(),
});
const rulesDiff: z.ZodType<RulesDiff> = z.object({
  rows: planRowsSchema,
  truncated: z.boolean(),
  added: z.array(shownRuleSchema),
  removed: z.array(shownRuleSchema),
  kept: z.number(),
});
const explanation: z.ZodType<Explanation> = z.object({
  allowed: z.boolean(),
  verb: z.enum(verbs),
  resource: resourceIdSchema,
  peer: clusterIdSchema,
  rule: shownRuleSchema.optional(),
  limits: z.array(shownRuleSchema).optional(),
  token: z.string().optional(),
  reason: z.string(),
  budgets: z.array(
    z.object({
      rule: z.string(),
      bytes: z.number(),
      windowMs: z.number(),
      usedBytes: z.number(),
      untilMs: z.number().optional(),
    }),
  ),
});
const grant: z.ZodType<Grant> = z.object({
  peer: clusterIdSchema,
  peerName: z.string(),
  rule: shownRuleSchema.optional(),
  limits: z.array(shownRuleSchema),
});
const asked = { verb: z.enum(verbs), resource: resourceIdSchema, owner: spelledPeer.optional() };

export const policiesContract: Contract<Policies> = {
  name: 'policies',
  version: 1,
  methods: {
    add: {
      summary: 'Adds a rule: shares resources with peers, limits them, or denies them.',
      permission: 'policies.write',
      route: 'POST /rules',
      input: ruleRequestSchema,
      about: aboutRule,
      output: shownRuleSchema,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT', 'CONFLICT'],
    },
    remove: {
      summary: 'Removes a rule; what it alone allowed is no longer served from this moment.',
      permission: 'policies.write',
      route: 'DELETE /rules/:id',
      input: z.strictObject({ id: z.string().min(1).max(32) }),
      about: ({ id }) => `rule:${id}`,
      output: shownRuleSchema,
      errors: ['RULE_NOT_FOUND', 'CONFLICT'],
    },
    list: {
      summary: 'Lists the rules.',
      permission: 'policies.read',
      route: 'GET /rules',
      input: z.strictObject({}),
      output: z.object({ rules: z.array(shownRuleSchema) }),
      errors: [],
    },
    plan: {
      summary: 'Shows who would see what, and who no longer, without changing anything.',
      permission: 'policies.read',
      route: 'POST /rules/plan',
      input: z.strictObject({
        add: ruleRequestSchema.optional(),
        remove: z.string().max(32).optional(),
      }),
      output: planSchema,
      errors: ['RULE_NOT_FOUND', 'LINK_NOT_FOUND'],
    },
    diff: {
      summary: 'Shows what applying a set of rules would change.',
      permission: 'policies.read',
      route: 'POST /rules/diff',
      input: rulesInput,
      output: rulesDiff,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT'],
    },
    apply: {
      summary: 'Makes exactly these rules hold, from one moment to the next.',
      permission: 'policies.write',
      route: 'PUT /rules',
      input: rulesInput,
      output: rulesDiff,
      errors: ['LINK_NOT_FOUND', 'STORE_LIMIT', 'CONFLICT'],
    },
    whoCan: {
      summary: 'Lists the clusters that may use a verb on a resource, each with its rule.',
      permission: 'policies.read',
      route: 'POST /rules/who-can',
      input: z.strictObject(asked),
      output: z.object({ grants: z.array(grant), truncated: z.boolean() }),
      errors: ['LINK_NOT_FOUND', 'RESOURCE_NOT_FOUND'],
    },
    why: {
      summary: 'Explains one decision by asking enforcement’s own code.',
      permission: 'policies.read',
      route: 'POST /rules/why',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax), ...asked }),
      output: explanation,
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
