// Fills the disk under an LMDB store, then frees some of it and writes again; prints what happened
// as one JSON text. The file beside the store is the space that is freed.
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isHansaError, utf8 } from '@hansa/foundation';
import { openLmdbStore } from '../drivers/store-lmdb/index.ts';
import { createSystemClock } from '../drivers/system-node/index.ts';

const [, , folder = ''] = process.argv;
const ballast = join(folder, 'ballast');
await writeFile(ballast, new Uint8Array(1_024 * 1_024));
const store = await openLmdbStore({ folder: join(folder, 'store'), clock: createSystemClock() });

const written: number[] = [];
let code = '';
while (code === '') {
  try {
    const key = utf8(`k${written.length}`);
    written.push((await store.set(key, new Uint8Array(20_000))).revision);
  } catch (error) {
    code = isHansaError(error) ? error.code : String(error);
  }
}
const { entries } = await store.batchRead(written.map((_, i) => utf8(`k${i}`)));
const kept = entries.filter((entry, i) => entry?.modRevision === written[i]).length;
await unlink(ballast);
const { revision } = await store.set(utf8('later'), utf8('1'));
await store.close();
process.stdout.write(
  JSON.stringify({ code, written: written.length, kept, gap: revision - (written.at(-1) ?? 0) }),
);
