import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { availabilityOf } from './availability.ts';
import { differences, lostOrRisen, wrongSightings } from './contents.ts';
import { createRecorder, type HistoryEvent, type Operation } from './history.ts';
import { checkLinearizable } from './linearizable.ts';
import { counterIntervals, counterModel, registerIntervals, registerModel } from './models.ts';

let place = 0;

function did(
  operation: string,
  key: string,
  more: Partial<Operation> & Pick<Operation, 'outcome'>,
): Operation {
  place += 2;
  const times = { start: place, end: place + 1, startMs: place, endMs: place + 1 };
  return { process: 'one', operation, key, value: undefined, heard: undefined, ...times, ...more };
}

const putA = (outcome: Operation['outcome']): Operation => did('put', 'a', { value: '1', outcome });
const deleted = (outcome: Operation['outcome']): Operation => did('delete', 'a', { outcome });
const holding = (text: string): ReadonlyMap<string, string> => new Map([['a', text]]);
const empty: ReadonlyMap<string, string> = new Map();

describe('in the end', () => {
  test('an acknowledged write is there', () => {
    expect(lostOrRisen([putA('ok')], holding('1'))).toEqual([]);
    expect(lostOrRisen([putA('ok')], empty)).toEqual([
      'a is lost, although its write was acknowledged',
    ]);
  });

  test('a write whose outcome nobody knows may be there or not', () => {
    expect(lostOrRisen([putA('unknown')], holding('1'))).toEqual([]);
    expect(lostOrRisen([putA('unknown')], empty)).toEqual([]);
  });

  test('a write that was refused is not there', () => {
    expect(lostOrRisen([putA('fail')], empty)).toEqual([]);
    expect(lostOrRisen([putA('fail')], holding('1'))).toHaveLength(1);
  });

  test('what was deleted stays away', () => {
    expect(lostOrRisen([putA('ok'), deleted('ok')], empty)).toEqual([]);
    expect(lostOrRisen([putA('ok'), deleted('ok')], holding('1'))).toEqual([
      'a is there again, although its deletion was acknowledged',
    ]);
    expect(lostOrRisen([putA('ok'), deleted('unknown')], empty)).toEqual([]);
    expect(lostOrRisen([putA('ok'), deleted('unknown')], holding('1'))).toEqual([]);
    expect(lostOrRisen([putA('ok'), deleted('fail')], empty)).toHaveLength(1);
  });

  test('what was to be deleted was there', () => {
    const foundNothing = did('delete', 'a', { outcome: 'ok', heard: false });
    expect(lostOrRisen([putA('ok'), foundNothing], empty)).toHaveLength(1);
    expect(lostOrRisen([putA('unknown'), foundNothing], empty)).toEqual([]);
  });

  test('nothing is there that nobody wrote, and nothing else than was written', () => {
    expect(lostOrRisen([], holding('1'))).toEqual(['a is there, and nobody wrote it']);
    expect(lostOrRisen([putA('ok')], holding('2'))).toHaveLength(1);
  });
});

test('copies that differ are told apart by their keys', () => {
  const lubeck = { name: 'lubeck', contents: holding('1') };
  expect(differences(lubeck, { name: 'bergen', contents: holding('1') })).toEqual([]);
  expect(differences(lubeck, { name: 'bergen', contents: empty })).toEqual([
    'a: lubeck 1, bergen nothing',
  ]);
});

describe('a copy', () => {
  const seen = (text: string | null, revision: number): Operation =>
    did('get', 'a', { outcome: 'ok', heard: { text, revision } });

  test('goes only forward', () => {
    const written = [putA('ok')];
    expect(wrongSightings(written, [seen(null, 3), seen('1', 4)])).toEqual([]);
    expect(wrongSightings(written, [seen('1', 4), seen(null, 3)])).toEqual([
      'one saw a at 3, after 4',
    ]);
  });

  test('shows nothing that nobody wrote, or that was refused', () => {
    expect(wrongSightings([putA('unknown')], [seen('1', 4)])).toEqual([]);
    expect(wrongSightings([putA('fail')], [seen('1', 4)])).toHaveLength(1);
    expect(wrongSightings([], [seen('1', 4)])).toHaveLength(1);
  });
});

