// The decision itself: a pure function of rules, the peer's standing and the resource. Deny beats
// limit beats allow, all matching limits apply, and no rule is a no.
import {
  laneTarget,
  localId,
  momentText,
  splitFederatedId,
  type ClusterId,
} from '@hansa/foundation';
import type { PeerStanding } from '../links/contract.ts';
import type {
  Decision,
  PresentedTokens,
  ResourceId,
  ResourceSelector,
  Rule,
  Verb,
} from './contract.ts';

/** A resource as rules look at it. */
export interface Asked {
  readonly id: ResourceId;
  readonly kind: string;
  readonly name: string;
  /** Unknown of some that we mirror. */
  readonly type?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Absent: ours. */
  readonly owner?: ClusterId | undefined;
}

/** Who asks, and for what verb. */
export interface Asking {
  readonly peer: PeerStanding;
  readonly verb: Verb;
  readonly nowMs: number;
  readonly tokens?: PresentedTokens | undefined;
}

export interface Question extends Asking {
  readonly resource: Asked;
}

/** The rules that concern one peer and one verb at one moment, for any number of resources. */
export interface Ruling extends Asking {
  /** Of rules that name one resource, by that name: ten thousand of them are not walked. */
  readonly byName: ReadonlyMap<string, readonly Placed[]>;
  readonly wide: readonly Placed[];
  readonly rules: readonly Rule[];
}

interface Placed {
  readonly rule: Rule;
  /** Its place among all rules: of several that decide alike, the first is named. */
  readonly at: number;
}

/** The rules that decide, without a sentence: for sets of resources. */
export interface Verdict {
  readonly allowed: boolean;
  /** Undefined where no rule matched. */
  readonly rule?: Rule | undefined;
  /** Where allowed: what holds all the same. */
  readonly limits: readonly Rule[];
  readonly token?: string | undefined;
}

export function decide(rules: readonly Rule[], question: Question): Decision {
  return explain(rulesFor(rules, question), question.resource);
}

export function rulesFor(rules: readonly Rule[], asking: Asking): Ruling {
  const byName = new Map<string, Placed[]>();
  const wide: Placed[] = [];
  rules.forEach((rule, at) => {
    if (!concerns(rule, asking)) {
      return;
    }
    const { name } = rule.resources;
    if (name === undefined || name.includes('*')) {
      wide.push({ rule, at });
      return;
    }
    const held = byName.get(name);
    if (held === undefined) {
      byName.set(name, [{ rule, at }]);
    } else {
      held.push({ rule, at });
    }
  });
  const { peer, verb, nowMs, tokens } = asking;
  return { peer, verb, nowMs, tokens, byName, wide, rules };
}

const noLimits: readonly Rule[] = [];
const refused: Verdict = { allowed: false, limits: noLimits };

export function judge(ruling: Ruling, resource: Asked): Verdict {
  if (ruling.peer.trust === 'blocked') {
    return refused;
  }
  if (isLane(resource)) {
    return servesLane(ruling, resource) ? { allowed: true, limits: noLimits } : refused;
  }
  const token = coveringToken(ruling, resource);
  const matching = candidates(ruling, resource).filter(
    (rule) =>
      selects(rule.resources, resource, rule.effect !== 'allow') &&
      !('token' in rule.peers && token === undefined),
  );
  const of = (effect: Rule['effect']): Rule[] => matching.filter((rule) => rule.effect === effect);
  const [denying] = of('deny');
  const [allowing] = of('allow');
  if (denying !== undefined || allowing === undefined) {
    return denying === undefined ? refused : { ...refused, rule: denying };
  }
  const limits = of('limit');
  const crossed = limits.find((rule) => crossedBy(rule, ruling) !== undefined);
  if (crossed !== undefined) {
    return { ...refused, rule: crossed };
  }
  return { allowed: true, rule: allowing, limits, ...('token' in allowing.peers ? { token } : {}) };
}

function isLane({ kind, name }: Asked): boolean {
  return laneTarget(localId(kind, name)) !== undefined;
}

