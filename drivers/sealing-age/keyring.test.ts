import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8, toHex, utf8 } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readKeyEncryptionKey, type KeyEncryptionKey } from './key-encryption.ts';
import { openKeyring, type Keyring } from './keyring.ts';

let folder: string;
let file: string;
let key: KeyEncryptionKey;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-keyring-'));
  file = join(folder, 'seal.json');
  key = await keyOf(1);
});
afterEach(() => rmSync(folder, { recursive: true }));

async function keyOf(byte: number): Promise<KeyEncryptionKey> {
  const made = await readKeyEncryptionKey({ key: toHex(new Uint8Array(32).fill(byte)) });
  if (made === undefined) {
    throw new Error('no key');
  }
  return made;
}

async function open(kek: KeyEncryptionKey = key): Promise<Keyring> {
  const opened = await openKeyring({ file, kek, nowMs: () => 1_000, write: writeFile });
  if (opened === undefined) {
    throw new Error('no keyring');
  }
  await opened.establish();
  return opened;
}

const here = utf8('keys/cluster.key');

describe('a keyring', () => {
  test('opens what it has sealed after it was opened anew, and never says it in plain', async () => {
    const sealed = (await open()).sealer.seal(here, utf8('a secret'));
    expect(Buffer.from(sealed).toString('latin1')).not.toContain('secret');
    expect(fromUtf8((await open()).sealer.open(here, sealed))).toBe('a secret');
  });

  test('seals the same twice into different bytes', async () => {
    const { sealer } = await open();
    const [one, two] = [sealer.seal(here, utf8('x')), sealer.seal(here, utf8('x'))];
    expect(toHex(one)).not.toBe(toHex(two));
    expect(toHex(one.subarray(33))).not.toBe(toHex(two.subarray(33)));
  });

  test('calls damage what was moved, what changed in any byte, and what is not sealed', async () => {
    const { sealer } = await open();
    const sealed = sealer.seal(here, utf8('a secret'));
    const harmed = [...sealed.keys()].map((at) => {
      const copy = Uint8Array.from(sealed);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    });
    for (const bytes of [...harmed, sealed.subarray(0, 20), utf8('plain'), new Uint8Array(0)]) {
      expect(() => sealer.open(here, bytes)).toThrow(
        expect.objectContaining({ code: 'STORE_DAMAGED' }),
      );
    }
    expect(() => sealer.open(utf8('keys/node.key'), sealed)).toThrow(
      expect.objectContaining({ code: 'STORE_DAMAGED' }),
    );
  });

  test('is not opened without its key, by another, or after a byte of it has changed', async () => {
    await open();
    const without = openKeyring({ file, kek: undefined, nowMs: () => 0, write: writeFile });
    await expect(without).rejects.toMatchObject({
      code: 'SEAL_KEY_MISSING',
      fix: expect.stringContaining('--seal-key-file'),
    });
    await expect(open(await keyOf(2))).rejects.toMatchObject({ code: 'SEAL_KEY_WRONG' });
    const text = readFileSync(file, 'utf8');
    const changes: readonly (readonly [string, string])[] = [
      ['"complete": false', '"complete": true'],
      ['"madeMs": 1000', '"madeMs": 1001'],
      ['"version": 1', '"version": 2'],
      ['"wrapped": "', '"wrapped": "A'],
      ['"format": 1', '"format": 2'],
      ['}', ''],
    ];
    for (const [from, to] of changes) {
      writeFileSync(file, text.replace(from, to));
      await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    }
  });

  test('goes under another key with nothing sealed anew', async () => {
    const before = await open();
    const sealed = before.sealer.seal(here, utf8('a secret'));
    const next = await keyOf(2);
    await before.rewrap(next);
    await expect(open()).rejects.toMatchObject({ code: 'SEAL_KEY_WRONG' });
    const after = await open(next);
    expect(fromUtf8(after.sealer.open(here, sealed))).toBe('a secret');
    expect(after.sealer.isCurrent(sealed)).toBe(true);
  });

  test('in a rotation opens what the older key sealed, and after it no more', async () => {
    const first = await open();
    const old = first.sealer.seal(here, utf8('a secret'));
    await first.beginRotation();
    await first.beginRotation();
    const during = await open();
    expect(during.state()).toMatchObject({ version: 2, rotating: true });
    expect(during.sealer.isCurrent(old)).toBe(false);
    const anew = during.sealer.seal(here, during.sealer.open(here, old));
    expect(during.sealer.isCurrent(anew)).toBe(true);
    await during.endRotation();
    const after = await open();
    expect(after.state()).toMatchObject({ version: 2, rotating: false });
    expect(fromUtf8(after.sealer.open(here, anew))).toBe('a secret');
    expect(() => after.sealer.open(here, old)).toThrow(
      expect.objectContaining({ code: 'STORE_DAMAGED' }),
    );
  });

  test('remembers that all is sealed', async () => {
    const first = await open();
    expect(first.state()).toEqual({
      by: 'key',
      complete: false,
      version: 1,
      madeMs: 1_000,
      rotating: false,
    });
    await first.completed();
    expect((await open()).state().complete).toBe(true);
    expect(
      await openKeyring({ file: `${file}.none`, kek: undefined, nowMs: () => 0, write: writeFile }),
    ).toBeUndefined();
  });
});
