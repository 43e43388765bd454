import { expect, test } from 'vitest';
import { bytesText } from './bytes-text.ts';

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [1_048_575, '1.0 MiB'],
  [3_565_158, '3.4 MiB'],
  [8 * 1_024 ** 3, '8.0 GiB'],
  [2_048 * 1_024 ** 5, '2048.0 PiB'],
])('%i bytes are told as "%s"', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});