/** Ours is for the owner of what it is for, by its name and by no rule, and for nobody else. */
function servesLane({ peer, verb }: Ruling, { kind, name, owner }: Asked): boolean {
  const target = laneTarget(localId(kind, name));
  return (
    owner === undefined &&
    verb === 'pull' &&
    peer.active &&
    target !== undefined &&
    splitFederatedId(target).owner === peer.cluster
  );
}

function candidates({ byName, wide }: Ruling, { name }: Asked): readonly Rule[] {
  const named = byName.get(name) ?? [];
  const placed = named.length === 0 ? wide : [...named, ...wide].toSorted((a, b) => a.at - b.at);
  return placed.map(({ rule }) => rule);
}

/** Asked once for a resource, and only where a rule speaks of tokens. */
function coveringToken(ruling: Ruling, resource: Asked): string | undefined {
  const { peer, verb, tokens } = ruling;
  const { kind, name } = resource;
  const speaks = candidates(ruling, resource).some((rule) => 'token' in rule.peers);
  // What a token names is ours: nobody's token opens what others have entrusted to us.
  return speaks && resource.owner === undefined
    ? tokens?.covers(peer.cluster, { verb, kind, name })?.tokenId
    : undefined;
}

/** Why a limit that matches is crossed; undefined while it is kept. Budgets are counted later. */
function crossedBy({ limits }: Rule, { peer, nowMs }: Ruling): string | undefined {
  const { residency = {}, endsMs } = limits ?? {};
  const labels = peer.labels ?? {};
  const missing = Object.entries(residency).find(
    ([label, values]) => !Object.hasOwn(labels, label) || !values.includes(labels[label] ?? ''),
  );
  if (missing !== undefined) {
    const [label, values] = missing;
    return `to peers with the label ${label} in ${values.join(', ')}`;
  }
  return endsMs !== undefined && endsMs <= nowMs
    ? `to the time before ${momentText(endsMs)}`
    : undefined;
}

/** The verdict, and a sentence that tells why. */
export function explain(ruling: Ruling, resource: Asked): Decision {
  const { peer, verb } = ruling;
  const base = { verb, resource: resource.id, peer: peer.cluster };
  const { allowed, rule, limits, token } = judge(ruling, resource);
  if (rule === undefined) {
    return isLane(resource)
      ? { ...base, allowed, reason: 'a lane is for the cluster that it writes to' }
      : { ...base, allowed, ...nearest(ruling, resource) };
  }
  const words = rule.verbs.join(', ');
  if (!allowed) {
    const reason =
      rule.effect === 'deny'
        ? `rule ${rule.id} denies ${words}`
        : `rule ${rule.id} limits ${words} ${crossedBy(rule, ruling) ?? ''}`;
    return { ...base, allowed, rule, reason };
  }
  const held = limits.map(({ id }) => id).join(', ');
  return {
    ...base,
    allowed,
    rule,
    ...(limits.length === 0 ? {} : { limits }),
    ...(token === undefined ? {} : { token }),
    reason: `rule ${rule.id} allows ${words}${held === '' ? '' : `, limited by ${held}`}`,
  };
}

/** Why nothing matched, as helpfully as the rules allow: a rule for other verbs is worth naming. */
function nearest(
  { peer, verb, nowMs, rules }: Ruling,
  resource: Asked,
): { readonly reason: string; readonly rule?: Rule } {
  if (peer.trust === 'blocked') {
    return { reason: 'the cluster is blocked here' };
  }
  for (const rule of rules) {
    const otherVerb = rule.verbs[0];
    if (otherVerb !== undefined && rule.effect === 'allow' && !('token' in rule.peers)) {
      if (concerns(rule, { peer, verb: otherVerb, nowMs }) && selects(rule.resources, resource)) {
        const reason = `rule ${rule.id} allows ${rule.verbs.join(', ')} and not ${verb}`;
        return { reason, rule };
      }
    }
  }
  return { reason: closedDoor(peer) ?? 'no rule allows it' };
}

