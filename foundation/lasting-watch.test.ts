import { expect, test } from 'vitest';
import { HansaError, showWatch, type ErrorCode } from './index.ts';

type Part = readonly (number | ErrorCode)[];

/** Each opening plays the next part: numbers are items, a code is how it breaks off. */
async function play(parts: readonly Part[], max?: number) {
  const seen: number[] = [];
  const waited: number[] = [];
  const told: string[] = [];
  let opened = 0;
  const context = {
    progress: (line: string) => void told.push(line),
    wait: async (ms: number) => void waited.push(ms),
  };
  const running = showWatch(context, {
    max,
    missed: ', and some are missed',
    async *open() {
      const part = parts[opened] ?? [];
      opened += 1;
      for (const each of part) {
        if (typeof each === 'string') {
          throw new HansaError(each, 'it went away');
        }
        yield each;
      }
    },
    async show(item) {
      seen.push(item);
    },
  });
  const outcome = await running.then(
    (output) => output,
    (error: unknown) => error,
  );
  return { outcome, seen, waited, told, opened };
}

test('a watch that breaks off is opened again, later each time, and tells it once', async () => {
  const away: Part = ['NODE_UNREACHABLE'];
  const played = await play([[1, 'CONNECTION_CLOSED'], away, away, [2, 'SHUTTING_DOWN'], [3]]);
  expect(played).toMatchObject({
    seen: [1, 2, 3],
    waited: [250, 500, 1_000, 250],
    outcome: { data: { shown: 3 }, asLine: true },
  });
  expect(played.told).toEqual(
    Array.from(
      { length: 2 },
      () => 'it went away; trying again until interrupted, and some are missed',
    ),
  );
});

test('a quiet watch that broke off twice is told twice, and waits no longer for it', async () => {
  const { waited, told } = await play([
    ['CONNECTION_CLOSED'],
    ['NODE_UNREACHABLE'],
    ['CONNECTION_CLOSED'],
    [1],
  ]);
  expect(waited).toEqual([250, 500, 250]);
  expect(told).toHaveLength(2);
});

test('nobody waits longer than 5 s between two attempts', async () => {
  const away = Array.from({ length: 8 }, (): Part => ['DIAL_FAILED']);
  const { waited } = await play([['CONNECTION_CLOSED'], ...away]);
  expect(waited).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000]);
});

test('whoever was never there, and what is no break, ends the command', async () => {
  const never = await play([['NODE_UNREACHABLE'], [1]]);
  expect(never).toMatchObject({ opened: 1, outcome: { code: 'NODE_UNREACHABLE' } });
  const refused = await play([[1, 'CONNECTION_CLOSED'], ['FORBIDDEN'], [2]]);
  expect(refused).toMatchObject({ opened: 2, seen: [1], outcome: { code: 'FORBIDDEN' } });
});

test('it ends after so many, over all its parts, and leaves what it has opened', async () => {
  const played = await play(
    [
      [1, 2, 'CONNECTION_CLOSED'],
      [3, 4, 5],
    ],
    3,
  );
  expect(played).toMatchObject({ seen: [1, 2, 3], outcome: { data: { shown: 3 } } });
});
