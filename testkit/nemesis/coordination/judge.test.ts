// The judges of coordination find what is wrong: each is shown a history that is right, and the
// same with one fault.
import { describe, expect, test } from 'vitest';
import type { Operation } from '../history.ts';
import { judgeBarrier } from './barriers.ts';
import { judgeHolds } from './holds.ts';
import { judgeCoordination } from './judge.ts';
import { judgeNumbers } from './numbers.ts';
import { judgeQueue, type Left } from './queues.ts';
import { judgeRegistry } from './registry.ts';

type Told = Pick<Operation, 'operation' | 'key' | 'startMs' | 'endMs'> & Partial<Operation>;

/** Places in the order are the times, which nobody shares. */
const op = (told: Told): Operation => {
  const outcome = told.outcome ?? 'ok';
  const end = outcome === 'unknown' ? Number.POSITIVE_INFINITY : told.endMs;
  return { process: 'p', heard: undefined, start: told.startMs, end, ...told, outcome };
};
const lost = { lost: true };
const none = { counters: new Map<string, number>(), left: undefined };

describe('holds', () => {
  const acquire = (holder: string, token: number, times: [number, number]): Operation =>
    op({
      operation: 'acquire',
      key: 'lock',
      value: { holder, names: ['a'] },
      heard: { tokens: [{ name: 'a', token }], ttlSeconds: 5 },
      startMs: times[0],
      endMs: times[1],
    });
  const tell = (operation: string, holder: string, times: [number, number], heard: unknown = {}) =>
    op({ operation, key: 'lock', value: { holder }, heard, startMs: times[0], endMs: times[1] });
  const guard = (
    holder: string,
    token: number,
    more: { at: number; heard: boolean; late?: true },
  ) =>
    op({
      operation: 'guard',
      key: 'a',
      value: { kind: 'lock', name: 'a', holder, token, late: more.late ?? false },
      heard: more.heard,
      startMs: more.at,
      endMs: more.at + 0.5,
    });

  test('that follow each other are right: by release, by their time, and as readers', () => {
    const released = [acquire('x', 1, [0, 10]), tell('release', 'x', [20, 30])];
    const renewed = [acquire('y', 2, [11, 31]), tell('renew', 'y', [100, 200])];
    expect(judgeHolds([...released, ...renewed, acquire('z', 3, [40, 5_200])])).toEqual([]);
    const lowered = [acquire('x', 1, [0, 10]), tell('downgrade', 'x', [20, 30])];
    const reader = op({
      ...acquire('y', 2, [11, 40]),
      value: { holder: 'y', names: ['a'], shared: true },
    });
    expect(judgeHolds([...lowered, reader])).toEqual([]);
  });

  test('two at once are found, also of an office, and of more permits than there are', () => {
    const both = [acquire('x', 1, [0, 10]), acquire('y', 2, [11, 4_990])];
    expect(judgeHolds(both)).toEqual(['a: x (token 1) and y (token 2) held at once']);
    const terms = both.map((one) => ({ ...one, key: 'election' }));
    expect(judgeHolds(terms)).toHaveLength(1);
    const permits = both.map((one) => ({
      ...one,
      key: 'semaphore',
      value: { ...(one.value as object), permits: 2 },
    }));
    expect(judgeHolds(permits)).toEqual(['a: 4 of 3 permits were held when y (token 2) began']);
    const unheard = both.map((one) => ({ ...one, outcome: 'unknown' as const, heard: undefined }));
    expect(judgeHolds(unheard)).toEqual([]);
  });

  test('a renewal without an answer lets nobody hold for longer, one with an answer does', () => {
    const next = acquire('y', 2, [11, 5_001]);
    const renew = tell('renew', 'x', [100, 110]);
    const quiet: Operation = { ...renew, outcome: 'unknown', heard: undefined };
    expect(judgeHolds([acquire('x', 1, [0, 10]), quiet, next])).toEqual([]);
    expect(judgeHolds([acquire('x', 1, [0, 10]), renew, next])).toHaveLength(1);
  });

  test('a hold that is lost before its time is found', () => {
    const early = [acquire('x', 1, [0, 10]), tell('renew', 'x', [100, 110], lost)];
    expect(judgeHolds(early)).toEqual(['x lost its hold 4890 ms too early']);
    const late = [acquire('x', 1, [0, 10]), tell('renew', 'x', [4_990, 5_010], lost)];
    expect(judgeHolds(late)).toEqual([]);
    const released = [acquire('x', 1, [0, 10]), tell('release', 'x', [20, 30])];
    expect(judgeHolds([...released, tell('renew', 'x', [40, 50], lost)])).toEqual([]);
  });

  test('a guard that refuses who holds, and takes who is late, is found', () => {
    const right = [guard('x', 1, { at: 1, heard: true }), guard('y', 2, { at: 2, heard: true })];
    const refused = guard('x', 1, { at: 3, heard: false, late: true });
    expect(judgeHolds([...right, refused])).toEqual([]);
    expect(judgeHolds([...right, guard('z', 1, { at: 3, heard: false })])).toEqual([
      'the guard of lock a refused z (token 1), who held it, after y (token 2)',
    ]);
    expect(judgeHolds([...right, guard('x', 1, { at: 3, heard: true, late: true })])).toEqual([
      'the guard of lock a took x (token 1), who was late, after y (token 2)',
    ]);
  });

  test('a look that is behind what was told is found', () => {
    const look = (heard: number, startMs: number): Operation =>
      op({ operation: 'get', key: 'lock a', heard, startMs, endMs: startMs + 1 });
    const told = acquire('x', 7, [0, 10]);
    expect(judgeHolds([told, look(7, 11), look(6, 5)])).toEqual([]);
    expect(judgeHolds([told, look(6, 11)])).toEqual([
      'lock a showed 6 as its last token after 7 was given',
    ]);
  });
});

