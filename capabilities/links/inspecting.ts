// Tells what a token is and why it would fail: the inviter knows its own invitations, anybody else
// reads only what the token itself says.
import { agoText, HansaError, reportOf } from '@hansa/foundation';
import type { TokenReport } from './contract.ts';
import type { InviteRecord } from './keys.ts';
import type { LinksParts } from './parts.ts';
import { readToken } from './token.ts';

export async function inspectToken(parts: LinksParts, text: string): Promise<TokenReport> {
  const token = readToken(parts.codec, parts.crypto, text);
  const ours = token.cluster === parts.signer.cluster;
  const invite = ours ? await parts.records.invite(token.nonce) : undefined;
  const problem = ours
    ? problemOfInvite(parts, invite, token.expiresMs)
    : expiryOf(parts, token.expiresMs);
  return {
    cluster: token.cluster,
    name: token.name,
    endpoints: token.endpoints,
    expiresMs: token.expiresMs,
    serveOnly: token.serveOnly,
    usable: problem === undefined,
    problem: problem === undefined ? undefined : reportOf(problem),
    usedBy: invite?.usedBy,
    usedMs: invite?.usedMs,
  };
}

/** Why the inviter would refuse this invitation now; undefined where it would not. */
export function problemOfInvite(
  parts: Pick<LinksParts, 'clock' | 'records'>,
  invite: InviteRecord | undefined,
  expiresMs: number,
): HansaError | undefined {
  if (invite === undefined) {
    return new HansaError('LINK_TOKEN_UNKNOWN', 'this cluster never made that token');
  }
  if (invite.state === 'used') {
    const by = invite.usedBy === undefined ? '' : ` by ${nameOf(parts, invite.usedBy)}`;
    const ago = agoText(parts.clock.now() - (invite.usedMs ?? 0));
    return new HansaError('LINK_TOKEN_USED', `the token was used${by} ${ago}`, {
      fix: 'ask for a new one: hansa link invite',
    });
  }
  return invite.state === 'revoked'
    ? new HansaError('LINK_TOKEN_REVOKED', 'the inviter withdrew the token')
    : expiryOf(parts, expiresMs);
}

export function expiryOf(
  { clock }: Pick<LinksParts, 'clock'>,
  expiresMs: number,
): HansaError | undefined {
  const late = clock.now() - expiresMs;
  return late < 0
    ? undefined
    : new HansaError('LINK_TOKEN_EXPIRED', `the token expired ${agoText(late)}`, {
        fix: 'ask for a new one: hansa link invite',
      });
}

function nameOf(
  { records }: Pick<LinksParts, 'records'>,
  cluster: NonNullable<InviteRecord['usedBy']>,
): string {
  return records.find(cluster)?.name ?? `${cluster.slice(0, 8)}…`;
}
