// Opens what seals the data folder, under the key that settings and environment name; and what the
// sealing capability asks of the rooms that write to the disk.
import { join } from 'node:path';
import type { Seals } from '@hansa/capabilities/sealing/capability';
import { createMutex, type Clock, type KeyValueStore, type Log } from '@hansa/foundation';
import { openKeyring, readKeyEncryptionKey, type Keyring } from '@hansa/sealing-age';
import { openLmdbStore, openSealedLmdbStore, type SealedLmdbStore } from '@hansa/store-lmdb';
import {
  sealKeyFiles,
  writeSecret,
  type FolderSealing,
  type KeyFolderNeeds,
} from './key-folder.ts';

export interface SealingNeeds {
  /** The data folder. */
  readonly data: string;
  readonly sealKeyFile: string | undefined;
  readonly sealAgeIdentity: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenSealing {
  /** For the key files; undefined where nothing is sealed. */
  readonly folder: FolderSealing | undefined;
  openStore(): Promise<KeyValueStore>;
  /** Seals the key files that lie in plain; from then on all is sealed. */
  settle(keys: KeyFolderNeeds): Promise<Seals | undefined>;
}

/** SEAL_KEY_MISSING and SEAL_KEY_WRONG where the folder is sealed and the key is not this one. */
export async function openSealing(needs: SealingNeeds): Promise<OpenSealing> {
  const { data, environment, clock } = needs;
  const keyring = await openKeyring({
    file: join(data, 'seal.json'),
    kek: await readKeyEncryptionKey({
      keyFile: needs.sealKeyFile,
      ageIdentityFile: needs.sealAgeIdentity,
      key: environment['HANSA_SEAL_KEY'],
    }),
    nowMs: () => clock.now(),
    write: writeSecret,
  });
  const store = { folder: join(data, 'store'), clock, log: needs.log };
  if (keyring === undefined) {
    return {
      folder: undefined,
      openStore: () => openLmdbStore(store),
      settle: async () => undefined,
    };
  }
  const { sealer } = keyring;
  let sealed: SealedLmdbStore | undefined;
  return {
    folder: { sealer, complete: () => keyring.state().complete, turns: createMutex() },
    async openStore() {
      sealed = await openSealedLmdbStore({
        ...store,
        sealer,
        sealsFirst: !keyring.state().complete,
        establish: () => keyring.establish(),
      });
      return sealed.store;
    },
    async settle(keys) {
      if (!keyring.state().complete) {
        await sealKeyFiles(keys);
        await keyring.completed();
      }
      return sealed === undefined ? undefined : sealsOf(keyring, sealed, keys);
    },
  };
}

function sealsOf(
  keyring: Keyring,
  { reseal }: Pick<SealedLmdbStore, 'reseal'>,
  keys: KeyFolderNeeds,
): Seals {
  return {
    state: () => keyring.state(),
    async rewrap(to) {
      const kek = await readKeyEncryptionKey(to);
      if (kek !== undefined) {
        await keyring.rewrap(kek);
      }
    },
    beginRotation: () => keyring.beginRotation(),
    reseal,
    async endRotation() {
      await sealKeyFiles(keys);
      await keyring.endRotation();
    },
  };
}
