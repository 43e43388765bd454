// How rules, plans and decisions look to a person.
import { bytesText, durationText, momentText, type CommandView } from '@hansa/foundation';
import type {
  BudgetUse,
  Explanation,
  Grant,
  Limits,
  ResourceSelector,
  RulesDiff,
  ShownRule,
} from './contract.ts';

export function rulesTable(rules: readonly ShownRule[]): CommandView {
  return {
    kind: 'table',
    columns: ['RULE', 'EFFECT', 'VERBS', 'RESOURCES', 'TO', 'LIMITS', 'EXPIRES'],
    rows: rules.map((rule) => [
      rule.id,
      rule.effect,
      rule.verbs.join(', '),
      selectorText(rule.resources),
      peerText(rule),
      limitsText(rule.limits),
      expiryText(rule),
    ]),
    empty: 'Nothing is shared: no rules yet.',
  };
}

/** An expired rule stays in the list until somebody removes it: it is of no effect. */
function expiryText({ expiresMs, expired }: ShownRule): string {
  const moment = expiresMs === undefined ? 'never' : momentText(expiresMs);
  return expired === true ? `expired ${moment}` : moment;
}

export function decisionRecord(explained: Explanation, peer: string): CommandView {
  const { allowed, verb, resource, rule, reason, limits = [], token, budgets } = explained;
  return {
    kind: 'record',
    fields: [
      ['decision', `${allowed ? 'allowed' : 'refused'}: ${peer} ${verb} ${resource}`],
      ['reason', reason],
      ['rule', rule === undefined ? 'none' : `${rule.id}: ${ruleText(rule)}`],
      ...limits.map((each): Field => ['limit', `${each.id}: ${ruleText(each)}`]),
      ...(token === undefined ? [] : [['token', token] satisfies Field]),
      ...budgets.map((use): Field => ['budget', budgetUseText(use)]),
    ],
  };
}

type Field = readonly [label: string, value: string];

function budgetUseText({ rule, bytes, usedBytes, untilMs }: BudgetUse): string {
  const until = untilMs === undefined ? '' : `, anew at ${momentText(untilMs)}`;
  return `${rule}: ${bytesText(usedBytes)} of ${bytesText(bytes)} used${until}`;
}

export function grantsTable(grants: readonly Grant[]): CommandView {
  return {
    kind: 'table',
    columns: ['PEER', 'RULE', 'LIMITS'],
    rows: grants.map(({ peerName, rule, limits }) => [
      peerName,
      rule === undefined ? '' : `${rule.id}: ${ruleText(rule)}`,
      limits.map(({ id, limits: held }) => `${id}: ${limitsText(held)}`).join('; '),
    ]),
    empty: 'No cluster may.',
  };
}

export function diffLines({ added, removed, kept }: RulesDiff): readonly string[] {
  const line = (sign: string, rule: ShownRule): string => `${sign} ${ruleText(rule)}`;
  return [
    ...removed.map((rule) => line('-', rule)),
    ...added.map((rule) => line('+', rule)),
    `${kept} rule(s) stay as they are.`,
  ];
}

/** `allow see, pull on git/hansa to bergen` */
export function ruleText(rule: ShownRule): string {
  const { effect, verbs, resources, limits } = rule;
  const held = limits === undefined ? '' : `: ${limitsText(limits)}`;
  return `${effect} ${verbs.join(', ')} on ${selectorText(resources)} to ${peerText(rule)}${held}`;
}

function limitsText(limits: Limits | undefined): string {
  const { residency = {}, budget, endsMs } = limits ?? {};
  return [
    ...Object.entries(residency).map(([label, values]) => `${label} in ${values.join(', ')}`),
    ...(budget === undefined
      ? []
      : [`${bytesText(budget.bytes)} in ${durationText(budget.windowMs)}`]),
    ...(endsMs === undefined ? [] : [`until ${momentText(endsMs)}`]),
  ].join('; ');
}

function peerText({ peers, peerName }: ShownRule): string {
  if ('cluster' in peers) {
    return peerName ?? `${peers.cluster.slice(0, 8)}…`;
  }
  if ('labels' in peers) {
    return `peers with ${labelsText(peers.labels)}`;
  }
  if ('token' in peers) {
    return 'whoever presents a token';
  }
  return 'trusted' in peers ? 'trusted' : 'public';
}

function selectorText({ kind, name, type, labels, owner }: ResourceSelector): string {
  const of = owner === undefined ? '' : `${owner.slice(0, 8)}…:`;
  return [
    `${of}${kind === undefined ? '' : `${kind}/`}${name ?? '**'}`,
    ...(type === undefined ? [] : [`type ${type}`]),
    ...Object.entries(labels ?? {}).map(([key, value]) => `label ${key}=${value}`),
  ].join(', ');
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

export function stack(...views: readonly CommandView[]): CommandView {
  return { kind: 'stack', views };
}
