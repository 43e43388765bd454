// Rules kept, decisions answered. What a peer may see is computed once per change of rules,
// resources or links, and then looked up.
import {
  createRecent,
  HansaError,
  toHex,
  watchedTable,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type LocalId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Peers, PeerStanding } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import {
  planRowsMax,
  rulesMax,
  verbs,
  type Enforcement,
  type Plan,
  type PlanRow,
  type Policies,
  type Rule,
  type RuleDraft,
  type RuleRequest,
  type ShownRule,
  type Verb,
} from './contract.ts';
import { decide } from './decide.ts';
import { ruleTable } from './keys.ts';

const publicPlanName = 'any cluster';
// answers kept: three verbs of every link there may be, and room for strangers
const visibleSetsMax = 4_096;

export interface PoliciesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resources: ResourceLog;
  readonly peers: Peers;
}

export interface PoliciesService {
  readonly policies: Policies;
  readonly enforcement: Enforcement;
  start(signal: AbortSignal): Promise<void>;
}

export function createPolicies(needs: PoliciesNeeds): PoliciesService {
  const { store, clock, random, resources, peers } = needs;
  const table = ruleTable(store, needs.codec);
  const cache = watchedTable(store, table);
  const rules = (): readonly Rule[] =>
    [...cache.rows.values()]
      .map(({ value }) => value)
      .toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
  const enforcement = createEnforcement(needs, {
    rules,
    generation: () => `${cache.generation} ${resources.generation} ${peers.generation}`,
    onRules: (changed) => cache.subscribe(changed),
  });

  const policies: Policies = {
    async add(request) {
      const draft = draftOf(needs, request);
      // The same rule twice would have to be removed twice: a person who did it once was heard.
      const same = rules().find((rule) => sameRule(rule, draft));
      if (same !== undefined) {
        return named(peers, same);
      }
      if (cache.rows.size >= rulesMax) {
        throw new HansaError('STORE_LIMIT', `there are ${rulesMax} rules, the most there may be`);
      }
      const rule: Rule = { ...draft, id: `r-${toHex(random.bytes(4))}`, createdMs: clock.now() };
      const { revision } = await store.batchWrite([table.put([rule.id], rule)]);
      await cache.reached(revision);
      needs.log.event('policy.changed', { added: rule.id });
      return named(peers, rule);
    },
    async remove({ id }) {
      const row = known(cache.find(id)?.value, id);
      const removed = await store.transact({
        if: [{ key: table.key(id), target: 'version', op: '>', operand: 0 }],
        then: [table.delete([id])],
      });
      if (!removed.succeeded) {
        throw new HansaError('RULE_NOT_FOUND', `rule ${id} was removed at the same time`);
      }
      await cache.reached(removed.revision);
      needs.log.event('policy.changed', { removed: id });
      return named(peers, row);
    },
    list: async () => ({ rules: rules().map((rule) => named(peers, rule)) }),
    async plan({ add, remove }) {
      if (remove !== undefined) {
        known(cache.find(remove)?.value, remove);
      }
      const before = rules();
      const kept = before.filter((rule) => rule.id !== remove);
      const planned = { id: 'planned', createdMs: clock.now() };
      const after = add === undefined ? kept : [...kept, { ...draftOf(needs, add), ...planned }];
      return planOf(needs, before, after);
    },
    async why({ peer, verb, resource }) {
      const decision = enforcement.decide(peers.resolve(peer).cluster, verb, resource);
      const { rule } = decision;
      return rule === undefined ? decision : { ...decision, rule: named(peers, rule) };
    },
  };
  return { policies, enforcement, start: (signal) => cache.start(signal, clock) };
}

function sameRule({ id: _id, createdMs: _createdMs, ...rule }: Rule, draft: object): boolean {
  return JSON.stringify(sorted(rule)) === JSON.stringify(sorted(draft));
}

/** The same fields in the same order, however they came. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    return value;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields
    .map(([name, field]): [string, unknown] => [name, sorted(field)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function known(rule: Rule | undefined, id: string): Rule {
  if (rule === undefined) {
    throw new HansaError('RULE_NOT_FOUND', `there is no rule ${id}`);
  }
  return rule;
}

/**
 * What is kept of a request: the cluster itself, whatever it will be called; a moment, not a
 * length.
 */
function draftOf({ peers, clock }: PoliciesNeeds, request: RuleRequest): RuleDraft {
  const { ttlMs, peers: chosen, ...rest } = request;
  return {
    ...rest,
    peers: 'peer' in chosen ? { cluster: peers.resolve(chosen.peer).cluster } : chosen,
    ...(ttlMs === undefined ? {} : { expiresMs: clock.now() + ttlMs }),
  };
}