describe('numbers', () => {
  const add = (heard: number | undefined, times: [number, number], once?: string): Operation =>
    op({
      operation: 'add',
      key: 'c',
      value: { by: 1, once },
      heard,
      outcome: heard === undefined ? 'unknown' : 'ok',
      startMs: times[0],
      endMs: times[1],
    });
  const counted = (value: number): ReadonlyMap<string, number> => new Map([['c', value]]);

  test('a counter ends between what was acknowledged and what was asked', () => {
    const history = [add(1, [0, 1]), add(undefined, [2, 3]), add(2, [4, 5])];
    expect(judgeNumbers(history, counted(2))).toEqual([]);
    expect(judgeNumbers(history, counted(3))).toEqual([]);
    expect(judgeNumbers(history, counted(1))).toHaveLength(1);
    expect(judgeNumbers(history, counted(4))).toHaveLength(1);
  });

  test('what is sent again under one id counts once, and a sum that fits nowhere is found', () => {
    const again = [add(undefined, [0, 1], 'x'), add(1, [2, 3], 'x'), add(2, [4, 5])];
    expect(judgeNumbers(again, counted(2))).toEqual([]);
    expect(judgeNumbers(again, counted(3))).toHaveLength(1);
    expect(judgeNumbers([add(1, [0, 1]), add(1, [2, 3])], new Map())).toEqual([
      expect.stringContaining('counter c is not linearizable'),
    ]);
    const failed: Operation = { ...add(undefined, [0, 1]), outcome: 'fail' };
    expect(judgeNumbers([failed, add(1, [2, 3])], counted(1))).toEqual([]);
  });

  test('a buffered counter has counted what was sent, and no more than came', () => {
    const said = (pending: number): Operation =>
      op({ operation: 'buffered', key: 'c', heard: { added: 9, pending }, startMs: 0, endMs: 1 });
    expect(judgeNumbers([said(0)], counted(9))).toEqual([]);
    expect(judgeNumbers([said(2)], counted(7))).toEqual([]);
    expect(judgeNumbers([said(0)], counted(8))).toHaveLength(1);
    expect(judgeNumbers([said(2)], counted(10))).toHaveLength(1);
  });

  test('numbers given twice, looks that are behind, and tokens above the rate are found', () => {
    const next = (first: number, times: [number, number]): Operation =>
      op({
        operation: 'next',
        key: 'sequence s',
        heard: { first, last: first },
        startMs: times[0],
        endMs: times[1],
      });
    const look = op({ operation: 'get', key: 'sequence s', heard: 1, startMs: 5, endMs: 6 });
    expect(judgeNumbers([next(1, [0, 1]), next(2, [2, 3])], new Map())).toEqual([]);
    expect(judgeNumbers([next(1, [0, 1]), next(1, [2, 3])], new Map())).not.toEqual([]);
    expect(judgeNumbers([next(1, [0, 1]), next(2, [2, 3]), look], new Map())).toEqual([
      'sequence s showed 1 after 2 was given',
    ]);
    const take = (at: number, allowed = true): Operation =>
      op({ operation: 'take', key: 'g', value: 2, heard: { allowed }, startMs: at, endMs: at + 1 });
    const right = [take(0), take(1), take(2), take(3, false), take(600)];
    expect(judgeNumbers(right, new Map())).toEqual([]);
    expect(judgeNumbers([...right, take(4)], new Map())).not.toEqual([]);
  });
});

