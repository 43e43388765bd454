import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { concatBytes, toHex, utf8 } from '../bytes.ts';
import { deletePrefix } from './delete-prefix.ts';
import { prefixDeleteBytesMax, prefixDeleteKeysMax } from './rules.ts';
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

const deleteAtOnce = (store: KeyValueStore) =>
  store.transact({ if: [], then: [{ delete: { prefix: utf8('ab') } }] });

test('a prefix of so many keys is deleted at once; one more is STORE_LIMIT, and all stay', async () => {
  const store = makeStore();
  const keys = Array.from({ length: prefixDeleteKeysMax + 1 }, (_, at) => utf8(`ab${at}`));
  for (let at = 0; at < keys.length; at += storeLimits.transactionOpsMax) {
    const some = keys.slice(at, at + storeLimits.transactionOpsMax);
    await store.batchWrite(some.map((key) => ({ put: { key, value: utf8('') } })));
  }
  const before = (await store.status()).revision;
  await expect(deleteAtOnce(store)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect((await store.status()).revision).toBe(before);
  await store.delete(utf8('ab0'));
  await expect(deleteAtOnce(store)).resolves.toMatchObject({
    results: [{ delete: { deleted: prefixDeleteKeysMax } }],
  });
});

test('a prefix of so many bytes is deleted at once; one more is STORE_LIMIT, and all stay', async () => {
  const store = makeStore();
  const count = prefixDeleteBytesMax / storeLimits.valueBytesMax;
  const key = (at: number) => concatBytes([utf8('ab'), Uint8Array.of(at)]);
  const value = new Uint8Array(storeLimits.valueBytesMax - key(0).length);
  for (let at = 0; at < count; at += 1) {
    await store.set(key(at), value);
  }
  await store.set(key(0), new Uint8Array(value.length + 1));
  const before = (await store.status()).revision;
  await expect(deleteAtOnce(store)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect((await store.status()).revision).toBe(before);
  await store.set(key(0), value);
  await expect(deleteAtOnce(store)).resolves.toMatchObject({
    results: [{ delete: { deleted: count } }],
  });
});

test('a store that is closed is an error, not a reason to try in parts', async () => {
  const store = makeStore();
  await store.close();
  await expect(deletePrefix(store, utf8('a'))).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  });
});
