// Reading a whole backup and holding it against its manifest. No node is asked, and no key.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { blobIdSchema, HansaError, type BlobInfo, type Crypto } from '@hansa/foundation';
import { requireManifest, type BackupFile, type BackupManifest } from './manifest.ts';
import { digestOfFile } from './record-file.ts';
import { blobPath } from './writing.ts';

const problemsMax = 100; // the first of them say enough
const progressEvery = 1_000;

export interface BackupReport {
  readonly manifest: BackupManifest;
  /** A sentence for each; empty where the backup is what was written. */
  readonly problems: readonly string[];
}

/** BACKUP_INVALID where there is no manifest, or it is damaged itself. */
export async function verifyBackup(
  crypto: Crypto,
  folder: string,
  progress: (line: string) => void,
): Promise<BackupReport> {
  const manifest = await requireManifest(crypto, folder);
  const problems: string[] = [];
  const found = (sentence: string): void => {
    if (problems.length < problemsMax) {
      problems.push(sentence);
    }
  };
  const seal = manifest.seal === undefined ? [] : [manifest.seal];
  for (const each of [manifest.store, manifest.blobs, ...manifest.keys, ...seal]) {
    await verifyFile(crypto, folder, { each, found });
  }
  let count = 0;
  for await (const info of listedBlobs(folder, manifest)) {
    await verifyBlob(crypto, folder, { info, found });
    count += 1;
    if (count % progressEvery === 0) {
      progress(`${count} of ${manifest.blobs.count} blobs`);
    }
  }
  if (count !== manifest.blobs.count) {
    found(`${manifest.blobs.file} names ${count} blobs, not ${manifest.blobs.count}`);
  }
  return { manifest, problems };
}

type Found = (sentence: string) => void;

async function verifyFile(
  crypto: Crypto,
  folder: string,
  { each, found }: { readonly each: BackupFile; readonly found: Found },
): Promise<void> {
  const is = await digestOfFile(crypto, join(folder, each.file)).catch(() => undefined);
  if (is === undefined) {
    found(`${each.file} is missing`);
  } else if (is.digest !== each.digest || is.bytes !== each.bytes) {
    found(`${each.file} is not what was written`);
  }
}

async function verifyBlob(
  crypto: Crypto,
  folder: string,
  { info, found }: { readonly info: BlobInfo; readonly found: Found },
): Promise<void> {
  const is = await digestOfFile(crypto, blobPath(folder, info.id)).catch(() => undefined);
  if (is === undefined) {
    found(`blob ${info.id} is missing`);
  } else if (is.digest !== info.id) {
    found(`blob ${info.id} is not what its id says`);
  }
}

/** What the backup's list names; nothing where the list itself is missing. */
export async function* listedBlobs(
  folder: string,
  { blobs }: BackupManifest,
): AsyncIterable<BlobInfo> {
  const input = createReadStream(join(folder, blobs.file));
  try {
    for await (const line of createInterface({ input })) {
      const [text, size] = line.split(' ');
      const id = blobIdSchema.safeParse(text);
      const sizeBytes = Number(size);
      if (id.success && Number.isSafeInteger(sizeBytes)) {
        yield { id: id.data, sizeBytes };
      }
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw error;
    }
  }
}

/** BACKUP_INVALID with the first problem where there is one. */
export function requireWhole({ problems }: BackupReport): void {
  const [first] = problems;
  if (first !== undefined) {
    throw new HansaError('BACKUP_INVALID', first, { facts: { problems: problems.length } });
  }
}
