// What is frozen is asked for at its owner: one that was restored from a backup does not know that
// it ever withdrew anything, and nobody but the mirror can tell it so.
import {
  deadline,
  HansaError,
  remote,
  reportOf,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Head, History } from '../resources/contract.ts';
import { headsPerRequestMax, syncPeerContract } from '../sync/wire.ts';
import type { FrozenRecord } from './keys.ts';

const answerTimeoutMs = 10_000; // a store that is busy; then it is asked in the next round

export interface AskingNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Peers;
  readonly history: Pick<History, 'verify'>;
}

/**
 * Those that their owners serve us again. A head that the owner signs for us over the link is proof
 * that we may read it; silence, and a word that it is absent, prove nothing.
 */
export async function sharedAgain(
  needs: AskingNeeds,
  rows: readonly FrozenRecord[],
  signal: AbortSignal,
): Promise<readonly FrozenRecord[]> {
  const { peers } = needs;
  const owners = new Map<ClusterId, FrozenRecord[]>();
  for (const row of rows) {
    const { owner } = splitFederatedId(row.resource);
    owners.set(owner, [...(owners.get(owner) ?? []), row]);
  }
  const asked = [...owners]
    .filter(([owner]) => peers.connected(owner) && peers.standing(owner).active)
    .map(([owner, frozen]) => askOwner(needs, { owner, frozen, signal }));
  return (await Promise.all(asked)).flat();
}

/** One owner that does not answer must not keep the others from being heard. */
async function askOwner(
  needs: AskingNeeds,
  asked: {
    readonly owner: ClusterId;
    readonly frozen: readonly FrozenRecord[];
    readonly signal: AbortSignal;
  },
): Promise<readonly FrozenRecord[]> {
  const { clock, peers, log } = needs;
  const { owner, frozen } = asked;
  const limit = deadline(clock, answerTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the owner did not answer in time'),
    signal: asked.signal,
  });
  const shared: FrozenRecord[] = [];
  try {
    const wire = remote(syncPeerContract, peers.observer(owner));
    for (let at = 0; at < frozen.length; at += headsPerRequestMax) {
      const page = frozen.slice(at, at + headsPerRequestMax);
      const resources = page.map(({ resource }) => resource);
      const { heads } = await wire.heads({ resources }, { signal: limit.signal });
      shared.push(...page.filter((row, index) => isServed(needs, row, heads[index] ?? null)));
    }
  } catch (error) {
    log.event('receipts.unasked', { peer: owner, reason: reportOf(error).code });
  } finally {
    limit.done();
  }
  return shared;
}

function isServed(
  { history, log }: AskingNeeds,
  { resource }: FrozenRecord,
  head: Head | null,
): boolean {
  if (head?.resource !== resource) {
    return false;
  }
  try {
    history.verify(head);
    return true;
  } catch (error) {
    log.problem('receipts.unproven', error, { resource });
    return false;
  }
}
