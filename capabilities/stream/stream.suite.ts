// What any Streams must do, wherever it lives. The cluster behind the road is `lubeck` and owns no
// stream yet.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { batchMessagesMax, payloadBytesMax, type Message, type Streams } from './contract.ts';

export function streamSuite({ name: road, make }: Road<Streams>): void {
  describe(`streams ${road}`, () => {
    const withStreams = async (act: (streams: Streams) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const orders = { stream: 'orders' };

    test('a stream is made empty, listed, shown and deleted', () =>
      withStreams(async (streams) => {
        const made = await streams.create({ name: 'orders', limits: { maxMessages: 3 } });
        expect(made).toMatchObject({ name: 'orders', role: 'own', first: 1, last: 0, bytes: 0 });
        expect(made.limits).toMatchObject({ maxMessages: 3 });
        await expect(streams.list({})).resolves.toEqual({ streams: [made] });
        await expect(streams.show(orders)).resolves.toEqual({ ...made, consumers: [] });
        await expect(streams.delete(orders)).resolves.toEqual(made);
        await expect(streams.show(orders)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      }));

    test('messages are numbered 1, 2, 3 and read as they came', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const messages = [
          { payload: 'herring', headers: { to: 'bergen' } },
          { payload: 'AP8', encoding: 'base64url' as const },
        ];
        await expect(streams.append({ ...orders, messages })).resolves.toEqual({
          sequences: [1, 2],
          duplicates: 0,
        });
        await streams.append({ ...orders, messages: [{ payload: '', id: 'three' }] });
        const page = await streams.read(orders);
        expect(page).toMatchObject({ first: 1, last: 3, next: 4, missed: 0, epoch: 1 });
        expect(page.messages).toEqual([
          { ...stored(1, 'herring'), headers: { to: 'bergen' } },
          { ...stored(2, 'AP8'), encoding: 'base64url' },
          { ...stored(3, ''), id: 'three' },
        ]);
        const { messages: tail } = await streams.read({ ...orders, last: 1 });
        expect(tail.map(({ sequence }) => sequence)).toEqual([3]);
        const second = await streams.read({ ...orders, from: 2, limit: 1 });
        expect(second).toMatchObject({ next: 3, messages: [{ sequence: 2 }] });
      }));

    test('callers at the same time each get sequences of their own, and no number is left out', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const each = Array.from({ length: 100 }, (_, at) => ({ payload: `from caller ${at}` }));
        const all = await Promise.all(
          each.map((message) => streams.append({ ...orders, messages: [message, message] })),
        );
        const given = all.flatMap(({ sequences }) => sequences).toSorted((a, b) => a - b);
        expect(given).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
        expect(all.every(({ sequences: [a = 0, b = 0] }) => b === a + 1)).toBe(true);
      }));

    test('an id that was there is answered with the sequence that it had', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const message = { payload: 'pay', id: 'order-17' };
        await streams.append({ ...orders, messages: [{ payload: 'first' }, message] });
        await expect(
          streams.append({ ...orders, messages: [message, { payload: 'other' }, message] }),
        ).resolves.toEqual({ sequences: [2, 3, 2], duplicates: 2 });
        await expect(streams.show(orders)).resolves.toMatchObject({ last: 3 });
      }));

    test('over its limit a stream keeps the newest, and tells how many a reader missed', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders', limits: { maxMessages: 10 } });
        const messages = Array.from({ length: batchMessagesMax }, () => ({ payload: 'x' }));
        for (let round = 0; round < 5; round += 1) {
          await streams.append({ ...orders, messages });
        }
        await expect
          .poll(() => streams.show(orders))
          .toMatchObject({ first: 191, last: 200, bytes: 10 });
        await expect(streams.read({ ...orders, from: 1 })).resolves.toMatchObject({
          missed: 190,
          next: 201,
        });
        await expect(streams.trim({ ...orders, before: 200 })).resolves.toMatchObject({
          first: 200,
          last: 200,
        });
        await streams.trim({ ...orders, before: 1_000 });
        await expect(streams.append({ ...orders, messages: [{ payload: 'y' }] })).resolves.toEqual({
          sequences: [201],
          duplicates: 0,
        });
      }));

    test('a consumer goes on after what it acknowledged, and never backwards', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const messages = ['a', 'b', 'c'].map((payload) => ({ payload }));
        await streams.append({ ...orders, messages });
        const billing = { ...orders, consumer: 'billing' };
        await expect(streams.read(billing)).resolves.toMatchObject({ next: 4, missed: 0 });
        await streams.ack({ ...billing, sequence: 2 });
        await expect(streams.ack({ ...billing, sequence: 1 })).resolves.toMatchObject({
          acked: 2,
          pending: 1,
        });
        const { messages: rest } = await streams.read(billing);
        expect(rest.map(({ payload }) => payload)).toEqual(['c']);
        await expect(streams.ack({ ...billing, sequence: 4 })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
        const { consumers } = await streams.show(orders);
        expect(consumers).toMatchObject([{ consumer: 'billing', acked: 2, pending: 1 }]);
        await streams.forget(billing);
        await expect(streams.forget(billing)).rejects.toMatchObject({ code: 'CONSUMER_NOT_FOUND' });
        await expect(streams.read(billing)).resolves.toMatchObject({ messages: { length: 3 } });
      }));

    test('a watcher reads what there is and then what comes, without a hole', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const append = (payload: string): Promise<unknown> =>
          streams.append({ ...orders, messages: [{ payload }] });
        await append('one');
        const items = streams.consume(orders)[Symbol.asyncIterator]();
        const seen: Message[] = [];
        const take = async (): Promise<void> => {
          const { value } = (await items.next()) as { value: Message };
          seen.push(value);
        };
        await take();
        const next = take();
        await append('two');
        await next;
        for (let at = 0; at < 20; at += 1) {
          await append(`later ${at}`);
          await take();
        }
        await items.return?.();
        expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, at) => at + 1));
      }));

    test('a watcher leaves while nothing comes', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const stop = new AbortController();
        const items = streams.consume(orders, { signal: stop.signal })[Symbol.asyncIterator]();
        const next = items.next();
        stop.abort();
        await expect(next).rejects.toMatchObject({ code: 'CANCELLED' });
      }));

    test.each([
      [
        'a payload over its limit',
        [{ payload: 'x'.repeat(payloadBytesMax + 1) }],
        'INPUT_TOO_LARGE',
      ],
      ['a payload far over it', [{ payload: 'x'.repeat(2 * payloadBytesMax) }], 'INPUT_TOO_LARGE'],
      ['no message', [], 'INPUT_INVALID'],
      ['too many messages', Array.from({ length: 41 }, () => ({ payload: '' })), 'INPUT_INVALID'],
      ['bytes that are none', [{ payload: '!', encoding: 'base64url' as const }], 'INPUT_INVALID'],
      ['a header with a space', [{ payload: '', headers: { 'a b': '' } }], 'INPUT_INVALID'],
      [
        'headers over their limit',
        [{ payload: '', headers: Object.fromEntries(manyHeaders()) }],
        'INPUT_TOO_LARGE',
      ],
      ['an id with a space', [{ payload: '', id: 'a b' }], 'INPUT_INVALID'],
      [
        'a batch over its limit',
        [1, 2].map(() => ({ payload: 'x'.repeat(payloadBytesMax) })),
        'INPUT_TOO_LARGE',
      ],
    ])('%s is refused, and nothing of it is kept', (_, messages, code) =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        await expect(streams.append({ ...orders, messages })).rejects.toMatchObject({ code });
        await expect(streams.show(orders)).resolves.toMatchObject({ last: 0 });
      }),
    );

    test('a place is asked for in one way only', () =>
      withStreams(async (streams) => {
        await streams.create({ name: 'orders' });
        const both = streams.read({ ...orders, from: 1, last: 1 });
        await expect(both).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }));
  });
}

function manyHeaders(): [string, string][] {
  return Array.from({ length: 20 }, (_, at) => [`h${at}`, 'x'.repeat(1_000)]);
}

function stored(sequence: number, payload: string): Message {
  const atMs: number = expect.any(Number);
  return { sequence, atMs, payload, encoding: 'text', headers: {} };
}