test('availability is the longest silence after each strike, until the next', () => {
  const strikes = [
    { what: 'kill', fromMs: 100, healedMs: 150 },
    { what: 'kill', fromMs: 1_000, healedMs: 1_050 },
  ];
  const { silencesMs, maxMs, p50Ms } = availabilityOf(strikes, [90, 110, 180, 185, 1_700, 1_710]);
  expect(silencesMs).toEqual([1_515, 700]);
  expect([p50Ms, maxMs]).toEqual([700, 1_515]);
});

describe('a recorder', () => {
  test('writes every event, and takes what has no end for unknown', async () => {
    const events: HistoryEvent[] = [];
    let now = 5;
    const recorder = createRecorder({ now: () => (now += 1), write: (one) => events.push(one) });
    await recorder.record('one', { operation: 'put', key: 'a', value: '1' }, () =>
      Promise.resolve({ outcome: 'ok', value: null }),
    );
    recorder.note('kill', 'lubeck');
    const never = recorder.record(
      'two',
      { operation: 'get', key: 'a' },
      () => new Promise(() => {}),
    );
    await recorder.record('one', { operation: 'get', key: 'a' }, () =>
      Promise.reject(new Error('gone')),
    );
    expect(never).toBeInstanceOf(Promise);
    expect(events.map(({ process, phase, operation }) => [process, phase, operation])).toEqual([
      ['one', 'invoke', 'put'],
      ['one', 'ok', 'put'],
      ['nemesis', 'info', 'kill'],
      ['two', 'invoke', 'get'],
      ['one', 'invoke', 'get'],
      ['one', 'unknown', 'get'],
    ]);
    const ends = recorder.operations().map(({ outcome, end }) => [outcome, end]);
    expect(ends).toEqual([
      ['ok', 2],
      ['unknown', Number.POSITIVE_INFINITY],
      ['unknown', Number.POSITIVE_INFINITY],
    ]);
  });
});

const text = fc.constantFrom('1', '2', '3');

test('leaving out unanswered writes that nobody saw changes no verdict', () => {
  const operation: fc.Arbitrary<Partial<Operation>> = fc.oneof(
    fc.record({ operation: fc.constant('put'), value: text, outcome: outcomes() }),
    fc.record({ operation: fc.constant('get'), heard: text, outcome: fc.constant('ok' as const) }),
    fc.record({
      operation: fc.constant('cas'),
      value: fc.record({ from: text, to: text }),
      outcome: fc.constant('unknown' as const),
    }),
    fc.record({
      operation: fc.constant('cas'),
      value: fc.record({ from: text, to: text }),
      heard: fc.record({ done: fc.boolean(), found: text }),
      outcome: fc.constant('ok' as const),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 6 }),
      fc.infiniteStream(fc.nat(20)),
      (ops, places) => {
        const told = ops.map((one, i): Operation => {
          const start = (places.next().value ?? 0) + i / 100;
          const end = start + (places.next().value ?? 0) + 0.5 + i / 1_000;
          const unknown = one.outcome === 'unknown';
          const times = { start, end: unknown ? Number.POSITIVE_INFINITY : end };
          return { ...did('get', 'k', { outcome: 'ok' }), ...one, ...times };
        });
        const all = told.flatMap((one) => registerIntervals([one, ...witnesses(one)]).slice(0, 1));
        const kept = registerIntervals(told);
        expect(checkLinearizable(registerModel, kept).verdict).toBe(
          checkLinearizable(registerModel, all).verdict,
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

function outcomes(): fc.Arbitrary<Operation['outcome']> {
  return fc.constantFrom('ok', 'unknown', 'fail');
}

/** One that saw the value, so that nothing is left out. */
function witnesses({ value, outcome }: Operation): Operation[] {
  if (outcome !== 'unknown') {
    return [];
  }
  const seen = typeof value === 'object' ? (value as { to: string }).to : value;
  return [did('get', 'k', { outcome: 'ok', heard: seen })];
}

test('a counter’s history is read as it was recorded', () => {
  const history = [
    did('add', 'n', { value: 1, outcome: 'ok', heard: 1 }),
    did('add', 'n', { value: 1, outcome: 'fail' }),
    did('get', 'n', { outcome: 'ok', heard: 1 }),
    did('get', 'n', { outcome: 'unknown' }),
  ];
  expect(counterIntervals(history)).toHaveLength(2);
  expect(checkLinearizable(counterModel, counterIntervals(history)).verdict).toBe('linearizable');
});
