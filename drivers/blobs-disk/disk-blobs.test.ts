import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemRandom } from '@hansa/system-node';
import { blobsSuite } from '../../testkit/blobs.suite.ts';
import { openDiskBlobs } from './index.ts';

const crypto = createNodeCrypto();
const random = createSystemRandom();

blobsSuite('blobs on a disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hansa-blobs-'));
  const blobs = await openDiskBlobs({ folder, crypto, random });
  return {
    crypto,
    blobs,
    reopen: () => openDiskBlobs({ folder, crypto, random }),
    async corrupt(id, at) {
      const file = await open(join(folder, 'blobs', id.slice(0, 2), id), 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, at);
      await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, at);
      await file.close();
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
