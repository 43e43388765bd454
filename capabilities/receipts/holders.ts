// Who holds what of ours, by their own word: kept, because a peer that is away when a rule changes
// has to be told when it is back.
import {
  laneTarget,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { HeldPosition } from '../sync/contract.ts';
import type { KeptRows } from './kept-rows.ts';
import type { HolderRecord, WithdrawalRecord } from './keys.ts';

// a beat that was under way when a copy was purged still names it
const staleRowsMs = 10_000;

export interface HoldersNeeds {
  readonly cluster: ClusterId;
  readonly clock: Clock;
  readonly resources: Pick<ResourceLog, 'point' | 'lastEpoch'>;
  readonly enforcement: Enforcement;
  readonly holders: KeptRows<HolderRecord>;
  readonly withdrawals: KeptRows<WithdrawalRecord>;
}

export interface Holders {
  /** With every beat that was judged: everything that the peer holds of ours. */
  heard(peer: ClusterId, rows: readonly HeldPosition[]): boolean;
  /** Writes down what was heard since. */
  settle(peer: ClusterId): Promise<void>;
  of(peer: ClusterId): readonly HolderRecord[];
  position(peer: ClusterId, resource: FederatedId): HeldPosition | undefined;
  /** It has said that it is gone: what its beats said before does not count. */
  gone(peer: ClusterId, resource: FederatedId): Promise<void>;
}

export function createHolders(needs: HoldersNeeds): Holders {
  const { holders, clock } = needs;
  const latest = new Map<ClusterId, ReadonlyMap<FederatedId, HeldPosition>>();
  const source = new Map<ClusterId, readonly HeldPosition[]>();
  const gone = new Map<string, number>();
  const isGone = (peer: ClusterId, resource: FederatedId): boolean => {
    const key = `${peer} ${resource}`;
    const untilMs = gone.get(key);
    if (untilMs !== undefined && untilMs <= clock.monotonicMs()) {
      gone.delete(key);
    }
    return gone.has(key);
  };
  const of = (peer: ClusterId): readonly HolderRecord[] => holders.under(peer);
  return {
    of,
    position: (peer, resource) => latest.get(peer)?.get(resource),
    heard(peer, rows) {
      if (source.get(peer) === rows) {
        return false;
      }
      source.set(peer, rows);
      const ours = rows.filter((row) => isOfOurs(needs, row));
      latest.set(peer, new Map(ours.map((row) => [row.resource, row])));
      return true;
    },
    async settle(peer) {
      const rows = latest.get(peer);
      if (rows === undefined) {
        return; // not heard yet: what was known stands
      }
      for (const { resource } of rows.values()) {
        if (holders.find(peer, resource) === undefined && !isGone(peer, resource)) {
          const record = holderOf(needs, peer, resource);
          await holders.change([peer, resource], (now) => now ?? record);
        }
      }
      for (const { resource } of of(peer)) {
        if (!rows.has(resource) && !isOpen(needs.withdrawals.find(peer, resource))) {
          await holders.change([peer, resource], () => undefined);
        }
      }
    },
    async gone(peer, resource) {
      gone.set(`${peer} ${resource}`, clock.monotonicMs() + staleRowsMs);
      await holders.change([peer, resource], () => undefined);
    },
  };
}

/** Nothing is known yet of what becomes of it. */
export function isOpen(withdrawal: WithdrawalRecord | undefined): boolean {
  return withdrawal !== undefined && withdrawal.receipt === undefined;
}

/**
 * A copy that is further than we are shows that we are behind our own past (`recovery`): it must
 * not be withdrawn because an old backup knows nothing of it. Lanes are nobody's to share.
 */
function isOfOurs({ cluster, resources }: HoldersNeeds, row: HeldPosition): boolean {
  const { owner, local } = splitFederatedId(row.resource);
  if (owner !== cluster || laneTarget(local) !== undefined) {
    return false;
  }
  const point = resources.point(local);
  if (point === undefined) {
    return (resources.lastEpoch(local) ?? 0) >= row.epoch;
  }
  return row.epoch === point.epoch ? row.sequence <= point.sequence : row.epoch < point.epoch;
}

function holderOf(
  { clock, enforcement }: HoldersNeeds,
  peer: ClusterId,
  resource: FederatedId,
): HolderRecord {
  const { local } = splitFederatedId(resource);
  const { token } = enforcement.decide(peer, 'pull', local);
  return { peer, resource, sinceMs: clock.now(), byToken: token !== undefined };
}
