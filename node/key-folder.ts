// The cluster's and the node's keys as files that only the owner of the process may read, or from
// the environment. A key that cannot be used is a reason not to federate, never a reason to make
// another one.
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeySeeds } from '@hansa/capabilities/identity/capability';
import { fromHex, HansaError, toHex, type Random } from '@hansa/foundation';

export interface KeyFolderNeeds {
  readonly folder: string;
  readonly random: Random;
  /**
   * `HANSA_CLUSTER_KEY`, `HANSA_CLUSTER_NEXT_KEY`, `HANSA_NODE_KEY`: hex, in place of the files.
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Whether the store already knows an identity: then a missing key is a loss, not a first start.
   */
  readonly known: boolean;
}

const files = {
  cluster: { file: 'cluster.key', variable: 'HANSA_CLUSTER_KEY' },
  next: { file: 'cluster-next.key', variable: 'HANSA_CLUSTER_NEXT_KEY' },
  node: { file: 'node.key', variable: 'HANSA_NODE_KEY' },
} as const;

/** The seeds, or why they cannot be used. */
export async function readKeys(needs: KeyFolderNeeds): Promise<KeySeeds | HansaError> {
  await mkdir(needs.folder, { recursive: true, mode: 0o700 });
  try {
    const cluster = await readSeed(needs, 'cluster', needs.known);
    const next = await readSeed(needs, 'next', needs.known);
    // A node key is replaceable: the cluster key certifies whatever node it names.
    const node = await readSeed(needs, 'node', false);
    return { cluster, next, node };
  } catch (error) {
    if (error instanceof HansaError) {
      return error;
    }
    throw error;
  }
}

async function readSeed(
  needs: KeyFolderNeeds,
  which: keyof typeof files,
  mustExist: boolean,
): Promise<Uint8Array> {
  const { file, variable } = files[which];
  const given = needs.environment[variable];
  if (given !== undefined) {
    return parseSeed(given, `the environment variable ${variable}`);
  }
  const path = join(needs.folder, file);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw new HansaError('KEY_MALFORMED', `${path} cannot be read: ${error.code ?? error.message}`);
  });
  if (text !== undefined) {
    await requirePrivate(path);
    return parseSeed(text, path);
  }
  if (mustExist) {
    throw new HansaError('KEY_MISMATCH', `${path} is missing, and this cluster was made with it`);
  }
  const seed = needs.random.bytes(32);
  await writeSecret(path, `${toHex(seed)}\n`);
  return seed;
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
export async function writeSecret(path: string, text: string): Promise<void> {
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
