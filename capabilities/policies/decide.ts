// The decision itself: a pure function of rules, the peer's standing and the resource. Deny beats
// allow, and no rule is a no.

import type { PeerStanding } from '../links/contract.ts';
import type { Resource } from '../resources/contract.ts';
import type { Decision, ResourceSelector, Rule, Verb } from './contract.ts';

export interface Question {
  readonly peer: PeerStanding;
  readonly verb: Verb;
  readonly resource: Pick<Resource, 'id' | 'kind' | 'name' | 'type' | 'labels'>;
  readonly nowMs: number;
}

export function decide(rules: Iterable<Rule>, question: Question): Decision {
  const { peer, verb, resource } = question;
  const base = { verb, resource: resource.id, peer: peer.cluster };
  const matching = [...rules].filter((rule) => matches(rule, question));
  const denying = matching.find((rule) => rule.effect === 'deny');
  if (denying !== undefined) {
    const reason = `rule ${denying.id} denies ${denying.verbs.join(', ')}`;
    return { ...base, allowed: false, rule: denying, reason };
  }
  const [allowing] = matching;
  if (allowing === undefined) {
    return { ...base, allowed: false, ...nearest(rules, question) };
  }
  return {
    ...base,
    allowed: true,
    rule: allowing,
    reason: `rule ${allowing.id} allows ${allowing.verbs.join(', ')}`,
  };
}

/** Why nothing matched, as helpfully as the rules allow: a rule for other verbs is worth naming. */
function nearest(
  rules: Iterable<Rule>,
  question: Question,
): { readonly reason: string; readonly rule?: Rule } {
  for (const rule of rules) {
    const otherVerb = rule.verbs[0];
    if (otherVerb !== undefined && rule.effect === 'allow') {
      if (matches(rule, { ...question, verb: otherVerb })) {
        const reason = `rule ${rule.id} allows ${rule.verbs.join(', ')} and not ${question.verb}`;
        return { reason, rule };
      }
    }
  }
  return { reason: closedDoor(question.peer) ?? 'no rule allows it' };
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

function matches(rule: Rule, { peer, verb, resource, nowMs }: Question): boolean {
  return (
    rule.verbs.includes(verb) &&
    (rule.expiresMs === undefined || rule.expiresMs > nowMs) &&
    matchesPeer(rule, peer) &&
    selects(rule.resources, resource)
  );
}

// A denial of a cluster counts whatever its standing; an allowance needs a door that is open.
function matchesPeer(rule: Rule, peer: PeerStanding): boolean {
  if ('public' in rule.peers) {
    return true;
  }
  const named = rule.peers.cluster === peer.cluster;
  return named && (rule.effect === 'deny' || closedDoor(peer) === undefined);
}

export function selects(
  selector: ResourceSelector,
  resource: Pick<Resource, 'kind' | 'name' | 'type' | 'labels'>,
): boolean {
  const labels = Object.entries(selector.labels ?? {});
  return (
    (selector.kind === undefined || selector.kind === resource.kind) &&
    (selector.type === undefined || selector.type === resource.type) &&
    (selector.name === undefined || globMatches(selector.name, resource.name)) &&
    labels.every(([label, value]) => resource.labels[label] === value)
  );
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