describe('a queue', () => {
  const push = (payload: string, sequence: number | undefined): Operation =>
    op({
      operation: 'push',
      key: 'q',
      value: { payload },
      heard: { sequence },
      outcome: sequence === undefined ? 'unknown' : 'ok',
      startMs: 0,
      endMs: 1,
    });
  const pull = (process: string, items: readonly object[], times: [number, number]): Operation => ({
    ...op({ operation: 'pull', key: 'q', heard: { items }, startMs: times[0], endMs: times[1] }),
    process,
  });
  const settle = (operation: string, heard: boolean | undefined, times: [number, number]) =>
    op({
      operation,
      key: 'q',
      value: { sequence: 1, attempt: 1 },
      heard: heard === undefined ? undefined : { settled: heard },
      outcome: heard === undefined ? 'unknown' : 'ok',
      startMs: times[0],
      endMs: times[1],
    });
  const one = { sequence: 1, attempt: 1, payload: 'a' };
  const empty: Left = { items: [], dead: [] };
  const right = [push('a', 1), pull('x', [one], [10, 20]), settle('ack', true, [30, 40])];

  test('in which everything is done, dead or left is right', () => {
    expect(judgeQueue(right, empty)).toEqual([]);
    expect(judgeQueue([push('a', 1)], { ...empty, dead: [one] })).toEqual([]);
    expect(judgeQueue([push('a', undefined)], { ...empty, items: [one] })).toEqual([]);
    const unheard = [...right.slice(0, 2), settle('ack', undefined, [30, 40])];
    expect(judgeQueue(unheard, empty)).toEqual([]);
    expect(judgeQueue(unheard, { ...empty, items: [one] })).toEqual([]);
  });

  test.each<[string, readonly Operation[], Left, string]>([
    ['loses an item', [push('a', 1)], empty, '1 is lost'],
    [
      'serves one to two at once',
      [...right.slice(0, 2), pull('y', [{ ...one, attempt: 2 }], [30, 5_000])],
      { ...empty, items: [one] },
      '1 was with x and y at once',
    ],
    [
      'pushes one twice',
      right,
      { ...empty, items: [{ sequence: 2, payload: 'a' }] },
      'a was pushed once and is 1 and 2',
    ],
    [
      'shows another payload in the end',
      [push('a', 1)],
      { ...empty, items: [{ sequence: 1, payload: 'b' }] },
      '1 is a and b',
    ],
    [
      'takes an item away too early',
      [...right.slice(0, 2), settle('ack', false, [30, 40])],
      { ...empty, items: [one] },
      '1 was taken from x 4970 ms too early',
    ],
  ])('that %s is found', (_, history, left, sentence) => {
    expect(judgeQueue(history, left)).toContain(sentence);
  });

  test('lets an item that was extended be hidden for longer', () => {
    const extended = [...right.slice(0, 2), settle('extend', true, [4_000, 4_010])];
    const next = pull('y', [{ ...one, attempt: 2 }], [5_000, 6_000]);
    const left = { ...empty, items: [one] };
    expect(judgeQueue([...extended, next], left)).toEqual(['1 was with x and y at once']);
    expect(judgeQueue([...right.slice(0, 2), next], left)).toEqual([]);
  });
});

