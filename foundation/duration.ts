// Lengths of time as people write and read them: `15m`, "2 minutes 5 seconds". Pure; whoever has a
// clock hands in the difference.
import { HansaError } from './errors.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
const durationMaxMs: number = 36_500 * dayMs; // a century: added to any present time it stays exact

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: secondMs,
  m: minuteMs,
  h: hourMs,
  d: dayMs,
};
const namedMs = [
  ['day', dayMs],
  ['hour', hourMs],
  ['minute', minuteMs],
  ['second', secondMs],
] as const;

/** `90s`, `15m`, `1h30m`, `1d` in milliseconds; INPUT_INVALID for anything else. */
export function parseDuration(text: string): number {
  const plain = text.trim();
  if (!/^(?:\d{1,9}(?:ms|s|m|h|d))+$/.test(plain)) {
    throw new HansaError('INPUT_INVALID', `"${text}" is not a duration`, {
      fix: 'write a number with a unit: 90s, 15m, 2h or 1d',
    });
  }
  let ms = 0;
  for (const [, count, unit] of plain.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    ms += Number(count) * (unitsMs[unit ?? ''] ?? 0);
  }
  if (ms > durationMaxMs) {
    throw new HansaError(
      'INPUT_INVALID',
      `"${text}" is longer than ${durationText(durationMaxMs)}`,
    );
  }
  return ms;
}

/** "15 minutes", "1 hour 30 minutes", "950 ms": the two largest units, rounded down. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < secondMs) {
    return `${whole} ms`;
  }
  const first = namedMs.findIndex(([, unitMs]) => whole >= unitMs);
  let left = whole;
  return namedMs
    .slice(first, first + 2)
    .flatMap(([name, unitMs]) => {
      const count = Math.floor(left / unitMs);
      left -= count * unitMs;
      return count === 0 ? [] : [`${count} ${name}${count === 1 ? '' : 's'}`];
    })
    .join(' ');
}

/** "just now", "3 seconds ago". */
export function agoText(elapsedMs: number): string {
  return elapsedMs < secondMs ? 'just now' : `${durationText(elapsedMs)} ago`;
}
