// What disks do to files.
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';

/** Flips the lowest bit of the middle byte; a second time undoes it. */
export function flipByte(file: string): void {
  const at = Math.floor(statSync(file).size / 2);
  const handle = openSync(file, 'r+');
  try {
    const byte = new Uint8Array(1);
    readSync(handle, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(handle, byte, 0, 1, at);
  } finally {
    closeSync(handle);
  }
}
