import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { concatBytes, toHex, utf8 } from '../bytes.ts';
import { deletePrefix } from './delete-prefix.ts';
import { storeLimits, type KeyValueStore } from './store.ts';

function makeStore(): KeyValueStore {
  return createMemoryStore({ clock: createHandClock(), history: { revisions: 1, ms: 0 } });
}

async function keysLeft(store: KeyValueStore): Promise<string[]> {
  const { entries } = await store.scan({ prefix: utf8('') });
  return entries.map(({ key }) => toHex(key));
}

test('what fits is deleted in one revision, and its neighbours stay', async () => {
  const store = makeStore();
  for (const key of ['a', 'ab', 'abc', 'b']) {
    await store.set(utf8(key), utf8('x'));
  }
  const { revision } = await store.status();
  await deletePrefix(store, utf8('ab'));
  expect((await store.status()).revision).toBe(revision + 1);
  expect(await keysLeft(store)).toEqual([toHex(utf8('a')), toHex(utf8('b'))]);
  await deletePrefix(store, utf8('ab'));
});

test('what is over the store’s limit is deleted in parts', async () => {
  const store = makeStore();
  const large = new Uint8Array(storeLimits.valueBytesMax);
  for (let i = 0; i < 130; i += 1) {
    await store.set(concatBytes([utf8('ab'), Uint8Array.of(i)]), large);
  }
  await store.set(utf8('b'), utf8('x'));
  await deletePrefix(store, utf8('ab'));
  expect(await keysLeft(store)).toEqual([toHex(utf8('b'))]);
});

test('a store that is closed is an error, not a reason to try in parts', async () => {
  const store = makeStore();
  await store.close();
  await expect(deletePrefix(store, utf8('a'))).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  });
});