function named(peers: Peers, rule: Rule): ShownRule {
  const peerName = 'public' in rule.peers ? undefined : peers.standing(rule.peers.cluster).name;
  return peerName === undefined ? rule : { ...rule, peerName };
}

function createEnforcement(
  { clock, resources, peers }: PoliciesNeeds,
  given: {
    rules(): readonly Rule[];
    generation(): string;
    onRules(changed: () => void): () => void;
  },
): Enforcement {
  let sets = createRecent<string, ReadonlySet<LocalId>>(visibleSetsMax);
  let generation = '';
  let freshUntilMs = 0;

  const visible = (peer: ClusterId, verb: Verb): ReadonlySet<LocalId> => {
    const now = given.generation();
    if (now !== generation || clock.now() >= freshUntilMs) {
      sets = createRecent(visibleSetsMax);
      generation = now;
      freshUntilMs = nextExpiry(given.rules(), clock.now());
    }
    const key = `${verb} ${peer}`;
    const held = sets.get(key);
    if (held !== undefined) {
      return held;
    }
    const rules = given.rules();
    const base = { peer: peers.standing(peer), verb, nowMs: clock.now() };
    const made = new Set(
      resources
        .all()
        .filter((resource) => decide(rules, { ...base, resource }).allowed)
        .map(({ id }) => id),
    );
    sets.set(key, made);
    return made;
  };
  return {
    visible,
    decide(peer, verb, id) {
      const resource = resources.find(id);
      return resource === undefined
        ? { allowed: false, verb, resource: id, peer, reason: `there is no ${id} here` }
        : decide(given.rules(), {
            peer: peers.standing(peer),
            verb,
            resource,
            nowMs: clock.now(),
          });
    },
    granted: (peer, resource) => verbs.filter((verb) => visible(peer, verb).has(resource)),
    subscribe(changed) {
      // Beats and pushes come by the thousand; hardly any of them changes a decision.
      let before = given.generation();
      let untilMs = nextExpiry(given.rules(), clock.now());
      const compare = (): void => {
        const now = given.generation();
        if (now !== before || clock.now() >= untilMs) {
          before = now;
          untilMs = nextExpiry(given.rules(), clock.now());
          changed();
        }
      };
      const stops = [
        given.onRules(compare),
        resources.subscribe(compare),
        peers.subscribe(compare),
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
}

/** When the next rule runs out: until then cached answers stay true. */
function nextExpiry(rules: readonly Rule[], nowMs: number): number {
  return rules.reduce(
    (soonest, { expiresMs }) =>
      expiresMs !== undefined && expiresMs > nowMs ? Math.min(soonest, expiresMs) : soonest,
    Number.MAX_SAFE_INTEGER,
  );
}

function planOf(needs: PoliciesNeeds, before: readonly Rule[], after: readonly Rule[]): Plan {
  const { clock, resources, peers } = needs;
  const nowMs = clock.now();
  const rows: PlanRow[] = [];
  for (const peer of concerned(peers, [...before, ...after])) {
    for (const resource of resources.all()) {
      const allowed = (rules: readonly Rule[], verb: Verb): boolean =>
        decide(rules, { peer, verb, resource, nowMs }).allowed;
      const gained = verbs.filter((verb) => !allowed(before, verb) && allowed(after, verb));
      const lost = verbs.filter((verb) => allowed(before, verb) && !allowed(after, verb));
      const row = {
        peer: peer.cluster,
        peerName: peer.name ?? (peer === anybody ? publicPlanName : peer.cluster.slice(0, 8)),
        resource: resource.id,
      };
      if (gained.length > 0) {
        rows.push({ ...row, change: 'gains', verbs: gained });
      }
      if (lost.length > 0) {
        rows.push({ ...row, change: 'loses', verbs: lost });
      }
    }
  }
  return { rows: rows.slice(0, planRowsMax), truncated: rows.length > planRowsMax };
}

/** Whoever is linked, whoever a rule names without a link, and anybody. */
function concerned(peers: Peers, rules: readonly Rule[]): readonly PeerStanding[] {
  const linked = peers.all();
  const unlinked = new Set(
    rules.flatMap((rule) => ('cluster' in rule.peers ? [rule.peers.cluster] : [])),
  );
  linked.forEach(({ cluster }) => unlinked.delete(cluster));
  return [...linked, ...Array.from(unlinked, (cluster) => peers.standing(cluster)), anybody];
}

/** Stands in a plan for every cluster that no rule names: what it gains is public. */
const anybody: PeerStanding = {
  cluster: '0'.repeat(64) as ClusterId,
  name: undefined,
  mine: false,
  theirs: false,
  active: false,
};
