import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../testkit/hand-clock.ts';
import { createSeededRandom } from '../testkit/seeded-random.ts';
import { clusterKeys, keyOfSecret, openUnder, sealUnder } from './cluster-keys.ts';

const random = createSeededRandom(1);
const seeds = { cluster: random.bytes(32), next: random.bytes(32) };

function makeKeys(key = new Uint8Array(32).fill(1)) {
  const store = createMemoryStore({ clock: createHandClock() });
  return { store, keys: clusterKeys({ store, codec: createMsgpackCodec(), random, key }) };
}

test('what is sealed opens with its key and for its use alone', () => {
  const key = random.bytes(32);
  const sealed = sealUnder(key, { random, context: 'seed/cluster', plain: seeds.cluster });
  expect(openUnder(key, 'seed/cluster', sealed)).toEqual(seeds.cluster);
  expect(Buffer.from(sealed).includes(Buffer.from(seeds.cluster))).toBe(false);
  const flipped = Uint8Array.from(sealed, (byte, at) => (at === 20 ? byte ^ 1 : byte));
  for (const attempt of [
    () => openUnder(key, 'seed/next', sealed),
    () => openUnder(random.bytes(32), 'seed/cluster', sealed),
    () => openUnder(key, 'seed/cluster', flipped),
  ]) {
    expect(attempt).toThrow('opens with another key');
  }
  expect(keyOfSecret(seeds.cluster)).not.toEqual(keyOfSecret(seeds.next));
});

test('one node founds; whoever comes second is told, and changes nothing', async () => {
  const { keys } = makeKeys();
  expect(await keys.read()).toBeUndefined();
  await keys.found(seeds);
  const other = { cluster: random.bytes(32), next: random.bytes(32) };
  await expect(keys.found(other)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await keys.read()).toEqual({ ...seeds, after: undefined });
});

test('a rotation is prepared, and settled in one step; the key before is gone', async () => {
  const { keys } = makeKeys();
  await keys.found(seeds);
  const after = await keys.vault.prepare();
  expect((await keys.read())?.after).toEqual(after);
  await keys.vault.settle({ cluster: seeds.next, next: after });
  expect(await keys.read()).toEqual({ cluster: seeds.next, next: after, after: undefined });
  expect(await keys.vault.candidates()).not.toContainEqual(seeds.cluster);
});
