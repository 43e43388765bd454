// One process at a time in a data folder. Each holder has a numbered file that says who it is; a
// successor links the next number, which the file system lets exactly one do, and the highest
// number counts. No file is ever taken over or replaced, so nobody can remove a lock that somebody
// else has just made.
import { link, mkdir, readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { describeProcess, isSameProcess, type ProcessIdentity } from './process-identity.ts';

export interface FolderLock {
  /** Lets the next process in; further calls do nothing. */
  release(): Promise<void>;
}

const lockName = /^holder\.(\d{1,15})$/;
const draftName = 'holder-draft.';
const attemptsMax = 100; // each lost attempt means that another process won; it is then found alive

interface Holder {
  readonly number: number;
  /** Undefined where the file is empty (released, or cut short by a power cut) or not ours. */
  readonly process: ProcessIdentity | undefined;
}

/** FOLDER_LOCKED, naming the holder, where a process that still runs has it. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `${draftName}${randomUUID()}`);
  const self = JSON.stringify(await describeProcess(process.pid));
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      await writeFile(draft, self, { mode: 0o600 });
      const number = await claim(folder, draft);
      if (number !== undefined) {
        return createLock(join(folder, `holder.${number}`));
      }
    }
    throw new HansaError('FOLDER_LOCKED', `other processes keep taking ${folder}`);
  } finally {
    await unlink(draft).catch(ignoreMissing);
  }
}

function createLock(file: string): FolderLock {
  let held = true;
  return {
    async release() {
      if (held) {
        held = false;
        // The file stays, empty: numbers only rise, so a slow process cannot make an old one anew.
        await truncate(file, 0).catch(ignoreMissing);
      }
    },
  };
}

/**
 * The number that is ours now; undefined where another process was faster and it must be looked at.
 */
async function claim(folder: string, draft: string): Promise<number | undefined> {
  const last = await lastHolder(folder);
  if (last?.process !== undefined && (await isSameProcess(last.process))) {
    const { pid } = last.process;
    throw new HansaError('FOLDER_LOCKED', `process ${pid} holds ${folder}`, { facts: { pid } });
  }
  const number = (last?.number ?? 0) + 1;
  const file = join(folder, `holder.${number}`);
  try {
    await link(draft, file);
  } catch (error) {
    // Taken by another process, or our draft swept away by one that has just won: look again.
    if (isCode(error, 'EEXIST') || isCode(error, 'ENOENT')) {
      return undefined;
    }
    throw error;
  }
  // Whoever stood still between looking and linking may find that higher numbers have come
  // meanwhile.
  const highest = Math.max(...(await numbers(folder)));
  if (highest > number) {
    await unlink(file).catch(ignoreMissing);
    return undefined;
  }
  await sweep(folder, number);
  return number;
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => {
    const digits = lockName.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

async function lastHolder(folder: string): Promise<Holder | undefined> {
  const number = Math.max(0, ...(await numbers(folder)));
  if (number === 0) {
    return undefined;
  }
  const text = await readFile(join(folder, `holder.${number}`), 'utf8').catch((error: unknown) => {
    ignoreMissing(error);
    return '';
  });
  return { number, process: parseHolder(text) };
}

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    const found: Partial<ProcessIdentity> = JSON.parse(text);
    return typeof found.pid === 'number' && typeof found.started === 'string'
      ? { pid: found.pid, started: found.started }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Removes what earlier processes left. The predecessor's file stays, so that a reader of the folder
 * always meets a high number.
 */
async function sweep(folder: string, number: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const digits = lockName.exec(name)?.[1];
    if (name.startsWith(draftName) || (digits !== undefined && Number(digits) < number - 1)) {
      await unlink(join(folder, name)).catch(ignoreMissing);
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function ignoreMissing(error: unknown): void {
  if (!isCode(error, 'ENOENT')) {
    throw error;
  }
}
