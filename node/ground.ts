// What a node stands on before it opens anything else: the store, and where the cluster's keys lie.
// A cluster of one node has both in its data folder.
import { join } from 'node:path';
import {
  identityIsKnown,
  type KeySeeds,
  type KeyVault,
} from '@hansa/capabilities/identity/capability';
import type { BlobCopies } from '@hansa/capabilities/scrub/capability';
import type { Seals } from '@hansa/capabilities/sealing/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import {
  scopeStore,
  type Blobs,
  type HansaError,
  type KeyValueStore,
  type Sealer,
  type StoreInspection,
} from '@hansa/foundation';
import { makeDataFolder } from './data-folder.ts';
import type { Opening } from './opening.ts';
import { createKeyVault, readKeys } from './key-folder.ts';
import { openSealing } from './sealing.ts';
import { settledStore } from './store-base.ts';

export interface Ground {
  readonly store: KeyValueStore;
  /** Absent where the store keeps copies by itself. */
  readonly inspection?: StoreInspection | undefined;
  readonly keys: KeySeeds | HansaError;
  readonly vault: KeyVault;
  /** Whether the cluster was there before this start. */
  readonly known: boolean;
  /** Absent where nothing is sealed. */
  readonly seals?: Seals | undefined;
  readonly sealer?: Sealer | undefined;
  /** Absent where they lie in this data folder alone. */
  readonly blobs?: Blobs | undefined;
  /** The copies on other nodes; absent where there is one node. */
  readonly nearby?: (() => Promise<readonly BlobCopies[]>) | undefined;
}

export async function openOwnGround(base: Opening): Promise<Ground> {
  const { config, clock, random, log, undo, signal } = base;
  const { data, sealKeyFile, sealAgeIdentity } = config;
  await makeDataFolder(data);
  const environment = process.env;
  const given = { data, sealKeyFile, sealAgeIdentity, environment, clock, log };
  const sealing = await openSealing(given);
  const own = await sealing.openStore();
  undo.push(() => own.close());
  const store = await settledStore(own);
  signal.throwIfAborted();
  const known = await identityIsKnown(scopeStore(store, 'identity'), createMsgpackCodec());
  const keyFolder = {
    folder: join(data, 'keys'),
    random,
    environment,
    known,
    sealing: sealing.folder,
  };
  const seals = await sealing.settle(keyFolder);
  const keys = await readKeys(keyFolder);
  const vault = createKeyVault(keyFolder);
  const { inspection } = own;
  return { store, inspection, keys, vault, known, seals, sealer: sealing.folder?.sealer };
}
