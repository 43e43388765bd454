import { expect, test } from 'vitest';
import { momentText } from './moment.ts';

test('a moment is told in UTC, to the second', () => {
  expect(momentText(Date.UTC(2026, 2, 1, 9, 30, 5, 999))).toBe('2026-03-01 09:30:05 UTC');
});

test('midnight is the hour 00', () => {
  expect(momentText(0)).toBe('1970-01-01 00:00:00 UTC');
});
