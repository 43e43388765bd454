// A wall clock that can be set while the process runs; timers go on as they were.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FakeClock {
  readonly env: Readonly<Record<string, string>>;
  /** Seconds away from the true time. */
  set(offsetSeconds: number): void;
}

// Where Debian puts it, by architecture.
const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`,
);

export function createFakeClock(home: string): FakeClock {
  const library = libraries.find((path) => existsSync(path));
  if (library === undefined) {
    throw new Error('libfaketime is not where Debian puts it');
  }
  const folder = join(home, 'clock');
  mkdirSync(folder);
  const file = join(folder, 'offset');
  const set = (offsetSeconds: number): void => {
    // Never half a file: it is read at every question for the time.
    writeFileSync(`${file}.new`, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  return {
    set,
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DISABLE_SHM: '1', // else a killed process leaves some behind
    },
  };
}
