import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, toHex, utf8 } from '@hansa/foundation';
import { generateIdentity } from 'age-encryption';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKeyEncryptionKey } from './key-encryption.ts';

let folder: string;
const key = new Uint8Array(32).map((_, index) => index * 7);
const dataKey = new Uint8Array(32).fill(9);
const about = utf8('hansa data key 1:');

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-seal-key-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

test('a key reads alike as bytes, hex and base64, from a file or the environment', async () => {
  const base64 = Buffer.from(key).toString('base64');
  const sources = [
    { keyFile: file('raw', key) },
    { keyFile: file('hex', `${toHex(key)}\n`) },
    { keyFile: file('capitals', toHex(key).toUpperCase()) },
    { keyFile: file('base64', `${base64}\n`) },
    { key: toHex(key) },
    { key: base64 },
    { key: Buffer.from(key).toString('base64url') },
  ];
  const checks = new Set<string>();
  for (const source of sources) {
    checks.add((await readKeyEncryptionKey(source))?.check ?? '');
  }
  expect(checks.size).toBe(1);
  expect([...checks].join('')).not.toContain(toHex(key).slice(0, 8));
});

test('a data key comes back from the key that wrapped it, and from no other', async () => {
  const own = await readKeyEncryptionKey({ key: toHex(key) });
  const other = await readKeyEncryptionKey({ key: toHex(key.map((byte) => byte ^ 1)) });
  const wrapped = await own?.wrap(dataKey, about);
  expect(await own?.unwrap(wrapped ?? key, about)).toEqual(dataKey);
  await expect(other?.unwrap(wrapped ?? key, about)).rejects.toThrow(/authenticate/);
  await expect(own?.unwrap(wrapped ?? key, utf8('data key 2:'))).rejects.toThrow(/authenticate/);
});

test('an age identity opens what was wrapped to its recipient', async () => {
  const identity = await generateIdentity();
  const path = file('age.txt', `# created: today\n${identity}\n`);
  const own = await readKeyEncryptionKey({ ageIdentityFile: path });
  const other = await readKeyEncryptionKey({
    ageIdentityFile: file('other.txt', await generateIdentity()),
  });
  expect(own?.by).toBe('age');
  expect(own?.check).toMatch(/^age1/);
  const wrapped = (await own?.wrap(dataKey, about)) ?? new Uint8Array(0);
  expect(equalBytes((await own?.unwrap(wrapped, about)) ?? new Uint8Array(0), dataKey)).toBe(true);
  await expect(other?.unwrap(wrapped, about)).rejects.toThrow(/identity/);
  await expect(own?.unwrap(wrapped, utf8('data key 2:'))).rejects.toThrow('another');
});

test('what is no key is refused without a word of what it is', async () => {
  const passphrase = 'correct horse battery staple';
  const refused = [
    { keyFile: file('phrase', passphrase) },
    { keyFile: file('short', toHex(key).slice(2)) },
    { keyFile: file('huge', new Uint8Array(65 * 1_024)) },
    { keyFile: join(folder, 'none') },
    { keyFile: folder },
    { key: passphrase },
    { ageIdentityFile: file('no-identity', passphrase) },
    { ageIdentityFile: file('empty', '# nothing\n') },
  ];
  for (const source of refused) {
    const error: unknown = await readKeyEncryptionKey(source).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(SEAL_KEY_MALFORMED|KEY_EXPOSED)$/),
    });
    expect(String(error)).not.toContain('horse');
  }
});

test('a key file that others may read, or two keys at once, are refused', async () => {
  const open = file('open', toHex(key));
  chmodSync(open, 0o644);
  await expect(readKeyEncryptionKey({ keyFile: open })).rejects.toMatchObject({
    code: 'KEY_EXPOSED',
  });
  await expect(
    readKeyEncryptionKey({ keyFile: file('one', toHex(key)), key: toHex(key) }),
  ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await readKeyEncryptionKey({})).toBeUndefined();
});
