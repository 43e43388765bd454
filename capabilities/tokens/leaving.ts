// Tokens of accounts that are gone: revoked, so that they are on the list that other clusters are
// told, whatever those know of who lives here.
import {
  changedKeys,
  isHansaError,
  splitPrincipal,
  type Clock,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { Revocation } from './contract.ts';
import { requireKnown } from './judge.ts';
import type { IssuedRecord } from './keys.ts';
import type { Ledger } from './revoking.ts';
import { speakerOf } from './speaking.ts';

export interface LeavingNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly directories?: (() => Directories | undefined) | undefined;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly revoked: WatchedTable<Revocation>;
  readonly ledger: Pick<Ledger, 'revoke'>;
}

/** From the start on, and whenever a directory changes, until the signal aborts. */
export async function revokeOfGone(needs: LeavingNeeds, signal: AbortSignal): Promise<void> {
  const directories = needs.directories?.();
  if (directories === undefined) {
    return; // nobody is known here: nobody can have left
  }
  const changes = changedKeys<'changed'>((tell) => {
    tell('changed'); // somebody may have left just before the last end of this process
    return directories.subscribe(() => tell('changed'));
  }, signal);
  for await (const _change of changes) {
    await sweep(needs).catch((error: unknown) => needs.log.problem('tokens.not-swept', error));
  }
}

async function sweep(needs: LeavingNeeds): Promise<void> {
  const { issued, revoked, ledger, log } = needs;
  const gone = [...issued.rows.values()]
    .map(({ value }) => value)
    .filter((record) => revoked.find(record.jti) === undefined && isOfGone(needs, record));
  for (const { jti } of gone) {
    await ledger.revoke(jti);
  }
  if (gone.length > 0) {
    log.event('tokens.swept', { revoked: gone.length });
  }
}

/** Whoever is disabled may come back, and has their tokens then. */
function isOfGone(
  { clock, directories }: LeavingNeeds,
  { subject, issuedMs, expiresMs }: IssuedRecord,
): boolean {
  const speaker = speakerOf(subject);
  if (speaker === undefined || expiresMs <= clock.now() || !isOwn(subject)) {
    return false;
  }
  try {
    requireKnown({ directories }, speaker, { code: 'CALLER_UNKNOWN', issuedMs });
    return false;
  } catch (error) {
    return isHansaError(error, 'CALLER_UNKNOWN');
  }
}

function isOwn(subject: string): boolean {
  return splitPrincipal(subject).home === undefined;
}
