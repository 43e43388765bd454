// What recorded clients of counters, sequences and rate limiters heard, judged: each counter is
// linearizable and ends between what was acknowledged and what may have been added, no number is
// given twice, and never more is taken than came.
import { checkLimiterHistory, checkSequenceHistory } from '../../coordination-model.ts';
import { byKey, type Operation } from '../history.ts';
import { checkLinearizable, type Interval } from '../linearizable.ts';
import { counterModel, type CounterOp } from '../models.ts';

/** The value of `add`, which hears the sum. What brings an id is counted once, however often. */
export interface AddAsked {
  readonly by: number;
  readonly once: string | undefined;
}

/** What `buffered` hears at its end: how much came, and how much of it was not sent. */
export interface BufferedSaid {
  readonly added: number;
  readonly pending: number;
}

export interface TakeHeard {
  readonly allowed: boolean;
}

/** Of the limiter of a run. */
export const limiterRate = { perSecond: 4, burst: 6 } as const;

/** `values`: the counters in the end, by name. */
export function judgeNumbers(
  operations: readonly Operation[],
  values: ReadonlyMap<string, number>,
): readonly string[] {
  return [
    ...judgeCounters(operations, values),
    ...judgeBuffered(operations, values),
    ...judgeSequence(operations),
    ...checkLimiterHistory(
      operations
        .filter(({ operation, heard }) => operation === 'take' && isAllowed(heard))
        .map(({ value, startMs, endMs }) => ({
          tokens: value as number,
          askedMs: startMs,
          allowedMs: endMs,
        })),
      limiterRate,
    ),
  ];
}

function isAllowed(heard: unknown): boolean {
  return (heard as TakeHeard | undefined)?.allowed === true;
}

function judgeCounters(
  operations: readonly Operation[],
  values: ReadonlyMap<string, number>,
): readonly string[] {
  const counters = new Set(
    operations.filter(({ operation }) => operation === 'add').map(({ key }) => key),
  );
  return [...byKey(operations.filter(({ key }) => counters.has(key)))].flatMap(([key, own]) => {
    const intervals = counterIntervals(own);
    const verdict = checkLinearizable(counterModel, intervals);
    const wrongs = [];
    if (verdict.verdict === 'violation') {
      wrongs.push(
        `counter ${key} is not linearizable: ${JSON.stringify(verdict.stuck)} fits nowhere`,
      );
    } else if (verdict.verdict === 'undecided') {
      wrongs.push(`counter ${key} could not be decided in ${verdict.steps} steps`);
    }
    return [...wrongs, ...judgeSum(key, intervals, values.get(key))];
  });
}

/** One addition for all that were sent under one id: from the first that was asked. */
function counterIntervals(operations: readonly Operation[]): readonly Interval<CounterOp>[] {
  const once = new Map<string, Operation[]>();
  const alone: Operation[][] = [];
  for (const one of operations) {
    const id = one.operation === 'add' ? (one.value as AddAsked).once : undefined;
    const same = id === undefined ? undefined : once.get(id);
    if (same !== undefined) {
      same.push(one);
    } else if (id === undefined) {
      alone.push([one]);
    } else {
      once.set(id, [one]);
    }
  }
  return [...alone, ...once.values()].flatMap(intervalOf);
}

function intervalOf(same: readonly Operation[]): Interval<CounterOp>[] {
  const told = same.find(({ outcome }) => outcome === 'ok');
  const [first] = same;
  const nothing = same.every(({ outcome }) => outcome === 'fail');
  if (first === undefined || nothing || (told === undefined && first.operation === 'get')) {
    return [];
  }
  const start = Math.min(...same.map((each) => each.start));
  const end = told?.end ?? Number.POSITIVE_INFINITY;
  if (first.operation === 'get') {
    return [{ op: { kind: 'read', value: first.heard as number }, start, end }];
  }
  const { by } = first.value as AddAsked;
  return [{ op: { kind: 'add', by, result: told?.heard as number | undefined }, start, end }];
}

function judgeSum(
  key: string,
  intervals: readonly Interval<CounterOp>[],
  value: number | undefined,
): readonly string[] {
  const sum = (told: boolean): number =>
    intervals.reduce(
      (total, { op }) =>
        op.kind === 'add' && (op.result !== undefined || !told) ? total + op.by : total,
      0,
    );
  const [least, most] = [sum(true), sum(false)];
  return value !== undefined && (value < least || value > most)
    ? [`counter ${key} is ${value}; ${least} were acknowledged, and ${most} asked for`]
    : [];
}

/** What was sent is counted once: all of it, where nothing is left to send. */
function judgeBuffered(
  operations: readonly Operation[],
  values: ReadonlyMap<string, number>,
): readonly string[] {
  return operations
    .filter(({ operation, outcome }) => operation === 'buffered' && outcome === 'ok')
    .flatMap(({ key, heard }) => {
      const { added, pending } = heard as BufferedSaid;
      const value = values.get(key);
      const isRight = value === undefined || (value >= added - pending && value <= added);
      return isRight
        ? []
        : [`counter ${key} is ${value}; ${added - pending} of ${added} were sent`];
    });
}

function judgeSequence(operations: readonly Operation[]): readonly string[] {
  const gifts = operations
    .filter(({ operation, outcome }) => operation === 'next' && outcome === 'ok')
    .map(({ key, heard, startMs, endMs }) => {
      const { first, last } = heard as { readonly first: number; readonly last: number };
      return { key, first, last, askedMs: startMs, answeredMs: endMs };
    });
  const looks = operations.filter(
    ({ operation, outcome, key }) =>
      operation === 'get' && outcome === 'ok' && gifts.some((gift) => gift.key === key),
  );
  const behind = looks.flatMap(({ key, heard, startMs }) => {
    const most = Math.max(
      0,
      ...gifts.filter(({ answeredMs }) => answeredMs <= startMs).map(({ last }) => last),
    );
    return (heard as number) < most
      ? [`${key} showed ${String(heard)} after ${most} was given`]
      : [];
  });
  return [...checkSequenceHistory(gifts), ...behind];
}
