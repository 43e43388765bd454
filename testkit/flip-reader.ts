// A process that opens a store on a damaged file and says what it reads: LMDB may take it down.
// Each line of its input is a folder; each line of its output the letters of what was found there:
// r right, a absent, d damaged, W wrong.
import { createInterface } from 'node:readline';
import { fromUtf8, isHansaError, utf8 } from '@hansa/foundation';
import { openLmdbStore } from '@hansa/store-lmdb';

const keys = 60; // as the test wrote them
const clock = {
  now: () => 0,
  monotonicMs: () => 0,
  sleep: () => new Promise<void>(() => undefined),
};

for await (const folder of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await readAll(folder)}\n`);
}

async function readAll(folder: string): Promise<string> {
  try {
    const store = await openLmdbStore({ folder, clock });
    let seen = '';
    for (let index = 0; index < keys; index += 1) {
      seen += await readOne(store, index);
    }
    await store.close();
    return seen;
  } catch (error) {
    return isHansaError(error) ? 'd' : `d ${String(error)}`;
  }
}

async function readOne(
  store: Awaited<ReturnType<typeof openLmdbStore>>,
  index: number,
): Promise<string> {
  try {
    const { entry } = await store.get(utf8(`key-${index}`));
    if (entry === null) {
      return 'a';
    }
    return fromUtf8(entry.value) === `value ${index}`.repeat(20) ? 'r' : 'W';
  } catch {
    return 'd';
  }
}
