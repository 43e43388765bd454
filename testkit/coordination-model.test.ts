// The checkers find what is wrong: each is shown a history that is right and the same with one
// fault.
import { expect, test } from 'vitest';
import {
  checkLimiterHistory,
  checkLockHistory,
  checkPermitHistory,
  checkQueueHistory,
  checkSequenceHistory,
  type LockHold,
  type QueueHistory,
  type QueueServing,
} from './coordination-model.ts';

const hold = (holder: string, token: number, times: [number, number, number]): LockHold => {
  const [askedMs, grantedMs, endedMs] = times;
  return { name: 'a', holder, token, askedMs, grantedMs, endedMs };
};

test('two holders at once, one token twice and a token that falls are found', () => {
  const first = hold('anna', 1, [0, 1, 10]);
  expect(checkLockHistory([first, hold('bob', 2, [2, 10, 20])])).toEqual([]);
  expect(checkLockHistory([first, { ...hold('bob', 1, [20, 21, 22]), name: 'b' }])).toEqual([]);
  expect(checkLockHistory([first, hold('bob', 2, [2, 9, 20])])).toEqual([
    'a: anna (token 1) and bob (token 2) held at once',
  ]);
  const shared = [first, hold('bob', 2, [2, 9, 20])].map((each) => ({ ...each, shared: true }));
  expect(checkLockHistory(shared)).toEqual([]);
  expect(checkLockHistory([first, hold('bob', 1, [0, 11, 20])])).toEqual([
    'a: anna (token 1) and bob (token 1) have one token',
  ]);
  expect(checkLockHistory([hold('anna', 5, [0, 1, 10]), hold('bob', 4, [11, 12, 20])])).toEqual([
    'a: the token fell from anna (token 5) to bob (token 4)',
  ]);
});

test('more permits than there are are found', () => {
  const both = [hold('anna', 1, [0, 1, 10]), hold('bob', 2, [0, 5, 20])];
  expect(checkPermitHistory(both, 2)).toEqual([]);
  expect(checkPermitHistory(both, 1)).toEqual([
    'a: 2 of 1 permits were held when bob (token 2) began',
  ]);
});

const serving = (sequence: number, attempt: number, times: [number, number]): QueueServing => ({
  sequence,
  attempt,
  payload: `p${sequence}`,
  consumer: `c${attempt}`,
  servedMs: times[0],
  endedMs: times[1],
});
const pushed = [1, 2].map((sequence) => ({ sequence, payload: `p${sequence}` }));
const right: QueueHistory = {
  pushed,
  served: [serving(1, 1, [0, 5]), serving(1, 2, [5, 9]), serving(2, 1, [1, 2])],
  acked: [{ sequence: 1, atMs: 9 }],
  left: { items: [2], dead: [] },
  attemptsMax: 2,
};

test.each<[string, Partial<QueueHistory>, string]>([
  ['an item that is lost', { left: { items: [], dead: [] } }, '2 is lost'],
  [
    'an item that outlives its end',
    { left: { items: [1, 2], dead: [] } },
    '1 is there after it was done',
  ],
  [
    'an item with two at once',
    { served: [serving(1, 1, [0, 5]), serving(1, 2, [4, 9])] },
    '1 was with c1 and c2 at once',
  ],
  [
    'an attempt served twice',
    { served: [serving(1, 1, [0, 5]), serving(1, 1, [6, 9])] },
    'attempt 1 of 1 was served twice',
  ],
  [
    'an item served after its end',
    { served: [serving(1, 1, [10, 11])] },
    '1 was served after it was done',
  ],
  [
    'an item served too often',
    { served: [serving(1, 3, [0, 5])] },
    '1 was served 3 times, more than 2',
  ],
  [
    'a payload that nobody pushed',
    { served: [{ ...serving(1, 1, [0, 5]), payload: 'x' }] },
    '1 was served as "x", which nobody pushed under it',
  ],
  [
    'an acknowledgement twice',
    {
      acked: [
        { sequence: 1, atMs: 9 },
        { sequence: 1, atMs: 10 },
      ],
    },
    '1 was acknowledged twice',
  ],
  [
    'an item that overtakes its group',
    {
      served: [
        { ...serving(2, 1, [0, 1]), group: 'g' },
        { ...serving(1, 1, [2, 3]), group: 'g' },
      ],
      acked: [],
      left: { items: [1, 2], dead: [] },
    },
    '2 overtook 1 of its group',
  ],
])('%s is found', (_, wrong, sentence) => {
  expect(checkQueueHistory(right)).toEqual([]);
  expect(checkQueueHistory({ ...right, ...wrong })).toContain(sentence);
});

test('numbers given twice, and smaller ones later, are found', () => {
  const first = { first: 1, last: 3, askedMs: 0, answeredMs: 1 };
  expect(checkSequenceHistory([first, { first: 4, last: 4, askedMs: 1, answeredMs: 2 }])).toEqual(
    [],
  );
  expect(checkSequenceHistory([first, { first: 3, last: 4, askedMs: 0, answeredMs: 2 }])).toEqual([
    '1-3 and 3-4 were both given',
  ]);
  const later = { first: 9, last: 9, askedMs: 5, answeredMs: 6 };
  expect(
    checkSequenceHistory([
      { ...later, askedMs: 0, answeredMs: 1 },
      { ...first, askedMs: 2, answeredMs: 3 },
    ]),
  ).toEqual(['1 was given after 9']);
});

test('more tokens than came are found', () => {
  const taken = [
    { tokens: 2, askedMs: 0, allowedMs: 1 },
    { tokens: 1, askedMs: 500, allowedMs: 501 },
  ];
  expect(checkLimiterHistory(taken, { perSecond: 2, burst: 2 })).toEqual([]);
  expect(checkLimiterHistory(taken, { perSecond: 1, burst: 2 })).toHaveLength(1);
});
