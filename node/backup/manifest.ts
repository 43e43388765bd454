// What a backup folder says about itself. The manifest is written last and replaced whole: what it
// does not name is no part of the backup.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  clusterIdSchema,
  HansaError,
  toHex,
  utf8,
  type ClusterId,
  type Crypto,
} from '@hansa/foundation';
import { z } from 'zod';
import { writeSecret } from '../key-folder.ts';

export const manifestFile = 'backup.json';
export const blobsFolder = 'blobs';
export const keysFolder = 'keys';
export const sealFile = 'seal.json';

export interface BackupFile {
  /** Relative to the backup's folder. */
  readonly file: string;
  readonly bytes: number;
  /** BLAKE3, hex. */
  readonly digest: string;
}

export interface BackupManifest {
  readonly format: 1;
  /** Of the release that wrote it. */
  readonly version: string;
  readonly cluster: ClusterId;
  readonly name: string;
  readonly createdMs: number;
  /** All of the store is as it was at it. */
  readonly revision: number;
  readonly store: BackupFile & { readonly records: number };
  /** A line for each blob: its id and its size. */
  readonly blobs: BackupFile & { readonly count: number; readonly blobBytes: number };
  /** Empty where the keys are kept elsewhere. */
  readonly keys: readonly BackupFile[];
  /** The keyring, where records and keys are sealed as they are in the node's data folder. */
  readonly seal?: BackupFile | undefined;
}

const backupFile = {
  // in the folder, or one below
  file: z.string().regex(/^(?:[a-z]+\/)?[a-z0-9][a-z0-9.-]{1,120}$/),
  bytes: z.number().int().nonnegative(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
};
const schema: z.ZodType<BackupManifest> = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  cluster: clusterIdSchema,
  name: z.string(),
  createdMs: z.number(),
  revision: z.number().int().nonnegative(),
  store: z.object({ ...backupFile, records: z.number() }),
  blobs: z.object({ ...backupFile, count: z.number(), blobBytes: z.number() }),
  keys: z.array(z.object(backupFile)).max(8),
  seal: z.object(backupFile).optional(),
});

/** With the digest of all that it says, as its last line. */
export async function writeManifest(
  crypto: Crypto,
  folder: string,
  manifest: BackupManifest,
): Promise<void> {
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  await writeSecret(join(folder, manifestFile), `${text}${toHex(crypto.hash(utf8(text)))}\n`);
}

/** Undefined where there is none; BACKUP_INVALID where it is not what was written. */
export async function readManifest(
  crypto: Crypto,
  folder: string,
): Promise<BackupManifest | undefined> {
  const path = join(folder, manifestFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (text === undefined) {
    return undefined;
  }
  const at = text.lastIndexOf('}') + 2;
  const digest = text.slice(at).trim();
  try {
    if (digest !== toHex(crypto.hash(utf8(text.slice(0, at))))) {
      throw new TypeError('its digest is another one');
    }
    return schema.parse(JSON.parse(text.slice(0, at)));
  } catch (error) {
    throw new HansaError('BACKUP_INVALID', `${path} is not what was written`, { cause: error });
  }
}

/** BACKUP_INVALID where there is none. */
export async function requireManifest(crypto: Crypto, folder: string): Promise<BackupManifest> {
  const manifest = await readManifest(crypto, folder);
  if (manifest === undefined) {
    throw new HansaError('BACKUP_INVALID', `there is no backup in ${folder}`);
  }
  return manifest;
}
