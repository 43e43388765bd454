// What people ask of policies: rules added, removed, set as a whole, planned and explained. Every
// answer about access is enforcement's own.
import {
  HansaError,
  toHex,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { draftOf, named, resourceCalled, sameness } from './asking.ts';
import { createBudgets } from './budgets.ts';
import {
  rulesMax,
  type Budgets,
  type Forecast,
  type MirrorEnforcement,
  type Policies,
  type PresentedTokens,
  type Rule,
  type RuleDraft,
  type RulesDiff,
  type RulesInput,
  type ShownRule,
} from './contract.ts';
import { createEnforcement } from './enforcement.ts';
import { forecastOf, grantsOf, matchingOf, planOf, type PlanningNeeds } from './planning.ts';
import { createRuleRecords, type RuleRecords, type RulesChange } from './rule-records.ts';

export interface PoliciesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: { readonly cluster: ClusterId };
  readonly resources: ResourceLog;
  readonly peers: Peers;
  /** Without it, no rule for whoever presents a token matches. */
  readonly tokens?: PresentedTokens | undefined;
  /** Clusters that were trusted or blocked: plans speak of them, too. */
  readonly judged?: (() => readonly ClusterId[]) | undefined;
}

export interface PoliciesService {
  readonly policies: Policies;
  readonly enforcement: MirrorEnforcement;
  readonly budgets: Budgets;
  readonly forecast: Forecast;
  start(signal: AbortSignal): Promise<void>;
}

interface Parts extends PoliciesNeeds, PlanningNeeds {
  readonly records: RuleRecords;
  readonly budgets: Budgets;
}

export function createPolicies(needs: PoliciesNeeds): PoliciesService {
  const records = createRuleRecords(needs);
  const enforcing = createEnforcement({ ...needs, rules: records });
  const budgets = createBudgets({ ...needs, limits: enforcing.budgets });
  const parts: Parts = { ...needs, records, enforcing, budgets };
  return {
    policies: policiesOf(parts),
    enforcement: enforcing.enforcement,
    budgets,
    forecast: (change) => forecastOf(parts, records.all(), change),
    start: (signal) => records.start(signal, needs.clock),
  };
}

function policiesOf(parts: Parts): Policies {
  const { records, peers, enforcing, budgets } = parts;
  return {
    add: async (request) => named(peers, await add(parts, draftOf(parts, request))),
    async remove({ id }) {
      const change = await records.change(() => ({ add: [], remove: [known(records, id)] }));
      parts.log.event('policy.changed', { removed: id });
      const [removed] = change.remove;
      return named(peers, removed ?? known(records, id));
    },
    list: async () => ({ rules: records.all().map((rule) => listed(parts, rule)) }),
    async plan({ add: added, remove }) {
      if (remove !== undefined) {
        known(records, remove);
      }
      const before = records.all();
      const kept = before.filter(({ id }) => id !== remove);
      if (added === undefined) {
        return planOf(parts, before, kept);
      }
      const draft = planned(parts, draftOf(parts, added));
      return { ...planOf(parts, before, [...kept, draft]), matching: matchingOf(parts, draft) };
    },
    async diff(input) {
      const drafts = draftsOf(parts, input);
      return diffOf(parts, changeTo(parts, { ...input, drafts }));
    },
    apply: (input) => apply(parts, input),
    async whoCan(asked) {
      const id = resourceCalled(parts, asked);
      const resource = enforcing.find(id);
      if (resource === undefined) {
        throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
      }
      return grantsOf(parts, records.all(), { verb: asked.verb, resource });
    },
    async why({ peer, verb, ...asked }) {
      const { cluster } = peers.resolve(peer);
      const id = resourceCalled(parts, asked);
      const { rule, limits, ...decision } = enforcing.enforcement.decide(cluster, verb, id);
      return {
        ...decision,
        ...(rule === undefined ? {} : { rule: named(peers, rule) }),
        ...(limits === undefined ? {} : { limits: limits.map((each) => named(peers, each)) }),
        budgets: decision.allowed ? await budgets.used(cluster, id) : [],
      };
    },
  };
}

