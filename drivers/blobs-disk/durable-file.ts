// Files that are there after a power cut, or not at all.
import { open, type FileHandle } from 'node:fs/promises';
import { HansaError } from '@hansa/foundation';

const fileMode = 0o600;

/** A new file for this user alone; it must not exist. */
export function createFile(path: string): Promise<FileHandle> {
  return open(path, 'wx+', fileMode);
}

/** Writes all of the bytes at a position: one write may take fewer. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** Up to `length` bytes from a position; fewer only where the file ends. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) {
      break;
    }
    done += bytesRead;
  }
  return done === length ? bytes : bytes.slice(0, done);
}

/** A rename is durable when the folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Runs `act`; a full disk becomes DISK_FULL. */
export async function onDisk<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) {
      throw new HansaError('DISK_FULL', 'there is no room left for the blob', { cause: error });
    }
    throw error;
  }
}

/** What `act` gives, or undefined where the file is not there. */
export async function ifThere<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return undefined;
    }
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
