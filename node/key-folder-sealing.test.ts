import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMutex, HansaError, isSealed, toHex, type Sealer } from '@hansa/foundation';
import { createSealer } from '@hansa/sealing-age';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSeededRandom } from '../testkit/seeded-random.ts';
import { seedOf } from '../testkit/test-cluster.ts';
import {
  createKeyVault,
  readKeys,
  sealKeyFiles,
  unsealKeyFiles,
  type KeyFolderNeeds,
} from './key-folder.ts';

let folder: string;
let version = 1;
let complete = false;
const sealer: Sealer = createSealer({
  current: () => version,
  key: (which) => new Uint8Array(32).fill(which),
});
const random = createSeededRandom(1);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-sealed-keys-'));
  version = 1;
  complete = false;
});
afterEach(() => rmSync(folder, { recursive: true }));

function sealed(environment: KeyFolderNeeds['environment'] = {}): KeyFolderNeeds {
  const sealing = { sealer, complete: () => complete, turns: createMutex() };
  return { folder, random, environment, known: complete, sealing };
}

const plain = (): KeyFolderNeeds => ({ folder, random, environment: {}, known: true });
const bytesOf = (file: string): Buffer => readFileSync(join(folder, file));
const files = ['cluster.key', 'cluster-next.key', 'node.key'];

async function keysOf(needs: KeyFolderNeeds) {
  const keys = await readKeys(needs);
  if (keys instanceof HansaError) {
    throw keys;
  }
  return keys;
}

describe('key files of a sealed folder', () => {
  test('are sealed from the first on, and give the same keys again', async () => {
    const keys = await keysOf(sealed());
    for (const file of files) {
      expect(isSealed(bytesOf(file))).toBe(true);
      expect(bytesOf(file).toString('latin1')).not.toContain(toHex(keys.cluster).slice(0, 16));
    }
    complete = true;
    expect(await keysOf(sealed())).toEqual(keys);
  });

  test('are written in plain for a store that nothing seals, and are the same keys', async () => {
    const keys = await keysOf(sealed());
    await unsealKeyFiles(sealed());
    await unsealKeyFiles(sealed()); // what is in plain stays as it is
    expect(files.map((file) => isSealed(bytesOf(file)))).toEqual([false, false, false]);
    expect(await keysOf(plain())).toEqual(keys);
  });

  test('that lie in plain are read, then sealed; once all is sealed, plain ones are refused', async () => {
    const keys = await keysOf({ ...plain(), known: false });
    const inPlain = bytesOf('cluster.key');
    expect(await keysOf(sealed())).toEqual(keys);
    await sealKeyFiles(sealed());
    expect(files.map((file) => isSealed(bytesOf(file)))).toEqual([true, true, true]);
    complete = true;
    expect(await keysOf(sealed())).toEqual(keys);
    writeFileSync(join(folder, 'cluster.key'), inPlain);
    await expect(keysOf(sealed())).rejects.toMatchObject({
      code: 'KEY_MALFORMED',
      fix: expect.stringContaining('HANSA_CLUSTER_KEY'),
    });
  });

  test('do not open in each other’s place, nor without the key', async () => {
    await keysOf(sealed());
    await expect(keysOf(plain())).rejects.toMatchObject({ code: 'SEAL_KEY_MISSING' });
    complete = true;
    renameSync(join(folder, 'node.key'), join(folder, 'cluster.key'));
    await expect(keysOf(sealed())).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  test('are sealed anew under a new data key, a rotation’s own among them', async () => {
    const first = await keysOf(sealed());
    const vault = createKeyVault(sealed());
    const after = await vault.prepare();
    version = 2;
    await sealKeyFiles(sealed());
    expect([...files, 'cluster-after.key'].every((file) => sealer.isCurrent(bytesOf(file)))).toBe(
      true,
    );
    await Promise.all([vault.settle({ cluster: first.next, next: after }), sealKeyFiles(sealed())]);
    expect(await keysOf(sealed())).toMatchObject({ cluster: first.next, next: after });
  });

  test('stay as they are where the keys come from the environment', async () => {
    const environment = {
      HANSA_CLUSTER_KEY: toHex(seedOf(1)),
      HANSA_CLUSTER_NEXT_KEY: toHex(seedOf(2)),
      HANSA_NODE_KEY: toHex(seedOf(3)),
    };
    const keys = await keysOf(sealed(environment));
    expect(keys.cluster).toEqual(seedOf(1));
    await sealKeyFiles(sealed(environment));
    expect(() => bytesOf('cluster.key')).toThrow('ENOENT');
  });

  test('that others may read are refused, sealed or not', async () => {
    await keysOf(sealed());
    chmodSync(join(folder, 'cluster.key'), 0o644);
    await expect(keysOf(sealed())).rejects.toMatchObject({ code: 'KEY_EXPOSED' });
  });
});
