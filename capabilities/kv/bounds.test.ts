import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { scopeStore, silentLog } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { kvKind, spacesMax } from './contract.ts';
import { createKv } from './service.ts';

test('there are so many spaces; one more is STORE_LIMIT until one goes', async () => {
  const bench = createResourceBench();
  const log = await bench.open();
  const other = { kind: kvKind, name: 'other' } as ReturnType<typeof log.all>[number];
  const others = Array.from({ length: spacesMax - 1 }, () => other);
  const { kv } = createKv({
    codec: createMsgpackCodec(),
    clock: bench.clock,
    signer: bench.signer,
    resources: { ...log, all: () => [...others, ...log.all()] },
    mirrors: noMirrors,
    lanes: noLanes,
    log: silentLog,
    store: scopeStore(bench.store, 'kv'),
    random: createSeededRandom(7),
  });
  await kv.create({ name: 'last' });
  await expect(kv.create({ name: 'more' })).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect(log.all().map(({ name }) => name)).toEqual(['last']);
  await kv.put({ space: 'last', key: 'a', text: 'x' });
  await kv.remove({ space: 'last' });
  await expect(kv.create({ name: 'more' })).resolves.toMatchObject({ name: 'more' });
});
