// A process that seals an LMDB store, or seals it anew under another data key, and says each step
// on its output. It is killed in the middle; what it left is for the test that started it.
import { readSync, writeSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openKeyring, readKeyEncryptionKey } from '../drivers/sealing-age/index.ts';
import { openSealedLmdbStore } from '../drivers/store-lmdb/index.ts';
import { createSystemClock } from '../drivers/system-node/index.ts';

const [, , folder = '', key = '', what = 'seal'] = process.argv;
const kek = await readKeyEncryptionKey({ key });
const keyring = await openKeyring({
  file: join(folder, 'seal.json'),
  kek,
  nowMs: () => 0,
  // Whole or not at all, as a node writes it: half a keyring is damage.
  async write(file, text) {
    await writeFile(`${file}.half`, text, { flush: true });
    await rename(`${file}.half`, file);
  },
});
if (keyring === undefined) {
  throw new Error('a key was given');
}
writeSync(1, 'opening\n');
readSync(0, new Uint8Array(1)); // whoever ends it is ready
const { store, reseal } = await openSealedLmdbStore({
  folder: join(folder, 'store'),
  clock: createSystemClock(),
  sealer: keyring.sealer,
  sealsFirst: !keyring.state().complete,
  establish: () => keyring.establish(),
});
writeSync(1, 'opened\n');
await keyring.completed();
writeSync(1, 'sealed\n');
if (what === 'rotate') {
  await keyring.beginRotation();
  let after: Uint8Array | undefined;
  do {
    ({ after } = await reseal(after));
    writeSync(1, 'piece\n');
  } while (after !== undefined);
  await keyring.endRotation();
  writeSync(1, 'rotated\n');
}
await store.close();
