import { expect, test } from 'vitest';
import { createArgon2Hashing } from './index.ts';

const hashing = createArgon2Hashing();

test('what is kept says how it was made, and is another one every time', async () => {
  const one = await hashing.hash('a long sentence');
  const other = await hashing.hash('a long sentence');
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/);
  expect(one).not.toBe(other);
  expect(await hashing.verify(one, 'a long sentence')).toBe(true);
  expect(await hashing.verify(other, 'a long sentence')).toBe(true);
  expect(await hashing.verify(one, 'a long sentence.')).toBe(false);
});

test('a string that was made at another cost verifies', async () => {
  const { hashRaw } = await import('@node-rs/argon2');
  const raw = await hashRaw('password', {
    algorithm: 2,
    memoryCost: 1_024,
    timeCost: 2,
    parallelism: 1,
    salt: Buffer.from('somesalt'),
  });
  const bare = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  const phc = `$argon2id$v=19$m=1024,t=2,p=1$${bare(Buffer.from('somesalt'))}$${bare(raw)}`;
  expect(await hashing.verify(phc, 'password')).toBe(true);
});

test.each(['', 'plain', '$argon2id$', '$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA', '$2b$10$x'])(
  'a string that is none verifies nothing: %j',
  async (phc) => {
    expect(await hashing.verify(phc, 'password')).toBe(false);
  },
);
