// What roles, groups and accounts of other clusters are here: nothing, until somebody who has the
// role maps them to it.
import {
  HansaError,
  type ClusterId,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { Peers } from '../links/contract.ts';
import { mapsMax, type Access, type RoleMap } from './contract.ts';
import type { AccessTables, MapRecord } from './keys.ts';
import type { AccessControl } from './uses.ts';

export interface MappingNeeds {
  readonly store: KeyValueStore;
  readonly log: Log;
  readonly cluster: ClusterId;
  readonly peers: Pick<Peers, 'resolve' | 'standing'>;
  readonly directories: Pick<Directories, 'role'>;
  readonly control: Pick<AccessControl, 'requireGrantable'>;
  readonly tables: AccessTables;
  readonly mapTable: WatchedTable<MapRecord>;
}

export function createMapping(needs: MappingNeeds): Pick<Access, 'map' | 'unmap' | 'maps'> {
  const { store, log, tables, mapTable, control, directories } = needs;
  return {
    async map({ peer, from, role }, call) {
      const cluster = otherCluster(needs, peer);
      const definition = directories.role(role);
      if (definition === undefined) {
        throw new HansaError('ROLE_NOT_FOUND', `this cluster has no role "${role}"`, {
          fix: 'hansa role list',
        });
      }
      control.requireGrantable(call?.caller, definition.scopes);
      if (mapTable.find(cluster, from, role) === undefined && mapTable.rows.size >= mapsMax) {
        throw new HansaError('STORE_LIMIT', `at most ${mapsMax} mappings are kept`, {
          fix: 'hansa role maps, then: hansa role unmap',
        });
      }
      const record = { cluster, from, role };
      const { revision } = await store.batchWrite([tables.maps.put([cluster, from, role], record)]);
      await mapTable.reached(revision);
      log.event('access.mapped', { cluster, from, role });
      return shown(needs, record);
    },
    async unmap({ peer, from, role }) {
      const cluster = clusterOf(needs, peer);
      const gone = mapsOf(mapTable, cluster).filter(
        (one) => one.from === from && (role === undefined || one.role === role),
      );
      if (gone.length === 0) {
        throw new HansaError('ROLE_MAP_NOT_FOUND', `${from} of ${peer} is nothing here anyway`, {
          fix: 'hansa role maps',
        });
      }
      for (const one of gone) {
        const { revision } = await store.batchWrite([
          tables.maps.delete([cluster, one.from, one.role]),
        ]);
        await mapTable.reached(revision);
        log.event('access.unmapped', { cluster, from, role: one.role });
      }
      return { removed: gone.map((one) => shown(needs, one)) };
    },
    async maps({ peer }) {
      const cluster = peer === undefined ? undefined : clusterOf(needs, peer);
      const records =
        cluster === undefined
          ? [...mapTable.rows.values()].map(({ value }) => value)
          : mapsOf(mapTable, cluster);
      return { maps: records.map((one) => shown(needs, one)).toSorted(byName) };
    },
  };
}

/** Of one cluster, for decisions. */
export function mapsOf(
  mapTable: WatchedTable<MapRecord>,
  cluster: ClusterId,
): readonly MapRecord[] {
  return [...mapTable.rows.values()]
    .map(({ value }) => value)
    .filter((record) => record.cluster === cluster);
}

function otherCluster(needs: MappingNeeds, peer: string): ClusterId {
  const { cluster } = needs.peers.resolve(peer);
  if (cluster === needs.cluster) {
    throw new HansaError('INPUT_INVALID', 'roles of this cluster count here as such', {
      fix: 'hansa role assign',
    });
  }
  return cluster;
}

/** A link may be gone, and what was mapped of it not. */
function clusterOf({ peers, mapTable }: MappingNeeds, peer: string): ClusterId {
  const known = [...mapTable.rows.values()].find(({ value }) => value.cluster === peer);
  return known?.value.cluster ?? peers.resolve(peer).cluster;
}

function shown({ peers }: MappingNeeds, { cluster, from, role }: MapRecord): RoleMap {
  const { name } = peers.standing(cluster);
  return { cluster, ...(name === undefined ? {} : { name }), from, role };
}

function byName(a: RoleMap, b: RoleMap): number {
  const of = ({ cluster, name, from, role }: RoleMap): string =>
    [name ?? cluster, from, role].join('\n');
  return of(a) < of(b) ? -1 : 1;
}
