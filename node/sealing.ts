// Opens what seals the data folder, under the key that settings and environment name; and what the
// sealing capability asks of the rooms that write to the disk.
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Seals } from '@hansa/capabilities/sealing/capability';
import { createMutex, HansaError, type Clock, type Log } from '@hansa/foundation';
import {
  openKeyring,
  readKeyEncryptionKey,
  type KeyEncryptionKey,
  type Keyring,
  type KeySource,
} from '@hansa/sealing-age';
import {
  openLmdbStore,
  openSealedLmdbStore,
  type InspectedStore,
  type SealedLmdbStore,
} from '@hansa/store-lmdb';
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
  openStore(): Promise<InspectedStore>;
  /** Seals the key files that lie in plain; from then on all is sealed. */
  settle(keys: KeyFolderNeeds): Promise<Seals | undefined>;
}

/** SEAL_KEY_MISSING and SEAL_KEY_WRONG where the folder is sealed and the key is not this one. */
export async function openSealing(needs: SealingNeeds): Promise<OpenSealing> {
  const { data, environment, clock } = needs;
  const keyring = await openKeyring({
    file: join(data, 'seal.json'),
    kek: await readOutside(data, {
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
      return sealed === undefined ? undefined : sealsOf({ keyring, data, keys }, sealed);
    },
  };
}

/** A key beside what it seals is carried away with it: SEAL_KEY_MALFORMED. */
async function readOutside(data: string, source: KeySource): Promise<KeyEncryptionKey | undefined> {
  const path = source.keyFile ?? source.ageIdentityFile;
  if (path !== undefined) {
    const [folder, file] = await Promise.all([realOf(data), realOf(path)]);
    if (file.startsWith(`${folder}${sep}`)) {
      throw new HansaError('SEAL_KEY_MALFORMED', `${path} lies in the folder that it would seal`, {
        fix: 'keep the key on another disk, or give it as HANSA_SEAL_KEY',
      });
    }
  }
  return readKeyEncryptionKey(source);
}

/** As it is written where there is nothing: whoever reads it says so. */
function realOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function sealsOf(
  { keyring, data, keys }: { keyring: Keyring; data: string; keys: KeyFolderNeeds },
  { reseal }: Pick<SealedLmdbStore, 'reseal'>,
): Seals {
  return {
    state: () => keyring.state(),
    async rewrap(to) {
      const kek = await readOutside(data, to);
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
