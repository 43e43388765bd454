// What other clusters took back of their own tokens, kept: a cluster that is away has said what it
// said. Each speaks of its own tokens alone.
import type { Clock, ClusterId, KeyValueStore, WatchedTable } from '@hansa/foundation';
import { followedPerPeerMax, tokenSkewMs, tokenTtlMaxMs, type Revocation } from './contract.ts';
import type { FollowedRecord, TokenTables } from './keys.ts';

/** What a cluster says: the id, and when every token of it has run out. */
export type Told = Pick<Revocation, 'jti' | 'untilMs'>;

export interface Followed {
  has(root: ClusterId, jti: string): boolean;
  /** It has told more than anybody can issue: nobody knows what it has not told, then. */
  isOverfull(root: ClusterId): boolean;
  /** Keeps what a cluster told of its own tokens; those that were not known before. */
  take(root: ClusterId, told: readonly Told[]): Promise<readonly string[]>;
  subscribe(changed: () => void): () => void;
}

export interface FollowedNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: Pick<TokenTables, 'followed'>;
  readonly rows: WatchedTable<FollowedRecord>;
}

export function createFollowed(needs: FollowedNeeds): Followed {
  const { store, clock, tables, rows } = needs;
  const counted = countByRoot(rows);
  return {
    has: (root, jti) => rows.find(root, jti) !== undefined,
    isOverfull: (root) => counted(root) >= followedPerPeerMax,
    async take(root, told) {
      const nowMs = clock.now();
      // Whatever a peer says: no token of its own outlives this.
      const latestMs = nowMs + tokenTtlMaxMs + 2 * tokenSkewMs;
      const fresh = new Map(
        told
          .filter(({ jti, untilMs }) => untilMs > nowMs && rows.find(root, jti) === undefined)
          .map(({ jti, untilMs }) => [jti, { root, jti, untilMs: Math.min(untilMs, latestMs) }]),
      );
      const room = Math.max(0, followedPerPeerMax - counted(root));
      const kept = [...fresh.values()].slice(0, room);
      const perWrite = store.limits.transactionOpsMax;
      for (let at = 0; at < kept.length; at += perWrite) {
        const puts = kept
          .slice(at, at + perWrite)
          .map((one) => tables.followed.put([root, one.jti], one));
        const { revision } = await store.batchWrite(puts);
        await rows.reached(revision);
      }
      return kept.map(({ jti }) => jti);
    },
    subscribe: (changed) => rows.subscribe(changed),
  };
}

/** Counted once for every state of the table, and not with every token. */
function countByRoot(rows: WatchedTable<FollowedRecord>): (root: ClusterId) => number {
  let generation = -1;
  let counts = new Map<ClusterId, number>();
  return (root) => {
    if (generation !== rows.generation) {
      generation = rows.generation;
      counts = new Map();
      for (const { value } of rows.rows.values()) {
        counts.set(value.root, (counts.get(value.root) ?? 0) + 1);
      }
    }
    return counts.get(root) ?? 0;
  };
}
