// The folder a cluster's data lies in, made where it is missing. Level by level: where a filesystem
// makes no folders, as below /proc, the runtime's own way of making a path tries without end.
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HansaError } from '@hansa/foundation';

const refusals: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read and write there',
  ENOENT: 'no folder can be made there',
  ENOTDIR: 'it, or what it lies in, is a file and not a folder',
  EPERM: 'this user may not read and write there',
  EROFS: 'it lies on a file system that is read-only',
};

/** CONFIG_INVALID where it cannot be, or cannot be used; `path` is absolute. */
export async function makeDataFolder(path: string): Promise<void> {
  try {
    for (const folder of await missingFolders(path)) {
      await makeFolder(folder);
    }
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataFolderProblem(path, error);
  }
}

/** What the system has against it, as a sentence with a way out. */
export function dataFolderProblem(path: string, cause: unknown): HansaError {
  const code = codeOf(cause);
  const reason = refusals[code] ?? `the system says ${code}`;
  return new HansaError('CONFIG_INVALID', `${path} cannot be a data folder: ${reason}`, {
    cause,
    fix: 'name a folder of yours, or one that can be made, with --data <folder>',
  });
}

/** Outermost first. */
async function missingFolders(path: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' && dirname(folder) !== folder) {
        return undefined;
      }
      throw error;
    });
    if (found === undefined) {
      missing.unshift(folder);
    } else if (found.isDirectory()) {
      return missing;
    } else {
      throw Object.assign(new Error(`${folder} is not a folder`), { code: 'ENOTDIR' });
    }
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    // Two clusters that start together make the folder above them together.
    if (codeOf(error) !== 'EEXIST') {
      throw error;
    }
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
