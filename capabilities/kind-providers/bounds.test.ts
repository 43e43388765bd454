import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import { blobIdSchema, remote, silentLog, utf8, type Blobs } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { carrierTo } from '../../testkit/test-cluster.ts';
import type { SequencedChange } from '../resources/contract.ts';
import {
  blobUploadBytesMax,
  kindsContract,
  kindsMax,
  schemaBytesMax,
  workPageBytesMax,
  workQueueMax,
  type Kinds,
} from './contract.ts';
import { blobRoutes } from './http.ts';
import { createKinds } from './service.ts';
import { createSession } from './session.ts';
import { pageOfChanges } from './shown.ts';

async function open(): Promise<Kinds> {
  const bench = createResourceBench();
  const crypto = createNodeCrypto();
  const { kinds: service, start } = createKinds({
    store: createMemoryStore({ clock: createHandClock() }),
    codec: createMsgpackCodec(),
    crypto,
    clock: bench.clock,
    random: createSeededRandom(1),
    log: silentLog,
    blobs: createMemoryBlobs({ crypto }),
    signer: bench.signer,
    resources: await bench.open(),
    mirrors: noMirrors,
  });
  await start(new AbortController().signal);
  return remote(
    kindsContract,
    carrierTo([{ contract: kindsContract, service }], { kind: 'owner' }),
  );
}

test('there are so many kinds; one more is STORE_LIMIT, and those there can still change', async () => {
  const kinds = await open();
  for (let at = 0; at < kindsMax; at += 1) {
    await kinds.register({ kind: `kind${at}` });
  }
  const more = { kind: 'more' };
  await expect(kinds.register(more)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect((await kinds.list({})).kinds).toHaveLength(kindsMax);
  const changed = { kind: 'kind0', description: 'changed' };
  await expect(kinds.register(changed)).resolves.toMatchObject(changed);
  await kinds.remove({ kind: 'kind1' });
  await expect(kinds.register(more)).resolves.toMatchObject(more);
});

test('a schema has so many bytes, not letters; one more is INPUT_INVALID', async () => {
  const kinds = await open();
  const schemaOf = (bytes: number) => {
    const frame = utf8(JSON.stringify({ title: '' })).length;
    const plain = (bytes - frame) % 2;
    return { title: 'x'.repeat(plain) + 'é'.repeat((bytes - frame - plain) / 2) };
  };
  const register = (bytes: number) =>
    kinds.register({ kind: 'checklist', schema: schemaOf(bytes) });
  await expect(register(schemaBytesMax + 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  expect((await kinds.list({})).kinds).toEqual([]);
  await expect(register(schemaBytesMax)).resolves.toMatchObject({ kind: 'checklist' });
});

test('so many batches wait for one program; one more is KIND_UNAVAILABLE until one is done', async () => {
  const clock = createHandClock();
  const session = createSession({ clock, kind: 'checklist', provider: 'python', lease: 'lease' });
  const batch = (at: number) => ({ type: 'stage' as const, work: `work-${at}` });
  const waiting = Array.from({ length: workQueueMax }, (_, at) => session.ask(batch(at)));
  await expect(session.ask(batch(workQueueMax))).rejects.toMatchObject({
    code: 'KIND_UNAVAILABLE',
  });
  expect(session.waiting).toBe(workQueueMax);
  await session.next(1_000);
  session.answer('work-0', 'lease', { accept: true });
  await expect(waiting[0]).resolves.toEqual({ accept: true });
  void session.ask(batch(workQueueMax)).catch(() => undefined);
  expect(session.waiting).toBe(workQueueMax);
});

test('a page of work has so many bytes; what is over comes with the next one', () => {
  const change = (sequence: number, bytes: number): SequencedChange => ({
    sequence,
    change: {
      epoch: 1,
      previous: sequence - 1,
      ops: [{ put: { key: utf8('k'), value: new Uint8Array(bytes - 1), blobs: [] } }],
      hlc: [1, 0],
      author: 'bergen',
    },
  });
  const half = workPageBytesMax / 2;
  const page = (bytes: number) => pageOfChanges([change(2, half), change(3, bytes)], 0);
  expect(page(half)).toMatchObject({ changes: [{ sequence: 2 }, { sequence: 3 }] });
  expect(page(half)).not.toHaveProperty('next');
  expect(page(half + 1)).toMatchObject({ changes: [{ sequence: 2 }], next: 1 });
  const [first, second] = [change(2, half), change(3, half + 1)];
  expect(pageOfChanges([first, second], 1)).toMatchObject({ changes: [{ sequence: 3 }] });
});

test('one upload has so many bytes; one more is INPUT_TOO_LARGE', async () => {
  let stored = 0;
  const put: Blobs['put'] = async (source) => {
    let sizeBytes = 0;
    for await (const piece of source) {
      sizeBytes += piece.length;
    }
    stored += 1;
    return { id: blobIdSchema.parse('ab'.repeat(32)), sizeBytes };
  };
  const blobs = { put } as Partial<Blobs> as Blobs;
  const route = blobRoutes({ blobs, requireKind: () => undefined }).find(
    ({ method }) => method === 'POST',
  );
  const piece = new Uint8Array(64 * 1_024 * 1_024);
  async function* body(bytes: number): AsyncIterable<Uint8Array> {
    for (let left = bytes; left > 0; left -= piece.length) {
      yield piece.subarray(0, Math.min(left, piece.length));
    }
  }
  const upload = (bytes: number) =>
    route?.handle(
      { method: 'POST', params: {}, query: {}, headers: {}, body: body(bytes) },
      { signal: new AbortController().signal },
    );
  await expect(upload(blobUploadBytesMax + 1)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
  expect(stored).toBe(0);
  await expect(upload(blobUploadBytesMax)).resolves.toMatchObject({ status: 200 });
  expect(stored).toBe(1);
});
