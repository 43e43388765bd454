import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HansaError, toHex } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSeededRandom } from '../testkit/seeded-random.ts';
import { seedOf } from '../testkit/test-cluster.ts';
import { createKeyVault, readKeys, type KeyFolderNeeds } from './key-folder.ts';

let folder: string;
let seed = 0; // every opening of the folder draws other keys

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-keys-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function needs(environment: KeyFolderNeeds['environment'] = {}, known = false): KeyFolderNeeds {
  seed += 1;
  return { folder, random: createSeededRandom(seed), environment, known };
}

async function keysNow(given = needs({}, true)) {
  const keys = await readKeys(given);
  if (keys instanceof HansaError) {
    throw keys;
  }
  return keys;
}

describe('the vault of key files', () => {
  test('keeps the key after the next in a private file until it is settled', async () => {
    const first = await keysNow(needs());
    const vault = createKeyVault(needs({}, true));
    const after = await vault.prepare();
    expect(statSync(join(folder, 'cluster-after.key')).mode & 0o777).toBe(0o600);
    expect((await keysNow()).after).toEqual(after);
    await vault.settle({ cluster: first.next, next: after });
    const second = await keysNow();
    expect(second).toMatchObject({ cluster: first.next, next: after, node: first.node });
    expect(second.after).toBeUndefined();
    expect(readdirSync(folder)).not.toContain('cluster-after.key');
  });

  test('hands out what can be read where a file is damaged, open to others, or gone', async () => {
    const first = await keysNow(needs());
    const vault = createKeyVault(needs({}, true));
    rmSync(join(folder, 'cluster.key'));
    expect(await vault.candidates()).toEqual([first.next]);
    chmodSync(join(folder, 'cluster-next.key'), 0o644);
    expect(await vault.candidates()).toEqual([]);
  });

  test('writes no file for keys of the environment, and makes none up', async () => {
    const environment = {
      HANSA_CLUSTER_KEY: toHex(seedOf(1)),
      HANSA_CLUSTER_NEXT_KEY: toHex(seedOf(2)),
    };
    const bare = createKeyVault(needs(environment, true));
    await expect(bare.prepare()).rejects.toMatchObject({ code: 'ROTATION_UNPREPARED' });
    const given = needs({ ...environment, HANSA_CLUSTER_AFTER_KEY: toHex(seedOf(3)) }, true);
    const vault = createKeyVault(given);
    expect(await vault.prepare()).toEqual(seedOf(3));
    await vault.settle({ cluster: seedOf(2), next: seedOf(3) });
    expect(readdirSync(folder)).toEqual([]);
    expect(await vault.candidates()).toEqual([seedOf(1), seedOf(2), seedOf(3)]);
  });

  test('takes no seed from the environment that is in use already', async () => {
    const used = {
      HANSA_CLUSTER_KEY: toHex(seedOf(1)),
      HANSA_CLUSTER_NEXT_KEY: toHex(seedOf(2)),
      HANSA_CLUSTER_AFTER_KEY: toHex(seedOf(2)),
    };
    const vault = createKeyVault(needs(used, true));
    await expect(vault.prepare()).rejects.toMatchObject({ code: 'ROTATION_UNPREPARED' });
  });

  test('leaves nothing of a seed that was rotated away on the disk', async () => {
    const first = await keysNow(needs());
    const vault = createKeyVault(needs({}, true));
    const after = await vault.prepare();
    await vault.settle({ cluster: first.next, next: after });
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    expect(texts.join()).not.toContain(toHex(first.cluster));
  });
});
