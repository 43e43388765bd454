import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { remote } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { carrierTo } from '../../testkit/test-cluster.ts';
import {
  batchBytesMax,
  batchMessagesMax,
  consumersMax,
  dedupIdMax,
  headersBytesMax,
  headersMax,
  headerValueMax,
  streamContract,
  streamKind,
  streamsMax,
  type NewMessage,
  type Streams,
} from './contract.ts';
import { createStreams } from './service.ts';

const orders = { stream: 'orders' };
let streams: Streams;
/** Own streams besides the one here. */
let others = 0;

beforeEach(async () => {
  others = 0;
  const bench = createResourceBench();
  const log = await bench.open();
  const other = { kind: streamKind } as ReturnType<typeof log.all>[number];
  const service = createStreams({
    store: createMemoryStore({ clock: createHandClock() }),
    codec: createMsgpackCodec(),
    clock: bench.clock,
    signer: bench.signer,
    resources: {
      ...log,
      all: () => [...Array.from({ length: others }, () => other), ...log.all()],
    },
    mirrors: noMirrors,
  }).streams;
  streams = remote(
    streamContract,
    carrierTo([{ contract: streamContract, service }], { kind: 'owner' }),
  );
  await streams.create({ name: 'orders' });
});

const append = (...messages: NewMessage[]) => streams.append({ ...orders, messages });

function headersOf(count: number, bytes: number): Record<string, string> {
  const each = Math.floor(bytes / count);
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => {
      const name = `h${String(at).padStart(3, '0')}`;
      const length = at === 0 ? bytes - each * (count - 1) : each;
      return [name, 'v'.repeat(length - name.length)];
    }),
  );
}

async function requireLast(last: number): Promise<void> {
  expect(await streams.show(orders)).toMatchObject({ last });
}

test('a message has so many headers; one more is INPUT_INVALID, and nothing is appended', async () => {
  await append({ payload: '', headers: headersOf(headersMax, headersMax * 8) });
  const more = append({ payload: '', headers: headersOf(headersMax + 1, headersMax * 16) });
  await expect(more).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await requireLast(1);
  await append({ payload: '' });
  await requireLast(2);
});

test('headers have so many bytes together; one more is INPUT_TOO_LARGE', async () => {
  const count = 20;
  expect(headersBytesMax / count).toBeLessThan(headerValueMax);
  await append({ payload: '', headers: headersOf(count, headersBytesMax) });
  const more = append({ payload: '', headers: headersOf(count, headersBytesMax + 1) });
  await expect(more).rejects.toMatchObject({
    code: 'INPUT_TOO_LARGE',
    facts: { bytesMax: headersBytesMax },
  });
  await requireLast(1);
  await append({ payload: '' });
  await requireLast(2);
});

test('a batch of most messages, ids, headers and bytes is one change; one byte more is refused', async () => {
  const headers = headersOf(headersMax, headersMax * 5);
  const frame = dedupIdMax + headersMax * 5;
  const payloadBytes = batchBytesMax - batchMessagesMax * frame;
  const each = Math.floor(payloadBytes / batchMessagesMax);
  const batch = (round: string, extra: number): NewMessage[] =>
    Array.from({ length: batchMessagesMax }, (_, at) => ({
      payload: 'p'.repeat(at === 0 ? payloadBytes - each * (batchMessagesMax - 1) + extra : each),
      headers,
      id: `${round}${at}`.padEnd(dedupIdMax, '.'),
    }));
  await expect(append(...batch('over-', 1))).rejects.toMatchObject({
    code: 'INPUT_TOO_LARGE',
    facts: { bytesMax: batchBytesMax },
  });
  await requireLast(0);
  await append(...batch('full-', 0));
  await requireLast(batchMessagesMax);
});

test('there are so many streams; one more is STORE_LIMIT until one goes', async () => {
  others = streamsMax - 2;
  await streams.create({ name: 'last' });
  await expect(streams.create({ name: 'more' })).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  await expect(streams.show({ stream: 'more' })).rejects.toMatchObject({
    code: 'RESOURCE_NOT_FOUND',
  });
  await streams.delete({ stream: 'last' });
  await streams.create({ name: 'more' });
});

test('a stream has so many consumers; one more is STORE_LIMIT, and those there go on', async () => {
  await append({ payload: 'one' }, { payload: 'two' });
  const ack = (at: number, sequence = 1) =>
    streams.ack({ ...orders, consumer: `consumer-${at}`, sequence });
  for (let at = 0; at < consumersMax; at += 1) {
    await ack(at);
  }
  await expect(ack(consumersMax)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect((await streams.show(orders)).consumers).toHaveLength(consumersMax);
  await expect(ack(0, 2)).resolves.toMatchObject({ acked: 2 });
  await streams.forget({ ...orders, consumer: 'consumer-1' });
  await ack(consumersMax);
  expect((await streams.show(orders)).consumers).toHaveLength(consumersMax);
});
