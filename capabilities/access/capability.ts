// Ties access to its host: what people call, and what the gate and other capabilities ask.
import {
  capability,
  watchedTable,
  type AnyContract,
  type Capability,
  type Clock,
  type Codec,
  type HttpRoute,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { accessContract, type AccessControl } from './contract.ts';
import { createControl } from './control.ts';
import type { MakePolicyEngine, PolicyEngine } from './engine.ts';
import { accessTables } from './keys.ts';
import { mapsOf } from './mapping.ts';
import { permissionRows } from './permissions.ts';
import { writtenPolicies } from './policing.ts';
import { createRuling } from './ruling.ts';
import { createAccess } from './service.ts';

export interface AccessNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly peers: Pick<Peers, 'resolve' | 'standing' | 'subscribe' | 'generation'>;
  readonly directories: Directories;
  readonly policyEngine: MakePolicyEngine;
  /** All that the node serves, when all of it is there: what asks for permissions. */
  readonly served: () => {
    readonly contracts: readonly AnyContract[];
    readonly routes: readonly HttpRoute[];
  };
}

export function accessCapability(needs: AccessNeeds): {
  readonly capability: Capability;
  readonly control: AccessControl;
} {
  const { store, clock, signer, directories, peers } = needs;
  const { cluster, name } = signer;
  const tables = accessTables(store, needs.codec);
  const mapTable = watchedTable(store, tables.maps);
  const policyTable = watchedTable(store, tables.policies);
  const rows = late(() => {
    const { contracts, routes } = needs.served();
    return permissionRows(contracts, routes);
  });
  const permissions = (): readonly string[] => rows().map(({ permission }) => permission);
  const engine: () => PolicyEngine = late(() => needs.policyEngine(permissions()));
  const ruling = createRuling({
    engine,
    directories,
    written: () => writtenPolicies(policyTable),
    generation: () =>
      [directories, peers, mapTable, policyTable].map((each) => each.generation).join('.'),
    log: needs.log,
  });
  const judging = {
    cluster,
    name,
    peers,
    directories,
    ruling,
    maps: (home: typeof cluster) => mapsOf(mapTable, home),
  };
  const control = createControl({
    ...judging,
    permissions,
    policies: () => policyTable.rows.size,
    subscribe: (changed) => {
      const stops = [
        directories.subscribe(changed),
        mapTable.subscribe(changed),
        policyTable.subscribe(changed),
        peers.subscribe(changed),
      ];
      return () => stops.forEach((stop) => stop());
    },
  });
  const parts = { ...needs, ...judging, tables, mapTable, policyTable, engine, rows, control };
  const stopping = new AbortController();
  return {
    control,
    capability: capability({
      name: accessContract.name,
      serves: [{ contract: accessContract, service: createAccess(parts) }],
      async start() {
        await Promise.all([mapTable, policyTable].map((one) => one.start(stopping.signal, clock)));
      },
      async stop() {
        stopping.abort();
      },
    }),
  };
}

/** Made at its first use: what it is made of is not all there before. */
function late<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
