// A link as it is shown: its record, and the judgement of its pulse.
import { HansaError, type ClusterId } from '@hansa/foundation';
import { checkWords } from './check-words.ts';
import type { Link } from './contract.ts';
import type { LinkRecord } from './keys.ts';
import { reasonOfDown } from './down.ts';
import { judgeLink, type LinkJudgement } from './link-state.ts';
import type { LinksParts } from './parts.ts';

export function linkView(parts: LinksParts, peer: ClusterId): Link {
  const record = parts.records.find(peer);
  if (record === undefined) {
    throw new HansaError('LINK_NOT_FOUND', `no link to ${peer.slice(0, 8)}…`);
  }
  const { evidence, lastError, downSinceMs } = parts.roster.observed(peer);
  const judged = judgementOf(parts, record, evidence);
  const down = reasonOfDown(record, judged.status, { lastError, sinceMs: downSinceMs });
  const roads = parts.roster.roads(peer);
  const silentMs =
    evidence.lastBeatMs === undefined
      ? undefined
      : Math.round(evidence.nowMs - evidence.lastBeatMs);
  return {
    peer,
    name: record.name,
    ...judged,
    reason: reasonOfKeys(parts, peer) ?? parts.remark?.(peer) ?? down ?? judged.reason,
    mine: record.mine,
    theirs: record.theirs,
    epoch: record.epoch,
    checkWords: wordsOf(parts, record),
    confirmedHere: record.confirmedHere,
    confirmedThere: record.confirmedThere,
    endpoints: record.endpoints,
    labels: record.labels ?? {},
    createdMs: record.createdMs,
    silentMs,
    missing: evidence.missing,
    keyFork: parts.keys.fork(peer),
    lastError: evidence.phase === 'connected' ? undefined : lastError,
    state: roads?.state.view(),
    bulk: roads?.bulk.view(),
    serves: parts.roster.serves(peer),
  };
}

function judgementOf(
  { trust }: LinksParts,
  record: LinkRecord,
  evidence: ReturnType<LinksParts['roster']['observed']>['evidence'],
): LinkJudgement {
  if (record.closed) {
    return { status: 'closed' };
  }
  if (trust.level(record.peer) === 'blocked') {
    return { status: 'blocked', reason: 'the cluster is blocked here, and gets nothing' };
  }
  const confirmed = record.confirmedHere && record.confirmedThere;
  return judgeLink({ ...evidence, confirmed });
}

/** What is wrong with who the peer is outweighs how it answers. */
function reasonOfKeys({ keys }: LinksParts, peer: ClusterId): string | undefined {
  if (keys.blocked(peer)) {
    return 'two records claim one step of its keys: nobody can tell who it is';
  }
  const twins = keys.twins(peer);
  return twins === undefined
    ? undefined
    : `the same identity is running twice: ${twins} processes show themselves by turns`;
}

export function wordsOf(
  { crypto, signer }: Pick<LinksParts, 'crypto' | 'signer'>,
  record: LinkRecord,
): string {
  const { peer, invitedByUs, inviterNonce, accepterNonce } = record;
  return checkWords(crypto, {
    inviter: invitedByUs ? signer.cluster : peer,
    accepter: invitedByUs ? peer : signer.cluster,
    inviterNonce,
    accepterNonce,
  });
}
