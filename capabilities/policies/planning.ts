// What a change would give and take, and who may do what now: the same decisions, asked twice.
import type { ClusterId } from '@hansa/foundation';
import type { Peers, PeerStanding } from '../links/contract.ts';
import { named, sameness } from './asking.ts';
import {
  planRowsMax,
  verbs,
  type Grant,
  type Plan,
  type PlanRow,
  type ResourceId,
  type Rule,
  type RuleDraft,
  type StandingChange,
  type Verb,
} from './contract.ts';
import {
  explain,
  isMeant,
  judge,
  selects,
  type Asked,
  type Ruling,
  type Verdict,
} from './decide.ts';
import type { Enforcing } from './enforcement.ts';

const publicPlanName = 'any cluster';

export interface PlanningNeeds {
  readonly peers: Peers;
  readonly enforcing: Enforcing;
  /** Clusters that were trusted or blocked, linked or not. */
  readonly judged?: (() => readonly ClusterId[]) | undefined;
}

/** Stands in a plan for every cluster that no rule names: what it gains is public. */
const anybody: PeerStanding = {
  cluster: '0'.repeat(64) as ClusterId,
  name: undefined,
  mine: false,
  theirs: false,
  active: false,
  trust: 'public',
  labels: {},
};

/** What other rules would give and take. */
export function planOf(
  needs: PlanningNeeds,
  before: readonly Rule[],
  after: readonly Rule[],
): Plan {
  const { enforcing } = needs;
  const changed = difference(before, after);
  const touched = enforcing
    .assets()
    .filter((asset) => changed.some(({ resources }) => selects(resources, asset, true)));
  const rows: PlanRow[] = [];
  for (const peer of changed.length === 0 ? [] : concerned(needs, [...before, ...after])) {
    if (changed.some((rule) => isMeant(rule.peers, peer))) {
      const rulings = (rules: readonly Rule[]): readonly Ruling[] =>
        verbs.map((verb) => enforcing.ruling(peer, verb, rules));
      rows.push(...rowsOf(peer, touched, { before: rulings(before), after: rulings(after) }));
    }
  }
  return shortened(rows);
}

/** How much a rule speaks of now, and of which kinds is what there is. */
export function matchingOf(
  { enforcing }: PlanningNeeds,
  { resources }: RuleDraft,
): NonNullable<Plan['matching']> {
  const assets = enforcing.assets();
  return {
    resources: assets.filter((asset) => selects(resources, asset, true)).length,
    kinds: [...new Set(assets.map(({ kind }) => kind))].toSorted(),
  };
}

/** What another standing of one cluster would give and take. */
export function forecastOf(
  { peers, enforcing }: PlanningNeeds,
  rules: readonly Rule[],
  { cluster, trust, labels }: StandingChange,
): Plan {
  const now = peers.standing(cluster);
  const then = { ...now, trust: trust ?? now.trust, labels: labels ?? now.labels };
  const rulings = (peer: PeerStanding): readonly Ruling[] =>
    verbs.map((verb) => enforcing.ruling(peer, verb, rules));
  const both = { before: rulings(now), after: rulings(then) };
  return shortened(rowsOf(now, enforcing.assets(), both));
}

/** Every cluster that may, and by which rule. */
export function grantsOf(
  needs: PlanningNeeds,
  rules: readonly Rule[],
  { verb, resource }: { readonly verb: Verb; readonly resource: Asked },
): { readonly grants: readonly Grant[]; readonly truncated: boolean } {
  const { peers, enforcing } = needs;
  const grants = concerned(needs, rules).flatMap((peer): Grant[] => {
    const { allowed, rule, limits = [] } = explain(enforcing.ruling(peer, verb, rules), resource);
    return allowed
      ? [
          {
            peer: peer.cluster,
            peerName: nameOf(peer),
            rule: rule === undefined ? undefined : named(peers, rule),
            limits: limits.map((each) => named(peers, each)),
          },
        ]
      : [];
  });
  return { grants: grants.slice(0, planRowsMax), truncated: grants.length > planRowsMax };
}

/** Rules of one side alone: no other can make a difference. */
function difference(before: readonly Rule[], after: readonly Rule[]): readonly Rule[] {
  const [ofBefore, ofAfter] = [before, after].map((rules) => new Set(rules.map(sameness)));
  return [
    ...before.filter((rule) => ofAfter?.has(sameness(rule)) !== true),
    ...after.filter((rule) => ofBefore?.has(sameness(rule)) !== true),
  ];
}

/** Whoever is linked, whoever a rule names without a link or whom we trust, and anybody. */
function concerned(
  { peers, judged }: PlanningNeeds,
  rules: readonly Rule[],
): readonly PeerStanding[] {
  const linked = peers.all();
  const unlinked = new Set([
    ...rules.flatMap((rule) => ('cluster' in rule.peers ? [rule.peers.cluster] : [])),
    ...(judged?.() ?? []),
  ]);
  linked.forEach(({ cluster }) => unlinked.delete(cluster));
  return [...linked, ...Array.from(unlinked, (cluster) => peers.standing(cluster)), anybody];
}

type Change = PlanRow['change'];

function rowsOf(
  peer: PeerStanding,
  resources: readonly Asked[],
  rulings: { readonly before: readonly Ruling[]; readonly after: readonly Ruling[] },
): readonly PlanRow[] {
  return resources.flatMap((resource) => {
    const of = new Map<Change, Verb[]>();
    verbs.forEach((verb, at) => {
      const [before, after] = [rulings.before[at], rulings.after[at]];
      if (before !== undefined && after !== undefined) {
        const change = changeOf(judge(before, resource), judge(after, resource));
        if (change !== undefined) {
          of.set(change, [...(of.get(change) ?? []), verb]);
        }
      }
    });
    return Array.from(of, ([change, some]) => rowOf(peer, resource.id, { change, verbs: some }));
  });
}

function changeOf(before: Verdict, after: Verdict): Change | undefined {
  if (before.allowed !== after.allowed) {
    return after.allowed ? 'gains' : 'loses';
  }
  const [held, holds] = [before, after].map(({ limits }) => limits.map(sameness));
  if (held === undefined || holds === undefined || !after.allowed) {
    return undefined;
  }
  if (holds.some((limit) => !held.includes(limit))) {
    return 'limited';
  }
  return held.length > holds.length ? 'unlimited' : undefined;
}

function rowOf(
  peer: PeerStanding,
  resource: ResourceId,
  row: Pick<PlanRow, 'change' | 'verbs'>,
): PlanRow {
  return { ...row, peer: peer.cluster, peerName: nameOf(peer), resource };
}

function nameOf(peer: PeerStanding): string {
  return peer.name ?? (peer === anybody ? publicPlanName : peer.cluster.slice(0, 8));
}

function shortened(rows: readonly PlanRow[]): Plan {
  return { rows: rows.slice(0, planRowsMax), truncated: rows.length > planRowsMax };
}