/** The same rule twice would have to be removed twice: a person who did it once was heard. */
async function add(parts: Parts, draft: RuleDraft): Promise<Rule> {
  const { records } = parts;
  const wanted = sameness(draft);
  const rule = made(parts, draft, new Set(records.all().map(({ id }) => id)));
  let same: Rule | undefined;
  const { add: added } = await records.change(() => {
    same = records.all().find((each) => sameness(each) === wanted);
    if (same !== undefined) {
      return { add: [], remove: [] };
    }
    requireRoom(records.all().length + 1);
    return { add: [rule], remove: [] };
  });
  if (added.length > 0) {
    parts.log.event('policy.changed', { added: rule.id });
  }
  return same ?? rule;
}

async function apply(parts: Parts, input: RulesInput): Promise<RulesDiff> {
  const drafts = draftsOf(parts, input);
  let diff: RulesDiff | undefined;
  await parts.records.change(() => {
    const change = changeTo(parts, { ...input, drafts });
    diff = diffOf(parts, change);
    return change;
  });
  const { added = [], removed = [] } = diff ?? {};
  parts.log.event('policy.applied', { added: added.length, removed: removed.length });
  return diff ?? { rows: [], truncated: false, added, removed, kept: 0 };
}

/** One for each thing that is said, however often. */
function draftsOf(parts: Parts, { rules }: RulesInput): readonly (readonly [string, RuleDraft])[] {
  const drafts = rules.map((request) => draftOf(parts, request));
  return [...new Map(drafts.map((draft) => [sameness(draft), draft]))];
}

function changeTo(
  parts: Parts,
  given: {
    readonly keep?: boolean | undefined;
    readonly drafts: readonly (readonly [string, RuleDraft])[];
  },
): RulesChange {
  const before = parts.records.all();
  const held = new Set(before.map(sameness));
  const wanted = new Map(given.drafts);
  const addedDrafts = given.drafts.filter(([said]) => !held.has(said));
  const remove = given.keep === true ? [] : before.filter((rule) => !wanted.has(sameness(rule)));
  requireRoom(before.length - remove.length + addedDrafts.length);
  const taken = new Set(before.map(({ id }) => id));
  return { add: addedDrafts.map(([, draft]) => made(parts, draft, taken)), remove };
}

function diffOf(parts: Parts, { add: added, remove }: RulesChange): RulesDiff {
  const { peers, records } = parts;
  const before = records.all();
  const removed = new Set(remove);
  const kept = before.filter((rule) => !removed.has(rule));
  return {
    ...planOf(parts, before, [...kept, ...added]),
    added: added.map((rule) => named(peers, rule)),
    removed: remove.map((rule) => named(peers, rule)),
    kept: kept.length,
  };
}

function requireRoom(count: number): void {
  if (count > rulesMax) {
    throw new HansaError('STORE_LIMIT', `there are ${rulesMax} rules, the most there may be`);
  }
}

/** Under an id that is not taken, and is from now on: of ten thousand, two would share one. */
function made({ random, clock }: Parts, draft: RuleDraft, taken: Set<string>): Rule {
  const short = `r-${toHex(random.bytes(4))}`;
  const id = taken.has(short) ? `${short}-${toHex(random.bytes(8))}` : short;
  taken.add(id);
  return { ...draft, id, createdMs: clock.now() };
}

/** Expired rules are of no effect, and stay until somebody removes them. */
function listed({ peers, clock }: Parts, rule: Rule): ShownRule {
  const shown = named(peers, rule);
  const over = rule.expiresMs !== undefined && rule.expiresMs <= clock.now();
  return over ? { ...shown, expired: true } : shown;
}

function planned({ clock }: Parts, draft: RuleDraft): Rule {
  return { ...draft, id: 'planned', createdMs: clock.now() };
}

function known(records: RuleRecords, id: string): Rule {
  const rule = records.find(id);
  if (rule === undefined) {
    throw new HansaError('RULE_NOT_FOUND', `there is no rule ${id}`);
  }
  return rule;
}