/** The peer's standing where that alone keeps the rules for it from counting. */
function closedDoor(peer: PeerStanding): string | undefined {
  if (peer.name !== undefined && !peer.active) {
    return 'the link is not confirmed here, or closed: only public things are served';
  }
  return peer.mine && !peer.theirs
    ? 'we link to this cluster and it does not link back: only public things are served'
    : undefined;
}

/** Whether a rule is about this peer and verb now, whatever the resource. */
function concerns(rule: Rule, { peer, verb, nowMs }: Asking): boolean {
  return (
    rule.verbs.includes(verb) &&
    (rule.expiresMs === undefined || rule.expiresMs > nowMs) &&
    isMeant(rule.peers, peer) &&
    // A denial or a limit counts whatever the standing; an allowance needs a door that is open.
    (rule.effect !== 'allow' || 'public' in rule.peers || closedDoor(peer) === undefined)
  );
}

/** Whether a selector means the peer; for `token`, it may: that depends on the resource. */
export function isMeant(peers: Rule['peers'], peer: PeerStanding): boolean {
  if ('cluster' in peers) {
    return peers.cluster === peer.cluster;
  }
  if ('labels' in peers) {
    return carries(peer.labels ?? {}, peers.labels);
  }
  return 'trusted' in peers ? peer.trust === 'trusted' : true;
}

function carries(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(
    ([label, value]) => Object.hasOwn(labels, label) && labels[label] === value,
  );
}

// Who may do what here, and who did: nobody who shares "everything" thinks of these.
const kindsByNameAlone: ReadonlySet<string> = new Set(['audit', 'directory']);

/**
 * `inDoubt` is the answer where type or labels are not known: of something that we mirror, a denial
 * must not miss what it cannot see, and an allowance must not guess. Some kinds an allowance has to
 * name.
 */
export function selects(
  selector: ResourceSelector,
  resource: Omit<Asked, 'id'>,
  inDoubt = false,
): boolean {
  const { kind, type, name, labels = {}, owner } = selector;
  return (
    owner === resource.owner &&
    isOfKind(kind, resource.kind, inDoubt) &&
    (name === undefined || globMatches(name, resource.name)) &&
    (type === undefined || (resource.type === undefined ? inDoubt : resource.type === type)) &&
    isLabelled(resource, labels, inDoubt)
  );
}

function isOfKind(wanted: string | undefined, kind: string, inDoubt: boolean): boolean {
  return wanted === undefined ? inDoubt || !kindsByNameAlone.has(kind) : wanted === kind;
}

function isLabelled(
  { labels }: Pick<Asked, 'labels'>,
  wanted: Readonly<Record<string, string>>,
  inDoubt: boolean,
): boolean {
  const some = Object.keys(wanted).length > 0;
  return !some || (labels === undefined ? inDoubt : carries(labels, wanted));
}

/**
 * `*` within a segment, `**` across. Walked by two indexes with one way back, so that no pattern
 * takes more than pattern length × name length steps.
 */
export function globMatches(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let back: { p: number; n: number; across: boolean } | undefined;
  let backAcross: typeof back;
  while (n < name.length) {
    const across = pattern.startsWith('**', p);
    if (across || pattern.charAt(p) === '*') {
      back = { p: p + (across ? 2 : 1), n, across };
      backAcross = across ? back : backAcross;
      p = back.p;
    } else if (p < pattern.length && pattern.charAt(p) === name.charAt(n)) {
      p += 1;
      n += 1;
    } else {
      back = retry(back, backAcross, name);
      if (back === undefined) {
        return false;
      }
      back.n += 1;
      p = back.p;
      n = back.n;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}

type Retry = { p: number; n: number; across: boolean } | undefined;

/** A single star gives up at a slash; then only the last double star can take more. */
function retry(back: Retry, backAcross: Retry, name: string): Retry {
  if (back === undefined || back.across || name.charAt(back.n) !== '/') {
    return back;
  }
  return backAcross;
}
