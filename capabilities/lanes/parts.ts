// What the rooms of lanes share: the tables held in memory, and what they are handed.
import {
  createKeyedMutex,
  HansaError,
  splitFederatedId,
  watchedTable,
  type Clock,
  type Codec,
  type Crypto,
  type FederatedId,
  type KeyedMutex,
  type KeyValueStore,
  type Log,
  type Row,
  type Table,
  type WatchedTable,
} from '@hansa/foundation';
import type { CatalogNews } from '../catalog/contract.ts';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { Enforcement } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { LaneKind } from './contract.ts';
import {
  laneTables,
  type LaneTables,
  type ReceivedLane,
  type StoredConflict,
  type WrittenLane,
} from './keys.ts';

export interface LanesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly enforcement: Enforcement;
  readonly mirrors: Mirrors;
  readonly news: CatalogNews;
}

export interface LaneParts extends LanesNeeds {
  readonly tables: LaneTables;
  readonly written: WatchedTable<WrittenLane>;
  readonly received: WatchedTable<ReceivedLane>;
  readonly conflicts: WatchedTable<StoredConflict>;
  readonly kinds: Map<string, LaneKind>;
  /** What is decided about a lane, and what is promoted of it, come one after the other. */
  readonly oneAtATime: KeyedMutex<FederatedId>;
}

export function laneParts(needs: LanesNeeds): LaneParts {
  const { store } = needs;
  const tables = laneTables(store, needs.codec);
  return {
    ...needs,
    tables,
    written: watchedTable(store, tables.written),
    received: watchedTable(store, tables.received),
    conflicts: watchedTable(store, tables.conflicts),
    kinds: new Map(),
    oneAtATime: createKeyedMutex(),
  };
}

/** LANES_UNSUPPORTED where one cluster alone can write resources of the kind. */
export function laneKind({ kinds }: LaneParts, kind: string): LaneKind {
  const found = kinds.get(kind);
  if (found === undefined) {
    throw new HansaError('LANES_UNSUPPORTED', `a ${kind} is written by its owner alone`);
  }
  return found;
}

export function conflictsOf(
  { conflicts }: LaneParts,
  lane: FederatedId,
): readonly Row<StoredConflict>[] {
  return [...conflicts.rows.values()].filter(({ key }) => key[0] === lane);
}

export function openConflicts(parts: LaneParts, lane: FederatedId): number {
  return conflictsOf(parts, lane).filter(({ value }) => value.dismissed === undefined).length;
}

/** As people know the cluster; a stranger by the beginning of its id. */
export function clusterName(
  { peers, signer }: Pick<LanesNeeds, 'peers' | 'signer'>,
  resource: FederatedId,
): string {
  const { owner } = splitFederatedId(resource);
  return owner === signer.cluster ? signer.name : (peers.standing(owner).name ?? owner.slice(0, 8));
}

/**
 * Deletes a row and waits until the cache shows it; where it is gone already, no change comes that
 * could be waited for.
 */
export async function removeRow<T>(
  store: KeyValueStore,
  row: { readonly table: Table<T>; readonly cache: WatchedTable<T>; readonly key: string },
): Promise<void> {
  const { table, cache, key } = row;
  const result = await store.transact({
    if: [{ key: table.key(key), target: 'version', op: '>', operand: 0 }],
    then: [table.delete([key])],
  });
  if (result.succeeded) {
    await cache.reached(result.revision);
  }
}
