import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLinearizable, type Interval, type Model } from './linearizable.ts';
import {
  counterModel,
  registerModel,
  type CounterOp,
  type RegisterOp,
  type Value,
} from './models.ts';

const never = Number.POSITIVE_INFINITY;
const runs = 1_000;

function at<Op>(start: number, end: number, op: Op): Interval<Op> {
  return { op, start, end };
}

const read = (value: Value): RegisterOp => ({ kind: 'read', value });
const write = (value: Value): RegisterOp => ({ kind: 'write', value });
const cas = (from: Value, to: Value, done: boolean | 'unknown', found: Value = null): RegisterOp =>
  done === false ? { kind: 'cas', from, to, done, found } : { kind: 'cas', from, to, done };
const add = (result: number | undefined): CounterOp => ({ kind: 'add', by: 1, result });

function judge(...intervals: Interval<RegisterOp>[]): string {
  return checkLinearizable(registerModel, intervals).verdict;
}

function count(...intervals: Interval<CounterOp>[]): string {
  return checkLinearizable(counterModel, intervals).verdict;
}

describe('a history is linearizable where', () => {
  test('nothing happened', () => expect(judge()).toBe('linearizable'));

  test('reads follow writes', () =>
    expect(judge(at(1, 2, write('a')), at(3, 4, read('a')))).toBe('linearizable'));

  test('a read beside a write sees what was before it, and another what came of it', () =>
    expect(
      judge(at(1, 2, write('a')), at(3, 8, write('b')), at(4, 5, read('a')), at(6, 7, read('b'))),
    ).toBe('linearizable'));

  test('a write without an answer happens late', () =>
    expect(
      judge(
        at(1, 2, write('a')),
        at(3, never, write('b')),
        at(4, 5, read('a')),
        at(9, 10, read('b')),
      ),
    ).toBe('linearizable'));

  test('a write without an answer never happens', () =>
    expect(judge(at(1, 2, write('a')), at(3, never, write('b')), at(4, 5, read('a')))).toBe(
      'linearizable',
    ));

  test('a comparison fails by what another client wrote beside it', () =>
    expect(
      judge(at(1, 2, write('a')), at(3, 6, write('b')), at(4, 5, cas('a', 'c', false, 'b'))),
    ).toBe('linearizable'));

  test('a comparison without an answer made the value that is read later', () =>
    expect(
      judge(at(1, 2, write('a')), at(3, never, cas('a', 'b', 'unknown')), at(4, 5, read('b'))),
    ).toBe('linearizable'));

  test('a counter’s addition without an answer shows in the next one', () =>
    expect(count(at(1, 2, add(1)), at(3, never, add(undefined)), at(4, 5, add(3)))).toBe(
      'linearizable',
    ));
});

describe('a history is a violation where', () => {
  test('a read is stale', () =>
    expect(judge(at(1, 2, write('a')), at(3, 4, write('b')), at(5, 6, read('a')))).toBe(
      'violation',
    ));

  test('a read saw the new value and a later one the old', () =>
    expect(
      judge(at(1, 2, write('a')), at(3, 9, write('b')), at(4, 5, read('b')), at(6, 7, read('a'))),
    ).toBe('violation'));

  test('an acknowledged write is lost', () =>
    expect(judge(at(1, 2, write('a')), at(3, 4, read(null)))).toBe('violation'));

  test('two comparisons with the same value were both told that it held', () =>
    expect(
      judge(at(1, 2, write('a')), at(3, 6, cas('a', 'b', true)), at(4, 5, cas('a', 'c', true))),
    ).toBe('violation'));

  test('a comparison failed by a value that was not there', () =>
    expect(judge(at(1, 2, write('a')), at(3, 4, cas('b', 'c', false, 'd')))).toBe('violation'));

  test('a write without an answer took effect before it was asked for', () =>
    expect(judge(at(1, 2, read('b')), at(3, never, write('b')))).toBe('violation'));

  test('a write without an answer took effect, and was undone', () =>
    expect(
      judge(
        at(1, 2, write('a')),
        at(3, never, write('b')),
        at(4, 5, read('b')),
        at(6, 7, read('a')),
      ),
    ).toBe('violation'));

  test('an addition was applied twice', () =>
    expect(count(at(1, 2, add(1)), at(3, 4, { kind: 'read', value: 2 }))).toBe('violation'));

  test('an update of a counter is lost', () =>
    expect(count(at(1, 4, add(1)), at(2, 3, add(1)))).toBe('violation'));
});

test('a violation names the operation that no order gets past, and how far one came', () => {
  const history = [at(1, 2, write('a')), at(3, 4, write('b')), at(5, 6, read('a'))];
  expect(checkLinearizable(registerModel, history)).toEqual({
    verdict: 'violation',
    placed: [write('a'), write('b')],
    stuck: read('a'),
  });
});

test('a search that takes more steps than allowed decides nothing', () => {
  const writes = Array.from({ length: 20 }, (_, i) => at(i, 100 + i, write(String(i))));
  const history = [...writes, at(200, 201, read('never'))];
  expect(checkLinearizable(registerModel, history, 500).verdict).toBe('undecided');
});