describe('a barrier', () => {
  const enter = (participant: string, turn: number, given: [number, number, number]): Operation =>
    op({
      operation: 'enter',
      key: 'b',
      value: { participant, turn },
      heard: { generation: given[2], ttlSeconds: 5 },
      startMs: given[0],
      endMs: given[1],
    });
  const leave = (participant: string, times: [number, number], remaining = 0): Operation =>
    op({
      operation: 'leave',
      key: 'b',
      value: { participant, turn: 1 },
      heard: { remaining },
      startMs: times[0],
      endMs: times[1],
    });
  const all = [enter('x', 1, [0, 30, 1]), enter('y', 1, [1, 31, 1]), enter('z', 1, [29, 32, 1])];

  test('that lets nobody in before all have come is right', () => {
    expect(judgeBarrier(all)).toEqual([]);
    const quiet: Operation = { ...enter('z', 1, [2, 3, 0]), outcome: 'unknown', heard: undefined };
    expect(judgeBarrier([...all.slice(0, 2), quiet])).toEqual([]);
  });

  test('that lets somebody in too early is found', () => {
    const early = 'x was let in to meeting 1 when 2 of 3 had come';
    expect(judgeBarrier([...all.slice(0, 2), enter('z', 1, [30.5, 33, 1])])).toContain(early);
    expect(judgeBarrier([...all.slice(0, 2), enter('z', 1, [2, 33, 2])])).toContain(early);
    const failed: Operation = { ...enter('z', 1, [2, 3, 0]), outcome: 'fail', heard: undefined };
    expect(judgeBarrier([...all.slice(0, 2), failed])).toContain(early);
  });

  test('whose meetings are one, or which is done before all have left, is found', () => {
    expect(judgeBarrier([...all, enter('x', 2, [40, 50, 1])])).toContain(
      'x was at meeting 1 and then at 1',
    );
    const left = [leave('x', [40, 60]), leave('y', [41, 61]), leave('z', [42, 62])];
    expect(judgeBarrier([...all, ...left])).toEqual([]);
    expect(judgeBarrier([...all, ...left.slice(0, 2)])).toContain(
      'x was done with meeting 1 before z left',
    );
    expect(judgeBarrier([...all, leave('x', [40, 60], 2)])).toEqual([]);
    expect(judgeBarrier([...all, leave('x', [40, 6_000])])).toEqual([]);
  });
});

describe('a registry', () => {
  const register = (token: number, times: [number, number]): Operation =>
    op({
      operation: 'register',
      key: 'registry',
      value: { instance: 'i', ttlSeconds: 5 },
      heard: { token },
      startMs: times[0],
      endMs: times[1],
    });
  const tell = (operation: string, times: [number, number], heard: unknown = {}): Operation =>
    op({
      operation,
      key: 'registry',
      value: { instance: 'i', ttlSeconds: 5, token: 1 },
      heard,
      startMs: times[0],
      endMs: times[1],
    });
  const look = (tokens: readonly number[], times: [number, number]): Operation =>
    op({
      operation: 'get',
      key: 'registry',
      heard: { instances: tokens.map((token) => ({ instance: 'i', token })) },
      startMs: times[0],
      endMs: times[1],
    });
  const first = register(1, [0, 10]);

  test('in which who lives is found, and nobody else, is right', () => {
    const beat = tell('heartbeat', [1_000, 1_010]);
    const gone = tell('deregister', [2_000, 2_010]);
    const looks = [look([1], [11, 12]), look([1], [1_500, 1_600]), look([], [2_011, 2_012])];
    expect(judgeRegistry([first, beat, gone, ...looks])).toEqual([]);
    expect(judgeRegistry([first, look([], [5_001, 5_002])])).toEqual([]);
  });

  test.each<[string, readonly Operation[], string]>([
    ['does not find who lives', [first, look([], [11, 12])], 'i (token 1) lives and was not found'],
    [
      'finds who has gone',
      [first, tell('deregister', [20, 30]), look([1], [31, 32])],
      'i (token 1) was found after it had gone',
    ],
    [
      'finds who was replaced',
      [first, register(2, [20, 30]), look([1], [31, 32])],
      'i (token 2) was found with the older token 1',
    ],
    [
      'loses who lives',
      [first, tell('heartbeat', [100, 110], lost)],
      'i (token 1) was lost 4890 ms early',
    ],
    [
      'gives a token twice',
      [first, register(1, [20, 30])],
      'tokens of i: 1-1 and 1-1 were both given',
    ],
  ])('that %s is found', (_, history, sentence) => {
    expect(judgeRegistry(history)).toContain(sentence);
  });
});

test('an empty history is right', () => {
  expect(judgeCoordination([], none)).toEqual([]);
});
