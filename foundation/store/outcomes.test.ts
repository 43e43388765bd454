import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { utf8 } from '../bytes.ts';
import { idempotencyKeyBytesMax } from './outcomes.ts';

test('an idempotency key has so many bytes; one more is STORE_LIMIT, and nothing is done', async () => {
  const store = createMemoryStore({ clock: createHandClock() });
  const put = { put: { key: utf8('a'), value: utf8('1') } };
  const once = (idempotencyKey: string) =>
    store.transact({ if: [], then: [put] }, { idempotencyKey });
  const longest = 'é'.repeat(idempotencyKeyBytesMax / 2);
  await expect(once(`${longest}x`)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect((await store.get(utf8('a'))).entry).toBeNull();
  const { revision } = await once(longest);
  expect((await once(longest)).revision).toBe(revision);
});
