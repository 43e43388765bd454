// The cluster's and the node's keys as files that only the owner of the process may read, or from
// the environment. A key that cannot be used is a reason not to federate, never a reason to make
// another one.
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeySeeds, KeyVault } from '@hansa/capabilities/identity/capability';
import {
  equalBytes,
  fromHex,
  fromUtf8,
  HansaError,
  isSealed,
  toHex,
  utf8,
  type Mutex,
  type Random,
  type Sealer,
} from '@hansa/foundation';

export interface KeyFolderNeeds {
  readonly folder: string;
  readonly random: Random;
  /**
   * `HANSA_CLUSTER_KEY`, `HANSA_CLUSTER_NEXT_KEY`, `HANSA_CLUSTER_AFTER_KEY` (for a rotation) and
   * `HANSA_NODE_KEY`: hex, in place of the files.
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Whether the store already knows an identity: then a missing key is a loss, not a first start.
   */
  readonly known: boolean;
  /** Seals the files, where the data folder is sealed. */
  readonly sealing?: FolderSealing | undefined;
}

export interface FolderSealing {
  readonly sealer: Sealer;
  /** Whether all is sealed: a file in plain is no longer one of before. */
  complete(): boolean;
  /** A rotation of keys and one of what seals them take turns. */
  readonly turns: Mutex;
}

const files = {
  cluster: { file: 'cluster.key', variable: 'HANSA_CLUSTER_KEY' },
  next: { file: 'cluster-next.key', variable: 'HANSA_CLUSTER_NEXT_KEY' },
  // Here only while a rotation is under way.
  after: { file: 'cluster-after.key', variable: 'HANSA_CLUSTER_AFTER_KEY' },
  node: { file: 'node.key', variable: 'HANSA_NODE_KEY' },
  // What the nodes of a cluster of several share: it opens the keys that lie in their store.
  shared: { file: 'shared.key', variable: 'HANSA_SHARED_KEY' },
} as const;

/** The seeds, or why they cannot be used. */
export async function readKeys(needs: KeyFolderNeeds): Promise<KeySeeds | HansaError> {
  await mkdir(needs.folder, { recursive: true, mode: 0o700 });
  try {
    const cluster = await readSeed(needs, 'cluster', needs.known);
    const next = await readSeed(needs, 'next', needs.known);
    // A node key is replaceable: the cluster key certifies whatever node it names.
    const node = await readSeed(needs, 'node', false);
    return { cluster, next, node, after: await readHeld(needs, 'after') };
  } catch (error) {
    if (error instanceof HansaError) {
      return error;
    }
    throw error;
  }
}

/** Of this node alone; KEY_MALFORMED, KEY_EXPOSED. Where there is none, one is made or not. */
export async function readSecretSeed(needs: KeyFolderNeeds, which: 'node'): Promise<Uint8Array>;
export async function readSecretSeed(
  needs: KeyFolderNeeds,
  which: 'shared',
  options: { readonly make: false },
): Promise<Uint8Array | undefined>;
export async function readSecretSeed(
  needs: KeyFolderNeeds,
  which: 'node' | 'shared',
  { make = true }: { readonly make?: boolean } = {},
): Promise<Uint8Array | undefined> {
  await mkdir(needs.folder, { recursive: true, mode: 0o700 });
  return make ? readSeed(needs, which, false) : readHeld(needs, which);
}

export async function writeSecretSeed(
  needs: KeyFolderNeeds,
  which: 'shared',
  seed: Uint8Array,
): Promise<void> {
  await writeSeed(needs, which, seed);
}

/** The files of a cluster's keys as a rotation changes them. */
export function createKeyVault(needs: KeyFolderNeeds): KeyVault {
  const { folder, environment, random } = needs;
  const isGiven = (which: keyof typeof files): boolean =>
    environment[files[which].variable] !== undefined;
  const keep = async (which: 'cluster' | 'next' | 'after', seed: Uint8Array): Promise<void> => {
    if (!isGiven(which)) {
      await writeSeed(needs, which, seed);
    }
  };
  const candidates = async (): Promise<readonly Uint8Array[]> => {
    const found: Uint8Array[] = [];
    for (const which of ['cluster', 'next', 'after'] as const) {
      // One file that is damaged or gone is why the others are asked for.
      const seed = await readHeld(needs, which).catch(() => undefined);
      found.push(...(seed === undefined ? [] : [seed]));
    }
    return found;
  };
  return {
    candidates,
    async prepare() {
      if (isGiven('after')) {
        return requireFresh(needs);
      }
      if (isGiven('cluster') || isGiven('next')) {
        throw new HansaError(
          'ROTATION_UNPREPARED',
          'the keys come from the environment, where no new one can be written to',
          { fix: 'restart with a new seed in HANSA_CLUSTER_AFTER_KEY, then rotate' },
        );
      }
      const seed = random.bytes(32);
      await inTurn(needs, () => keep('after', seed));
      return seed;
    },
    settle: ({ cluster, next }) =>
      inTurn(needs, async () => {
        // In this order a crash between any two leaves both seeds in one file or another.
        await keep('cluster', cluster);
        await keep('next', next);
        await rm(join(folder, files.after.file), { force: true });
        await syncFolder(folder);
      }),
  };
}

