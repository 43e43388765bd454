// How links, tokens and the doctor's checks look to a person.
import {
  agoText,
  durationText,
  momentText,
  problemText,
  type CommandView,
} from '@hansa/foundation';
import type { BytesMoved, DoctorCheck, Link, TokenReport } from './contract.ts';

const nothingKnown = '-';

export function linksTable(links: readonly Link[]): CommandView {
  return {
    kind: 'table',
    columns: ['NAME', 'STATUS', 'MINE', 'THEIRS', 'SILENT', 'MISSING', 'REASON'],
    rows: links.map((link) => [
      link.name,
      link.status,
      yesNo(link.mine),
      yesNo(link.theirs),
      link.silentMs === undefined ? nothingKnown : durationText(link.silentMs),
      link.missing === undefined ? nothingKnown : String(link.missing),
      link.reason ?? '',
    ]),
    empty: 'No links yet.',
  };
}

export function linkRecord(link: Link): CommandView {
  const fields: (readonly [string, string])[] = [
    ['name', link.name],
    ['cluster', link.peer],
    ['status', link.reason === undefined ? link.status : `${link.status}: ${link.reason}`],
    ['our half', link.mine ? 'yes: we may pull from it' : 'no: we only serve it'],
    ['their half', link.theirs ? 'yes: it may pull from us' : 'no: it only serves us'],
    ['check words', link.checkWords],
    ['confirmed', confirmationText(link)],
    ['labels', labelsText(link.labels)],
    ['link epoch', String(link.epoch)],
    ['made', momentText(link.createdMs)],
    ['last beat', link.silentMs === undefined ? 'none yet' : agoText(link.silentMs)],
    ['missing', link.missing === undefined ? nothingKnown : `${link.missing} resource(s)`],
    ...link.endpoints.map((endpoint): readonly [string, string] => [
      'endpoint',
      `${endpoint.node} ${endpoint.addresses.join(' ')}`.trim(),
    ]),
    ...roadFields('state', link.state),
    ...roadFields('bulk', link.bulk),
    ...servedFields(link),
  ];
  const plain: CommandView = { kind: 'record', fields };
  const record = link.keyFork === undefined ? plain : stack(plain, ...forkViews(link));
  return link.lastError === undefined
    ? record
    : stack(record, text(`last error: ${problemText(link.lastError)}`));
}

function roadFields(traffic: string, road: Link['bulk']): readonly (readonly [string, string])[] {
  if (road === undefined) {
    return [];
  }
  const { carries, sinceMs, reason = 'no reason is known', tls, iroh } = road;
  const carried =
    carries === 'tls' && sinceMs !== undefined
      ? `over tls since ${momentText(sinceMs)}`
      : `over iroh: ${reason}`;
  return [
    [traffic, carried],
    [`${traffic} over tls`, movedText(tls)],
    [`${traffic} over iroh`, movedText(iroh)],
  ];
}

/** Also what nobody here knows: it says how new the other side is. */
function servedFields({ serves }: Link): readonly (readonly [string, string])[] {
  if (serves === undefined) {
    return [];
  }
  const all = Object.entries(serves).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const texts = all.map(([name, { min, max }]) =>
    min === max ? `${name} ${max}` : `${name} ${min}-${max}`,
  );
  return [['serves', texts.join(', ')]];
}

function movedText({ sentBytes, receivedBytes }: BytesMoved): string {
  return `${receivedBytes} bytes in, ${sentBytes} bytes out`;
}

/** Both records, so that the peer's people can say which one is theirs. */
function forkViews({ keyFork, name }: Link): readonly CommandView[] {
  if (keyFork === undefined) {
    return [];
  }
  const row = (seen: string, claim: typeof keyFork.held): readonly string[] => [
    seen,
    String(claim.keyIndex),
    momentText(claim.createdMs),
    claim.key,
    claim.nextKeyHash,
  ];
  const rows = [row('first', keyFork.held), row('later', keyFork.other)];
  const columns = ['SEEN', 'KEY', 'MADE', 'PUBLIC KEY', 'PROMISES'];
  return [
    text(`${name} was shown with two records for one step of its keys:`),
    { kind: 'table', columns, rows, empty: '' },
    text(`Ask its people which one is theirs; then: hansa identity forget ${name}`),
  ];
}

function labelsText(labels: Link['labels']): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return all.length === 0 ? 'none' : all.join(' ');
}

export function confirmationText({ confirmedHere, confirmedThere, name }: Link): string {
  if (confirmedHere && confirmedThere) {
    return 'on both sides';
  }
  if (confirmedHere) {
    return `here; waiting for ${name}`;
  }
  return confirmedThere ? `by ${name}; not yet here` : 'on neither side yet';
}

/** The words stand alone: they are read aloud. */
export function wordsBlock({ name, checkWords }: Link): CommandView {
  return text(`Check words with ${name}:\n\n    ${checkWords}`);
}

export function checksTable(checks: readonly DoctorCheck[]): CommandView {
  return {
    kind: 'table',
    columns: ['CHECK', 'RESULT', 'FINDING'],
    rows: checks.map(({ check, passed, finding }) => [check, passed ? 'ok' : 'failed', finding]),
    empty: 'Nothing was checked.',
  };
}

export function tokenRecord(report: TokenReport): CommandView {
  const record: CommandView = {
    kind: 'record',
    fields: [
      ['made by', `${report.name} (${report.cluster})`],
      ['usable', report.usable ? 'yes, as far as this cluster can tell' : 'no'],
      ['expires', momentText(report.expiresMs)],
      ['serve-only', report.serveOnly ? 'yes: its maker serves and does not pull' : 'no'],
      ...(report.usedBy === undefined ? [] : [['used by', report.usedBy] as const]),
      ...(report.usedMs === undefined ? [] : [['used', momentText(report.usedMs)] as const]),
      ...report.endpoints.map((endpoint): readonly [string, string] => [
        'endpoint',
        `${endpoint.node} ${endpoint.addresses.join(' ')}`.trim(),
      ]),
    ],
  };
  return report.problem === undefined ? record : stack(record, text(problemText(report.problem)));
}

export function text(words: string): CommandView {
  return { kind: 'text', text: words };
}

export function stack(...views: readonly CommandView[]): CommandView {
  return { kind: 'stack', views };
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
