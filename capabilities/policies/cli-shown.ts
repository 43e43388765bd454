// How rules, plans and decisions look to a person.
import { momentText, type CommandView } from '@hansa/foundation';
import {
  planRowsMax,
  type Decision,
  type Plan,
  type ResourceSelector,
  type ShownRule,
} from './contract.ts';

export function rulesTable(rules: readonly ShownRule[]): CommandView {
  return {
    kind: 'table',
    columns: ['RULE', 'EFFECT', 'VERBS', 'RESOURCES', 'TO', 'EXPIRES'],
    rows: rules.map((rule) => [
      rule.id,
      rule.effect,
      rule.verbs.join(', '),
      selectorText(rule.resources),
      peerText(rule),
      rule.expiresMs === undefined ? 'never' : momentText(rule.expiresMs),
    ]),
    empty: 'Nothing is shared: no rules yet.',
  };
}

export function planTable({ rows, truncated }: Plan): CommandView {
  const drawn: CommandView = {
    kind: 'table',
    columns: ['CHANGE', 'PEER', 'RESOURCE', 'VERBS'],
    rows: rows.map(({ change, peerName, resource, verbs }) => [
      change,
      peerName,
      resource,
      verbs.join(', '),
    ]),
    empty: 'Nobody gains or loses anything now.',
  };
  return truncated ? stack(drawn, text(`Only the first ${planRowsMax} changes are shown.`)) : drawn;
}

export function decisionRecord(decision: Decision, peer: string): CommandView {
  const { allowed, verb, resource, rule, reason } = decision;
  return {
    kind: 'record',
    fields: [
      ['decision', `${allowed ? 'allowed' : 'refused'}: ${peer} ${verb} ${resource}`],
      ['reason', reason],
      ['rule', rule === undefined ? 'none' : `${rule.id}: ${ruleText(rule)}`],
    ],
  };
}

/** `allow see, pull on git/hansa to bergen` */
export function ruleText(rule: ShownRule): string {
  const { effect, verbs, resources } = rule;
  return `${effect} ${verbs.join(', ')} on ${selectorText(resources)} to ${peerText(rule)}`;
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

function selectorText({ kind, name, type, labels }: ResourceSelector): string {
  const label = Object.entries(labels ?? {}).map(([key, value]) => `label ${key}=${value}`);
  return [
    `${kind === undefined ? '' : `${kind}/`}${name ?? '**'}`,
    ...(type === undefined ? [] : [`type ${type}`]),
    ...label,
  ].join(', ');
}

export function text(words: string): CommandView {
  return { kind: 'text', text: words };
}

export function stack(...views: readonly CommandView[]): CommandView {
  return { kind: 'stack', views };
}
