// What any Queues must do, wherever it lives. Visibility timeouts are tried on a hand clock, in
// queues.test.ts: here the clock is real.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { payloadBytesMax, pullItemsMax, pushItemsMax, type Item, type Queues } from './contract.ts';

const q = { queue: 'q' };

export function queuesSuite({ name: road, make }: Road<Queues>): void {
  describe(`queues ${road}`, () => {
    const withQueue = async (act: (queues: Queues) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await service.create(q);
        await act(service);
      } finally {
        await close();
      }
    };
    const pull = async (queues: Queues, limit = 1, waitMs = 0): Promise<readonly Item[]> =>
      (await queues.pull({ ...q, consumer: 'c', limit, waitMs })).items;
    const push = (queues: Queues, ...payloads: string[]) =>
      queues.push({ ...q, items: payloads.map((payload) => ({ payload })) });

    test('a queue is made once, listed, shown and removed', () =>
      withQueue(async (queues) => {
        await expect(queues.create(q)).rejects.toMatchObject({ code: 'COORDINATION_EXISTS' });
        const settings = { visibilitySeconds: 30, attemptsMax: 3, dedupSeconds: 300 };
        const made = { queue: 'q', settings, last: 0 };
        await expect(queues.list({})).resolves.toEqual({ queues: [made] });
        await expect(queues.show(q)).resolves.toEqual({ ...made, items: 0, hidden: 0, dead: 0 });
        await expect(queues.remove(q)).resolves.toEqual(made);
        await expect(queues.show(q)).rejects.toMatchObject({ code: 'COORDINATION_NOT_FOUND' });
      }));

    test('items are pulled in the order of pushing, and go when they are acknowledged', () =>
      withQueue(async (queues) => {
        await push(queues, 'one', 'two', 'three');
        const [one] = await pull(queues);
        expect(one).toMatchObject({ sequence: 1, attempt: 1, payload: 'one', encoding: 'text' });
        const rest = await pull(queues, 5);
        expect(rest.map(({ payload }) => payload)).toEqual(['two', 'three']);
        await expect(pull(queues)).resolves.toEqual([]);
        await expect(queues.show(q)).resolves.toMatchObject({ items: 3, hidden: 3, last: 3 });
        const items = [receipt(one), ...rest.map(receipt)];
        await expect(queues.ack({ ...q, items })).resolves.toEqual({ settled: 3, lost: [] });
        await expect(queues.ack({ ...q, items })).resolves.toEqual({ settled: 0, lost: [1, 2, 3] });
        await expect(queues.show(q)).resolves.toMatchObject({ items: 0, hidden: 0 });
      }));

    test('bytes come back as they were pushed', () =>
      withQueue(async (queues) => {
        await queues.push({ ...q, items: [{ payload: 'AP8', encoding: 'base64url' }] });
        await expect(pull(queues)).resolves.toMatchObject([
          { payload: 'AP8', encoding: 'base64url' },
        ]);
      }));

    test('an item that is given back comes again with the next attempt, then as a dead letter', () =>
      withQueue(async (queues) => {
        await push(queues, 'poison');
        for (const attempt of [1, 2, 3]) {
          const [item] = await pull(queues);
          expect(item).toMatchObject({ sequence: 1, attempt });
          await queues.nack({ ...q, items: [receipt(item)] });
        }
        await expect(pull(queues)).resolves.toEqual([]);
        await expect(queues.dead(q)).resolves.toMatchObject({
          items: [{ sequence: 1, payload: 'poison' }],
        });
        await expect(queues.redrive(q)).resolves.toEqual({ redriven: 1 });
        await expect(queues.dead(q)).resolves.toEqual({ items: [] });
        await expect(pull(queues)).resolves.toMatchObject([
          { sequence: 2, attempt: 1, payload: 'poison' },
        ]);
      }));

    test('dead letters are pushed again one by one', () =>
      withQueue(async (queues) => {
        await queues.create({ queue: 'once', settings: { attemptsMax: 1 } });
        const once = { queue: 'once' };
        await queues.push({ ...once, items: [{ payload: 'a' }, { payload: 'b' }] });
        const { items } = await queues.pull({ ...once, consumer: 'c', limit: 2 });
        await queues.nack({ ...once, items: items.map(receipt) });
        await expect(queues.redrive({ ...once, sequences: [2, 99] })).resolves.toEqual({
          redriven: 1,
        });
        const { items: dead } = await queues.dead(once);
        expect(dead.map(({ payload }) => payload)).toEqual(['a']);
      }));

    test('an old receipt changes nothing: somebody else has the item', () =>
      withQueue(async (queues) => {
        await push(queues, 'a');
        const [first] = await pull(queues);
        await queues.nack({ ...q, items: [receipt(first)] });
        const [second] = await pull(queues);
        const old = { ...q, items: [receipt(first)] };
        await expect(queues.ack(old)).resolves.toEqual({ settled: 0, lost: [1] });
        await expect(queues.nack(old)).resolves.toEqual({ settled: 0, lost: [1] });
        await expect(queues.extend({ ...old, visibilitySeconds: 60 })).resolves.toEqual({
          settled: 0,
          lost: [1],
        });
        await expect(queues.ack({ ...q, items: [receipt(second)] })).resolves.toEqual({
          settled: 1,
          lost: [],
        });
      }));

    test('items of a group are pulled one after the other, others beside them', () =>
      withQueue(async (queues) => {
        const items = ['g1', 'g2', 'free', 'h1', 'g3'].map((payload) => ({
          payload,
          ...(payload === 'free' ? {} : { group: payload[0] ?? '' }),
        }));
        await queues.push({ ...q, items });
        const first = await pull(queues, 9);
        expect(first.map(({ payload }) => payload)).toEqual(['g1', 'free', 'h1']);
        await queues.ack({ ...q, items: first.map(receipt) });
        const second = await pull(queues, 9);
        expect(second).toMatchObject([{ payload: 'g2', group: 'g' }]);
        await queues.nack({ ...q, items: second.map(receipt) });
        await expect(pull(queues, 9)).resolves.toMatchObject([{ payload: 'g2', attempt: 2 }]);
      }));

    test('an id is pushed once, also twice in one push', () =>
      withQueue(async (queues) => {
        const item = { payload: 'a', id: 'order-1' };
        await expect(queues.push({ ...q, items: [item, item] })).resolves.toEqual({
          sequences: [1, 1],
          duplicates: 1,
        });
        await expect(queues.push({ ...q, items: [item] })).resolves.toEqual({
          sequences: [1],
          duplicates: 1,
        });
        await expect(queues.show(q)).resolves.toMatchObject({ items: 1, last: 1 });
      }));

    test('who waits gets what comes', () =>
      withQueue(async (queues) => {
        const waiting = pull(queues, 1, 20_000);
        await push(queues, 'late');
        await expect(waiting).resolves.toMatchObject([{ payload: 'late' }]);
      }));

    test('who waits for nothing is answered with nothing', () =>
      withQueue(async (queues) => {
        await expect(pull(queues, 1, 50)).resolves.toEqual([]);
        const both = [pull(queues, 1, 60), pull(queues, 1, 50)];
        await expect(Promise.all(both)).resolves.toEqual([[], []]);
      }));

    test('consumers at the same time never get the same item, and producers no number twice', () =>
      withQueue(async (queues) => {
        const pushes = Array.from({ length: 40 }, (_, at) => push(queues, `a${at}`, `b${at}`));
        const sequences = (await Promise.all(pushes)).flatMap((pushed) => pushed.sequences);
        expect(sequences.toSorted((a, b) => a - b)).toEqual(upTo(80));
        const pulls = await Promise.all(Array.from({ length: 50 }, () => pull(queues, 2)));
        const got = pulls.flat().map(({ sequence }) => sequence);
        expect(got.toSorted((a, b) => a - b)).toEqual(upTo(80));
      }));

    test('a look changes nothing', () =>
      withQueue(async (queues) => {
        await push(queues, 'one', 'two', 'three');
        const { items } = await queues.peek({ ...q, limit: 2 });
        expect(items.map(({ payload, attempt }) => [payload, attempt])).toEqual([
          ['one', 0],
          ['two', 0],
        ]);
        const { items: rest } = await queues.peek({ ...q, after: 2 });
        expect(rest.map(({ payload }) => payload)).toEqual(['three']);
        await expect(pull(queues)).resolves.toMatchObject([{ attempt: 1 }]);
      }));

    test('a queue that is made anew takes no receipts of the one before', () =>
      withQueue(async (queues) => {
        await push(queues, 'a');
        const [old] = await pull(queues);
        await queues.remove(q);
        await queues.create(q);
        await push(queues, 'b');
        await expect(queues.ack({ ...q, items: [receipt(old)] })).resolves.toEqual({
          settled: 0,
          lost: [1],
        });
        await expect(pull(queues)).resolves.toMatchObject([{ payload: 'b', sequence: 2 }]);
      }));

    test('what is too large is refused, and nothing of it is pushed', () =>
      withQueue(async (queues) => {
        const large = 'x'.repeat(payloadBytesMax);
        await expect(push(queues, large)).resolves.toMatchObject({ sequences: [1] });
        await expect(push(queues, `${large}x`)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
        await expect(push(queues, large, large, 'x')).rejects.toMatchObject({
          code: 'INPUT_TOO_LARGE',
        });
        const many = Array.from({ length: pushItemsMax + 1 }, () => 'x');
        await expect(push(queues, ...many)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        await expect(pull(queues, pullItemsMax + 1)).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
        await expect(queues.show(q)).resolves.toMatchObject({ items: 1 });
      }));

    test('no queue is made by a typo', () =>
      withQueue(async (queues) => {
        const missing = { code: 'COORDINATION_NOT_FOUND' };
        const other = { queue: 'other' };
        const items = [{ sequence: 1, attempt: 1 }];
        await expect(queues.push({ ...other, items: [{ payload: '' }] })).rejects.toMatchObject(
          missing,
        );
        await expect(queues.pull({ ...other, consumer: 'c' })).rejects.toMatchObject(missing);
        await expect(queues.pull({ ...other, consumer: 'c', waitMs: 9 })).rejects.toMatchObject(
          missing,
        );
        await expect(queues.nack({ ...other, items })).rejects.toMatchObject(missing);
        await expect(queues.peek(other)).rejects.toMatchObject(missing);
        await expect(queues.redrive(other)).rejects.toMatchObject(missing);
        await expect(queues.remove(other)).rejects.toMatchObject(missing);
      }));
  });
}

function receipt(item: Item | undefined): { sequence: number; attempt: number } {
  return { sequence: item?.sequence ?? 0, attempt: item?.attempt ?? 0 };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
