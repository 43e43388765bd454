// Certificates and their keys as files: nobody else reads them, and none is half written.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateFiles } from '@hansa/capabilities/certificates/cli';
import { HansaError } from '@hansa/foundation';

export const certificateFiles: CertificateFiles = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw new HansaError('INPUT_INVALID', `${path} cannot be read`, { cause });
    }
  },
  async requireFree(folder, names) {
    const there = names.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (there !== undefined) {
      throw new HansaError('INPUT_INVALID', `${there} is there already: it is not replaced`, {
        fix: 'choose another folder, or repeat the command with --yes',
      });
    }
  },
  async write(folder, files) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const [name, text] of Object.entries(files)) {
        await writeWhole(join(folder, name), text);
      }
    } catch (cause) {
      throw new HansaError('INPUT_INVALID', `${folder} cannot be written`, { cause });
    }
    return Object.keys(files).map((name) => join(folder, name));
  },
};

/** Mode 600 from the first byte; an older file stays until the new one is whole. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path).catch(async (error: unknown) => {
    await rm(temporary, { force: true });
    throw error;
  });
}
