// How mirrors look to a person.
import {
  bytesText,
  momentText,
  nameWithKind,
  problemText,
  type CommandView,
} from '@hansa/foundation';
import type { Mirror } from './contract.ts';

const nothingYet = '-';

/** As every command takes it. */
export function mirrorName(mirror: Pick<Mirror, 'ownerName' | 'kind' | 'name'>): string {
  return `${mirror.ownerName}:${nameWithKind(mirror)}`;
}

export function mirrorsTable(mirrors: readonly Mirror[]): CommandView {
  return {
    kind: 'table',
    columns: ['MIRROR', 'KIND', 'STATE', 'APPLIED', 'ADDED'],
    rows: mirrors
      .filter(isNoLane)
      .map((mirror) => [
        mirrorName(mirror),
        mirror.kind,
        mirror.state,
        appliedText(mirror),
        momentText(mirror.addedMs),
      ]),
    empty: 'No mirrors yet.',
  };
}

/** What others write for us is shown as lanes. */
function isNoLane({ name }: Pick<Mirror, 'name'>): boolean {
  return !name.startsWith('@');
}

/** How far every mirror is, and below it in full what keeps some of them back. */
export function progressView(mirrors: readonly Mirror[]): CommandView {
  const progress: CommandView = {
    kind: 'table',
    columns: ['MIRROR', 'STATE', 'APPLIED', 'HEAD', 'FETCHED', 'LAST-APPLIED', 'ERROR'],
    rows: mirrors
      .filter(isNoLane)
      .map((mirror) => [
        mirrorName(mirror),
        mirror.state,
        appliedText(mirror),
        mirror.headSequence === undefined ? nothingYet : String(mirror.headSequence),
        bytesText(mirror.fetchedBytes),
        mirror.applied === undefined ? 'never' : momentText(mirror.applied.appliedMs),
        mirror.lastError?.code ?? '',
      ]),
    empty: 'No mirrors yet.',
  };
  return { kind: 'stack', views: [progress, ...mirrors.flatMap(errorViews)] };
}

export function mirrorRecord(mirror: Mirror): CommandView {
  const { applied, headSequence, headAsOfMs } = mirror;
  const record: CommandView = {
    kind: 'record',
    fields: [
      ['mirror', mirrorName(mirror)],
      ['resource', mirror.resource],
      ['kind', mirror.kind],
      ['state', mirror.state],
      ['applied', appliedText(mirror)],
      ['applied at', applied === undefined ? 'never' : momentText(applied.appliedMs)],
      ['digest', applied?.digest ?? nothingYet],
      ['newest head', headSequence === undefined ? nothingYet : String(headSequence)],
      ['head as of', headAsOfMs === undefined ? nothingYet : momentText(headAsOfMs)],
      ['fetched', `${mirror.fetchedBlobs} blob(s), ${bytesText(mirror.fetchedBytes)}`],
      ['added', momentText(mirror.addedMs)],
      ...freezeFields(mirror),
    ],
  };
  return { kind: 'stack', views: [record, ...errorViews(mirror), ...forkViews(mirror)] };
}

/** What becomes of a copy that its owner has withdrawn. */
function freezeFields({ frozen }: Mirror): readonly (readonly [string, string])[] {
  if (frozen === undefined) {
    return [];
  }
  const { sinceMs, purgeAtMs, retained } = frozen;
  return [
    ['frozen since', momentText(sinceMs)],
    ['purged at', purgeAtMs === undefined ? 'never: it is retained' : momentText(purgeAtMs)],
    ...(retained === undefined ? [] : ([['retained', retained]] as const)),
  ];
}

/** Both heads as they were signed: what a person shows the owner. */
function forkViews({ fork }: Mirror): readonly CommandView[] {
  if (fork === undefined) {
    return [];
  }
  const { held, other, seenMs } = fork;
  return [
    { kind: 'text', text: `The owner signed two histories, seen ${momentText(seenMs)}:` },
    {
      kind: 'table',
      columns: ['HEAD', 'POSITION', 'SIGNED', 'KEY', 'DIGEST', 'CHAIN', 'SIGNATURE'],
      rows: [['ours', held] as const, ['other', other] as const].map(
        ([whose, { epoch, sequence, signedMs, keyIndex, digest, chain, signature }]) => [
          whose,
          `${epoch}/${sequence}`,
          momentText(signedMs),
          String(keyIndex),
          digest,
          chain,
          signature,
        ],
      ),
      empty: '',
    },
  ];
}

/** One line while a round lasts. */
export function progressLine(mirror: Mirror): string {
  const { state, fetchedBlobs, fetchedBytes } = mirror;
  const fetched = fetchedBytes === 0 ? '' : `, ${fetchedBlobs} blob(s), ${bytesText(fetchedBytes)}`;
  return `${mirrorName(mirror)} ${state}${fetched}`;
}

/** Epoch and sequence; where two copies have the same, their digests tell whether they agree. */
function appliedText({ applied }: Mirror): string {
  return applied === undefined ? 'nothing yet' : `${applied.epoch}/${applied.sequence}`;
}

/** What may bring the mirrors that are not current further, each command once. */
export function remedies(mirrors: readonly Mirror[]): readonly string[] {
  return [...new Set(mirrors.flatMap(remedy))];
}

function remedy(mirror: Mirror): readonly string[] {
  switch (mirror.state) {
    case 'current':
      return [];
    case 'waiting':
      return mirror.lastError?.code.startsWith('KIND_') === true
        ? ['hansa kind list']
        : ['hansa link list'];
    case 'absent':
      return [`hansa catalog list --peer ${mirror.ownerName}`];
    case 'pulling':
      return [`hansa sync now ${mirrorName(mirror)}`];
    case 'frozen':
    case 'refused':
    case 'halted':
      return [`hansa mirror show ${mirrorName(mirror)}`];
  }
}

function errorViews(mirror: Mirror): readonly CommandView[] {
  return mirror.lastError === undefined
    ? []
    : [{ kind: 'text', text: `${mirrorName(mirror)}: ${problemText(mirror.lastError)}` }];
}
