import { describe, expect, test } from 'vitest';
import { agoText, durationText, parseDuration } from './duration.ts';

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
    [' 0s ', 0],
  ])('"%s" is read as %i milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '15', 'm', '-5m', '1.5h', '15 minutes', '15M', '1e9s', '9999999999s'])(
    '"%s" is INPUT_INVALID, with examples of what is understood',
    (text) => {
      expect(() => parseDuration(text)).toThrow(
        expect.objectContaining({ code: 'INPUT_INVALID', fix: expect.stringContaining('15m') }),
      );
    },
  );

  test('of more than a century is INPUT_INVALID', () => {
    expect(() => parseDuration('36501d')).toThrow('longer than 36500 days');
  });

  test.each([
    [0, '0 ms'],
    [950, '950 ms'],
    [1_000, '1 second'],
    [90_000, '1 minute 30 seconds'],
    [900_000, '15 minutes'],
    [3_600_000, '1 hour'],
    [3_605_000, '1 hour'],
    [86_400_000 + 7_200_000, '1 day 2 hours'],
  ])('of %i milliseconds is told as "%s"', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test('that has passed is told as ago', () => {
    expect(agoText(400)).toBe('just now');
    expect(agoText(3_000)).toBe('3 seconds ago');
  });
});