function inTurn<T>({ sealing }: KeyFolderNeeds, work: () => Promise<T>): Promise<T> {
  return sealing === undefined ? work() : sealing.turns.run(work);
}

/** Seals every file that is in plain, or under an older data key; a damaged one fails it. */
export async function sealKeyFiles(needs: KeyFolderNeeds): Promise<void> {
  await mkdir(needs.folder, { recursive: true, mode: 0o700 });
  for (const which of Object.keys(files) as (keyof typeof files)[]) {
    await inTurn(needs, async () => {
      const path = join(needs.folder, files[which].file);
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes !== undefined && needs.sealing?.sealer.isCurrent(bytes) === false) {
        await writeSeed(needs, which, parseSeed(textOf(needs, which, bytes), path));
      }
    });
  }
}

/** As plain files, for a store that nothing of Hansa seals; one that is in plain stays as it is. */
export async function unsealKeyFiles(needs: KeyFolderNeeds): Promise<void> {
  for (const which of Object.keys(files) as (keyof typeof files)[]) {
    const path = join(needs.folder, files[which].file);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes !== undefined && isSealed(bytes)) {
      const seed = parseSeed(textOf(needs, which, bytes), path);
      await writeSecret(path, `${toHex(seed)}\n`);
    }
  }
}

async function writeSeed(
  { folder, sealing }: KeyFolderNeeds,
  which: keyof typeof files,
  seed: Uint8Array,
): Promise<void> {
  const text = utf8(`${toHex(seed)}\n`);
  const path = join(folder, files[which].file);
  await writeSecret(path, sealing?.sealer.seal(contextOf(which), text) ?? text);
}

// What a sealed file is, whatever folder it lies in: a key of another use does not open here.
function contextOf(which: keyof typeof files): Uint8Array {
  return utf8(`keys/${files[which].file}`);
}

function textOf(
  { folder, sealing }: KeyFolderNeeds,
  which: keyof typeof files,
  bytes: Uint8Array,
): string {
  const path = join(folder, files[which].file);
  if (sealing === undefined) {
    if (isSealed(bytes)) {
      throw new HansaError('SEAL_KEY_MISSING', `${path} is sealed, and no key was given`);
    }
    return fromUtf8(bytes);
  }
  if (isSealed(bytes)) {
    return fromUtf8(sealing.sealer.open(contextOf(which), bytes));
  }
  if (sealing.complete()) {
    throw new HansaError('KEY_MALFORMED', `${path} is not sealed, though all is that lies here`, {
      fix: `restore the sealed file, or give the key as ${files[which].variable}, then restart`,
    });
  }
  return fromUtf8(bytes);
}

/** The environment is not ours to change: a seed that was used once is no promise. */
async function requireFresh(needs: KeyFolderNeeds): Promise<Uint8Array> {
  const after = await readHeld(needs, 'after');
  const used = [await readHeld(needs, 'cluster'), await readHeld(needs, 'next')];
  if (after === undefined || used.some((seed) => seed !== undefined && equalBytes(seed, after))) {
    throw new HansaError(
      'ROTATION_UNPREPARED',
      'HANSA_CLUSTER_AFTER_KEY holds a key that is in use already',
      { fix: 'move the variables on by one, put a new seed there, restart, then rotate' },
    );
  }
  return after;
}

async function readSeed(
  needs: KeyFolderNeeds,
  which: keyof typeof files,
  mustExist: boolean,
): Promise<Uint8Array> {
  const held = await readHeld(needs, which);
  if (held !== undefined) {
    return held;
  }
  const path = join(needs.folder, files[which].file);
  if (mustExist) {
    throw new HansaError('KEY_MISMATCH', `${path} is missing, and this cluster was made with it`);
  }
  const seed = needs.random.bytes(32);
  await writeSeed(needs, which, seed);
  return seed;
}

/** Undefined where there is none. */
async function readHeld(
  needs: KeyFolderNeeds,
  which: keyof typeof files,
): Promise<Uint8Array | undefined> {
  const { file, variable } = files[which];
  const given = needs.environment[variable];
  if (given !== undefined) {
    return parseSeed(given, `the environment variable ${variable}`);
  }
  const path = join(needs.folder, file);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw new HansaError('KEY_MALFORMED', `${path} cannot be read: ${error.code ?? error.message}`);
  });
  if (bytes === undefined) {
    return undefined;
  }
  await requirePrivate(path);
  return parseSeed(textOf(needs, which, bytes), path);
}

function parseSeed(text: string, where: string): Uint8Array {
  const trimmed = text.trim();
  if (!/^[0-9a-f]{64}$/.test(trimmed)) {
    throw new HansaError('KEY_MALFORMED', `${where} does not hold 64 lower-case hex digits`);
  }
  return fromHex(trimmed);
}

async function requirePrivate(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new HansaError('KEY_EXPOSED', `${path} can be read by others`, {
      fix: `chmod 600 ${path}, then restart`,
    });
  }
}

/** Mode 600, whole or not at all, on the disk before it is relied on. */
export async function writeSecret(path: string, text: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(temporary, 0o600);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Until the folder is on the disk too, a power cut may take the new name with it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
