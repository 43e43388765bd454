// What is frozen is asked for at its owner: one that was restored from a backup does not know that
// it ever withdrew anything, and nobody but the mirror can tell it so.
import {
  deadline,
  HansaError,
  reportOf,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { FrozenRecord } from './keys.ts';

const answerTimeoutMs = 10_000; // a store that is busy; then it is asked in the next round

export interface AskingNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Peers;
  readonly mirrors: Pick<Mirrors, 'served'>;
}

/** Those that their owners serve us again. */
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
  const { clock, mirrors, log } = needs;
  const { owner, frozen } = asked;
  const limit = deadline(clock, answerTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the owner did not answer in time'),
    signal: asked.signal,
  });
  try {
    const resources = frozen.map(({ resource }) => resource);
    const served = await mirrors.served({ owner, resources, signal: limit.signal });
    return frozen.filter(({ resource }) => served.includes(resource));
  } catch (error) {
    log.event('receipts.unasked', { peer: owner, reason: reportOf(error).code });
    return [];
  } finally {
    limit.done();
  }
}
