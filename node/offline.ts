// What is done to a cluster's data while no node runs on it: a backup checked or restored, its
// store moved into another one. The command line calls these; nothing here listens or dials.
import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { carriedValue } from '@hansa/capabilities/resources/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  silentLog,
  unpackTuple,
  type Codec,
  type Entry,
  type KeyValueStore,
} from '@hansa/foundation';
import { openEtcdStore } from '@hansa/store-etcd';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { verifyBackup, type BackupReport } from './backup/verifying.ts';
import type { Config } from './config.ts';
import { unsealKeyFiles } from './key-folder.ts';
import { accessOf } from './member-ground.ts';
import { openSealing, type OpenSealing } from './sealing.ts';
import { settledStore } from './store-base.ts';
import { readStoreChoice, writeStoreChoice, type StoreChoice } from './store-choice.ts';
import {
  abandonCopy,
  entriesAt,
  fillStore,
  requireFillable,
  type Copied,
  type CopiedEntry,
} from './store-copying.ts';

export interface Offline {
  readonly sealKeyFile: string | undefined;
  readonly sealAgeIdentity: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens what is not the data folder's own; `openShared` of this file, but for tests. */
  open(choice: EtcdChoice): Promise<KeyValueStore>;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

export type EtcdChoice = Extract<StoreChoice, { kind: 'etcd' }>;

const clock = createSystemClock();
const crypto = createNodeCrypto();

export function checkBackup(
  folder: string,
  progress: (line: string) => void,
): Promise<BackupReport> {
  return verifyBackup(crypto, folder, progress);
}

/** What seals a data folder, under the key that was given. */
export function sealingOf(needs: Offline, data: string): Promise<OpenSealing> {
  return openSealing({ ...needs, data, clock, log: silentLog });
}

async function openFolder(
  needs: Offline,
  data: string,
): Promise<{ readonly store: KeyValueStore; readonly sealing: OpenSealing }> {
  const sealing = await sealingOf(needs, data);
  return { store: await sealing.openStore(), sealing };
}

/** With the certificates and the user that etcd asks for, as `hansa up` is told of them. */
export async function openShared(store: EtcdChoice, etcd: Config['etcd']): Promise<KeyValueStore> {
  return openEtcdStore({ ...(await accessOf({ store, etcd })), clock });
}

export interface MigrationPlan {
  readonly to: EtcdChoice;
  readonly revision: number;
  /** In plain there, where it is sealed here. */
  readonly sealed: boolean;
}

export interface Migrated extends Copied {
  readonly to: EtcdChoice;
  /** Where the store of before lies now. */
  readonly kept: string;
}

/** What `migrateStore` would refuse: FOLDER_LOCKED, CONFLICT, STORE_NOT_EMPTY. Writes nothing. */
export async function planMigration(
  needs: Offline,
  { data, to }: { readonly data: string; readonly to: EtcdChoice },
): Promise<MigrationPlan> {
  await requireOwnStore(data, to);
  const { store, sealing } = await openFolder(needs, data);
  try {
    const { revision } = await (await settledStore(store)).status();
    const target = await needs.open(to);
    try {
      await requireFillable(target, copyOf(revision));
    } finally {
      await target.close();
    }
    return { to, revision, sealed: sealing.folder !== undefined };
  } finally {
    await store.close();
  }
}

/** Nothing is switched before all was compared; broken off, it goes on where it was. */
export async function migrateStore(
  needs: Offline,
  move: {
    readonly data: string;
    readonly to: EtcdChoice;
    /** What is sealed here may lie in plain there. */
    readonly unsealed: boolean;
  },
): Promise<Migrated> {
  const { data, to } = move;
  await requireOwnStore(data, to);
  const { store, sealing } = await openFolder(needs, data);
  try {
    requireAgreed(sealing, move.unsealed);
    const target = await needs.open(to);
    let copied: Copied;
    try {
      copied = await copyInto(needs, await settledStore(store), target);
    } finally {
      await target.close();
    }
    await writeStoreChoice(data, to);
    await unsealKeys(data, sealing);
    await store.close();
    const kept = join(data, `store.before-${clock.now()}`);
    await rename(join(data, 'store'), kept);
    return { ...copied, to, kept };
  } finally {
    await store.close().catch(() => undefined);
  }
}

/** Nothing of Hansa seals a store on etcd, or the keys on their way into it. */
export async function unsealKeys(data: string, { folder: sealing }: OpenSealing): Promise<void> {
  const random = createSystemRandom();
  const folder = join(data, 'keys');
  await unsealKeyFiles({ folder, random, environment: {}, known: true, sealing });
}

/** One that is switched already is finished: no node starts while both stores are there. */
async function requireOwnStore(data: string, to: EtcdChoice): Promise<void> {
  await access(join(data, 'store')).catch(() => {
    throw new HansaError('USAGE', `no cluster has its store in ${data}`);
  });
  const choice = await readStoreChoice(data);
  if (choice.kind !== 'lmdb' && choice.url !== to.url) {
    throw new HansaError('CONFLICT', 'the cluster’s store is on etcd already');
  }
}

/** STORE_UNSEALED where it is sealed, and nobody has said that it may lie in plain. */
export function requireAgreed({ folder }: OpenSealing, unsealed: boolean): void {
  if (folder !== undefined && !unsealed) {
    throw new HansaError(
      'STORE_UNSEALED',
      'the store is sealed here, and would be in plain there',
      {
        fix: 'encrypt the disks of etcd, and say so: --unsealed',
      },
    );
  }
}

function copyOf(revision: number): string {
  return `migration at ${revision}`;
}

async function copyInto(
  needs: Offline,
  source: KeyValueStore,
  target: KeyValueStore,
): Promise<Copied> {
  const codec = createMsgpackCodec();
  const { revision } = await source.status();
  return fillStore({
    target,
    crypto,
    id: copyOf(revision),
    base: revision,
    entries: () => carriedEntries(codec, source, revision),
    async leaseSeconds(id) {
      const left = await source.leaseTimeToLive(id).catch(() => undefined);
      return left?.ttlSeconds;
    },
    progress: (done) => needs.progress(`${done} records`),
    signal: needs.signal,
  });
}

async function* carriedEntries(
  codec: Codec,
  source: KeyValueStore,
  revision: number,
): AsyncIterable<CopiedEntry> {
  for await (const entry of entriesAt(source, revision)) {
    yield { ...entry, value: carriedValue(codec, tupleOf(entry), entry) };
  }
}

function tupleOf({ key }: Entry): ReturnType<typeof unpackTuple> {
  try {
    return unpackTuple(key);
  } catch {
    return [];
  }
}

/** Gives up a copy that was broken off: the target is empty again. */
export async function abandonMigration(needs: Offline, to: EtcdChoice): Promise<number> {
  const target = await needs.open(to);
  try {
    return await abandonCopy(target);
  } finally {
    await target.close();
  }
}
