// A wall clock that can be set while the process runs; timers go on as they were.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
    },
  };
}

/** What the library leaves in memory of processes that were killed: of those that are gone. */
export function clearFakeClocks(): void {
  for (const name of readdirSync('/dev/shm')) {
    const pid = /^(?:sem\.)?faketime_(?:shm|sem)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(`/dev/shm/${name}`, { force: true });
    }
  }
}
