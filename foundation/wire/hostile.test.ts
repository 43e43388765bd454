import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  closeSessions,
  code,
  faceMill,
  millContract,
  never,
  wireCodec,
} from '../../testkit/wire-mill.ts';
import { remote, type HansaError } from '../index.ts';

afterEach(closeSessions);

describe('a hostile far side', () => {
  const hostile: Record<string, unknown[][]> = {
    'a frame that is no list': [[]],
    'an unknown kind': [[99, 1]],
    'an id of zero': [[7, 0]],
    'a fraction as id': [[1, 1.5, 'mill', 3, 'grind', {}]],
    'a used id': [
      [1, 2, 'mill', 3, 'forget', {}],
      [1, 2, 'mill', 3, 'forget', {}],
    ],
    'an id that goes back': [
      [1, 2, 'mill', 3, 'forget', {}],
      [1, 1, 'mill', 3, 'forget', {}],
    ],
    'a result nobody asked for': [[3, 1, {}]],
    'an item nobody asked for': [[5, 1, {}]],
    'a cancel of what never began': [[7, 5]],
    'credit for what never began': [[8, 5, 1, 1]],
    'credit for a call': [
      [1, 1, 'mill', 3, 'grind', { grain: 'never' }],
      [8, 1, 1, 1],
    ],
    'negative credit': [
      [2, 1, 'mill', 3, 'sacks', 1, 1, { count: 9, bytes: 1 }],
      [8, 1, -1, 1],
    ],
    'a name without end': [[1, 1, 'm'.repeat(1_000), 3, 'grind', {}]],
    'an error that is no report': [[4, 1, 'boo']],
  };
  test.each(Object.entries(hostile))('%s closes the session', async (_, frames) => {
    const { ended, send, receive } = faceMill({ grind: never });
    for (const frame of frames) {
      await send(...frame);
    }
    await expect(ended).resolves.toEqual(code('PROTOCOL_BREACH'));
    await expect(
      (async () => {
        for (;;) {
          await receive();
        }
      })(),
    ).rejects.toThrow('PROTOCOL_BREACH');
  });

  const answers: Record<string, unknown[][]> = {
    'an item for a call': [[5, 1, {}]],
    'an end for a call': [[6, 1]],
    'a result for a watch': [[3, 2, {}]],
    'two results for one call': [
      [3, 1, { flour: '' }],
      [3, 1, { flour: '' }],
    ],
    'an item after the end': [
      [6, 2],
      [5, 2, new Uint8Array(1)],
    ],
    'items over the credit': Array.from({ length: 5 }, () => [5, 2, new Uint8Array(1)]),
  };
  test.each(Object.entries(answers))('%s closes the session', async (_, frames) => {
    const { ended, send, session } = faceMill({}, { watchItems: 2 });
    const far = remote(millContract, session.carrier);
    const call = far.grind({ grain: '' }).catch((error: unknown) => error);
    const items = far.sacks({ count: 1, bytes: 1 })[Symbol.asyncIterator]();
    const item = items.next().catch((error: unknown) => error);
    for (const frame of frames) {
      await send(...frame);
    }
    await expect(ended).resolves.toEqual(code('PROTOCOL_BREACH'));
    await Promise.all([call, item]);
  });

  test('an answer outside the contract is OUTPUT_INVALID and the session goes on', async () => {
    const { send, session } = faceMill();
    const far = remote(millContract, session.carrier);
    const call = far.grind({ grain: '' });
    await send(3, 1, { flour: 7 });
    await expect(call).rejects.toEqual(code('OUTPUT_INVALID'));
    const next = far.forget({});
    await send(3, 2);
    await expect(next).resolves.toBeUndefined();
  });

  test('an unknown code of a newer peer is REMOTE_FAILED', async () => {
    const { send, session } = faceMill();
    const call = remote(millContract, session.carrier).grind({ grain: '' });
    await send(4, 1, { code: 'FROM_THE_FUTURE', message: 'm' });
    await expect(call).rejects.toEqual(code('REMOTE_FAILED'));
  });

  test('late frames of a cancelled request are ignored', async () => {
    const { send, session, ended } = faceMill();
    const stop = new AbortController();
    const far = remote(millContract, session.carrier);
    const items = far
      .sacks({ count: 1, bytes: 1 }, { signal: stop.signal })
      [Symbol.asyncIterator]();
    const item = items.next();
    stop.abort();
    await expect(item).rejects.toEqual(code('CANCELLED'));
    await send(5, 1, new Uint8Array(1));
    await send(6, 1);
    const call = far.forget({});
    await send(3, 2);
    await call;
    await send(6, 1);
    await expect(ended).resolves.toEqual(code('PROTOCOL_BREACH'));
  });

  test('requests over the limit are refused one by one', async () => {
    const { send, receive } = faceMill({ grind: never }, { requestsMax: 2 });
    for (const id of [1, 2, 3]) {
      await send(1, id, 'mill', 3, 'grind', { grain: '' });
    }
    expect(await receive()).toEqual([4, 3, expect.objectContaining({ code: 'RATE_LIMITED' })]);
  });

  test('a peer that asks and never reads is cut off with a bounded queue', async () => {
    const { ended, send, bare } = faceMill({}, { queuedBytesMax: 10_000 });
    const flood = (async () => {
      for (let id = 1; ; id += 1) {
        await send(1, id, 'mill', 3, 'grind', { grain: 'x'.repeat(500) });
      }
    })();
    await expect(ended).resolves.toMatchObject({ code: 'PROTOCOL_BREACH', message: /not read/ });
    await expect(flood).rejects.toThrow('PROTOCOL_BREACH');
    await expect(bare.receive()).rejects.toThrow('PROTOCOL_BREACH');
  });

  test('unread items of all watches together are bounded', async () => {
    const { session, send, ended } = faceMill({}, { bufferedBytesMax: 4_096, watchBytes: 1_024 });
    const items = remote(millContract, session.carrier).sacks({ count: 1, bytes: 1 });
    const iterator = items[Symbol.asyncIterator]();
    void iterator.next().catch(() => undefined);
    await send(5, 1, new Uint8Array(1));
    await send(5, 1, new Uint8Array(5_000));
    await expect(ended).resolves.toMatchObject({ code: 'PROTOCOL_BREACH', message: /together/ });
  });

  test('garbage never does anything but close the session', async () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((raw) => Uint8Array.from(raw)),
      fc
        .tuple(
          fc.integer({ min: 0, max: 9 }),
          fc.integer({ min: 0, max: 4 }),
          fc.array(
            fc.oneof(
              fc.constantFrom('mill', 'grind', 'sacks', 3),
              fc.integer({ min: -1, max: 9 }),
              fc.jsonValue(),
            ),
            { maxLength: 6 },
          ),
        )
        .map(([kind, id, rest]) => encodable([kind, id, ...rest])),
    );
    const runs = fc.asyncProperty(fc.array(anything, { maxLength: 12 }), async (frames) => {
      const { bare, ended, session } = faceMill();
      const far = remote(millContract, session.carrier);
      const call = far.grind({ grain: '' }).catch((error: unknown) => error);
      for (const frame of frames) {
        await bare.send(frame).catch(() => undefined);
      }
      await bare.finish();
      const outcome = await ended;
      expect(outcome === 'in peace' || (outcome as HansaError).code === 'PROTOCOL_BREACH').toBe(
        true,
      );
      const told: unknown = await call;
      expect(told === undefined || typeof told === 'object').toBe(true);
    });
    await fc.assert(runs, { numRuns: 1_000 });
  });
});

function encodable(frame: unknown[]): Uint8Array {
  try {
    return wireCodec.encode(frame);
  } catch {
    return wireCodec.encode(['not encodable']);
  }
}
