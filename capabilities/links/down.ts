// Why there is no connection with a peer, and since when: in one sentence, for lists and statuses.
import { momentText, type ErrorReport } from '@hansa/foundation';
import type { LinkStatus } from './contract.ts';
import type { LinkRecord } from './keys.ts';

const whyLengthMax = 300; // one line on a screen; the whole error is beside it as `lastError`
const unconnected: readonly LinkStatus[] = ['disconnected', 'connecting', 'handshaking'];

export interface Down {
  readonly lastError: ErrorReport | undefined;
  /** By the wall clock; undefined where it was never up. */
  readonly sinceMs: number | undefined;
}

/** Undefined where the status has other reasons. */
export function reasonOfDown(
  { mine, name }: Pick<LinkRecord, 'mine' | 'name'>,
  status: LinkStatus,
  { lastError, sinceMs }: Down,
): string | undefined {
  if (!unconnected.includes(status)) {
    return undefined;
  }
  const since = sinceMs === undefined ? '' : ` since ${momentText(sinceMs)}`;
  const next = mine ? 'dialling again by and by' : `${name} has to dial us, who hold no half-link`;
  const why = lastError === undefined ? next : whyOf(name, lastError);
  return `no connection${since}: ${why}`;
}

/** Partly the peer's words: they stay one line, and ids in them are shortened as elsewhere. */
function whyOf(name: string, { code, message, reportedBy, facts }: ErrorReport): string {
  const by = reportedBy === undefined ? '' : `${name} says: `;
  const addresses = facts?.['addresses'];
  const at = typeof addresses === 'string' && addresses !== '' ? `, at ${addresses}` : '';
  const said = `${by}${message}${at}`
    .replaceAll(/\b([0-9a-f]{8})[0-9a-f]{56}\b/g, '$1…')
    .replaceAll(/\p{C}/gu, '?')
    .slice(0, whyLengthMax);
  return `${said} [${code}]`;
}
