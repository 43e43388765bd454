// Ties apps to their host.
import {
  capability,
  watchedTable,
  type Capability,
  type Clock,
  type Codec,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { TokenChecks } from '../tokens/contract.ts';
import { appsContract } from './contract.ts';
import type { AppEndpoints } from './endpoint.ts';
import { appTables } from './keys.ts';
import { createNeighbours } from './neighbours.ts';
import { createAppsPeer } from './peer-service.ts';
import { createApps, type AppsNeeds } from './service.ts';
import { appsPeerContract } from './wire.ts';

export interface AppsCapabilityNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly checks: TokenChecks;
  /** Default: calls are neither passed on nor taken from peers. */
  readonly proxy?: boolean | undefined;
  readonly endpoints?: AppEndpoints | undefined;
}

export function appsCapability(needs: AppsCapabilityNeeds): Capability {
  const { store, signer, clock } = needs;
  const { cluster, name } = signer;
  const tables = appTables(store, needs.codec);
  const registered = watchedTable(store, tables.apps);
  const neighbours = createNeighbours({ ...needs, cluster });
  const parts: AppsNeeds = {
    ...needs,
    cluster,
    name,
    tables,
    registered,
    neighbours,
    proxy: needs.proxy ?? false,
    endpoints: needs.endpoints,
    find: (id) => registered.find(id)?.value,
  };
  const caches = new AbortController();
  return capability({
    name: appsContract.name,
    serves: [{ contract: appsContract, service: createApps(parts) }],
    servesPeers: [{ contract: appsPeerContract, service: createAppsPeer(parts) }],
    duties: [{ name: 'apps.watch', run: (signal) => neighbours.run(signal) }],
    start: () => registered.start(caches.signal, clock),
    stop: async () => caches.abort(),
  });
}