test('a long history of many clients is judged in a moment', () => {
  const history: Interval<RegisterOp>[] = [];
  for (let i = 0; i < 4_000; i += 1) {
    history.push(at(10 * i, 10 * i + 12, write(String(i))));
    history.push(at(10 * i + 3, 10 * i + 15, read(String(i))));
    history.push(at(10 * i + 4, never, write(`late ${i}`)));
  }
  expect(judge(...history.filter(({ end }) => end !== never))).toBe('linearizable');
  expect(judge(...history.slice(0, 300))).toBe('linearizable');
});

/** Every order that respects time, with every choice of what without an answer has happened. */
function bruteForce<State, Op>(model: Model<State, Op>, left: readonly Interval<Op>[]): boolean {
  const place = (state: State, rest: readonly Interval<Op>[]): boolean => {
    if (rest.every(({ end }) => end === never)) {
      return true;
    }
    const firstEnd = Math.min(...rest.map(({ end }) => end));
    return rest
      .filter(({ start }) => start < firstEnd)
      .some((one) => {
        const stepped = model.step(state, one.op);
        const others = rest.filter((each) => each !== one);
        return stepped !== undefined && place(stepped.state, others);
      });
  };
  return place(model.initial, left);
}

const value = fc.constantFrom<Value>(null, 'a', 'b');
const registerOp: fc.Arbitrary<RegisterOp> = fc.oneof(
  value.map(read),
  value.map(write),
  fc
    .tuple(value, value, fc.boolean(), value)
    .map(([from, to, done, found]) => cas(from, to, done, found)),
);
const counterOp: fc.Arbitrary<CounterOp> = fc.oneof(
  fc.nat(4).map((read_): CounterOp => ({ kind: 'read', value: read_ })),
  fc.option(fc.nat(4), { nil: undefined }).map(add),
);

/** Small histories: places in time are all different, as a recorder gives them. */
function histories<Op>(op: fc.Arbitrary<Op>): fc.Arbitrary<Interval<Op>[]> {
  return fc.array(fc.tuple(op, fc.boolean()), { minLength: 1, maxLength: 6 }).chain((ops) =>
    fc
      .shuffledSubarray([...Array(2 * ops.length).keys()], {
        minLength: 2 * ops.length,
        maxLength: 2 * ops.length,
      })
      .map((places) =>
        ops.map(([one, lost], i): Interval<Op> => {
          const [a, b] = [Number(places[2 * i]), Number(places[2 * i + 1])];
          return at(Math.min(a, b), lost ? never : Math.max(a, b), one);
        }),
      ),
  );
}

/** What one register answers clients that take turns at random: always linearizable. */
const lived: fc.Arbitrary<Interval<RegisterOp>[]> = fc
  .tuple(fc.array(registerOp, { minLength: 1, maxLength: 40 }), fc.infiniteStream(fc.nat(6)))
  .map(([ops, spread]) => {
    let state: Value = null;
    return ops.map((op, i): Interval<RegisterOp> => {
      const happened = 10 * i;
      const [before, after] = [spread.next().value ?? 0, spread.next().value ?? 0];
      const told = answered(state, op);
      state = told.state;
      const [start, end] = [happened - 5 * before - 1 / (i + 2), happened + 5 * after];
      return at(start, after === 6 ? never : end, after === 6 ? unanswered(told.op) : told.op);
    });
  });

function answered(state: Value, op: RegisterOp): { state: Value; op: RegisterOp } {
  if (op.kind === 'read') {
    return { state, op: read(state) };
  }
  if (op.kind === 'write') {
    return { state: op.value, op };
  }
  return op.from === state
    ? { state: op.to, op: cas(op.from, op.to, true) }
    : { state, op: cas(op.from, op.to, false, state) };
}

function unanswered(op: RegisterOp): RegisterOp {
  return op.kind === 'cas' ? cas(op.from, op.to, 'unknown') : op;
}

describe('the checker and one that tries every order agree', () => {
  test('on registers', () => {
    fc.assert(
      fc.property(histories(registerOp), (history) => {
        const { verdict } = checkLinearizable(registerModel, history);
        expect(verdict === 'linearizable').toBe(bruteForce(registerModel, history));
      }),
      { numRuns: 5 * runs },
    );
  });

  test('on counters', () => {
    fc.assert(
      fc.property(histories(counterOp), (history) => {
        const { verdict } = checkLinearizable(counterModel, history);
        expect(verdict === 'linearizable').toBe(bruteForce(counterModel, history));
      }),
      { numRuns: 5 * runs },
    );
  });
});

test('whatever a real register answered is linearizable', () => {
  fc.assert(
    fc.property(lived, (history) => {
      // A read without an answer asks nothing of the register.
      const told = history.filter(({ op, end }) => op.kind !== 'read' || end !== never);
      expect(checkLinearizable(registerModel, told).verdict).toBe('linearizable');
    }),
    { numRuns: runs },
  );
});
