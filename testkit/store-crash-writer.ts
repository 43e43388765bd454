// A process that writes to an LMDB store from many callers at once and says on its output what was
// acknowledged, one line each: its caller, its number, its revision. It runs until it is killed.
import { writeSync } from 'node:fs';
import { utf8 } from '@hansa/foundation';
import { openLmdbStore } from '../drivers/store-lmdb/index.ts';
import { createSystemClock } from '../drivers/system-node/index.ts';

const callers = 64;
const keysPerCaller = 8; // few, so that every key has a history

const [, , folder = '', round = '0'] = process.argv;
const store = await openLmdbStore({ folder, clock: createSystemClock() });

/** A line is shorter than what a pipe takes whole; a pipe that is full is asked again. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) {
        throw error;
      }
    }
  }
}

async function call(caller: number): Promise<never> {
  for (let number = 0; ; number += 1) {
    const key = utf8(`caller/${caller}/${number % keysPerCaller}`);
    const { revision } = await store.set(key, utf8(`${round}.${number}`));
    // Synchronously, and after the acknowledgement: the line is out before anything else happens.
    say(`${caller} ${number} ${revision}\n`);
  }
}

await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
