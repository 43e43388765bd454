import { expect, test } from 'vitest';
import { nextCommands } from './next-commands.ts';

test('what was asked of a named cluster goes on with that cluster', () => {
  const lines = ['hansa up', 'hansa down && hansa up', 'git clone x'];
  expect(nextCommands(lines, 'bergen')).toEqual([
    'hansa --context bergen up',
    'hansa --context bergen down && hansa --context bergen up',
    'git clone x',
  ]);
  expect(nextCommands(lines, undefined)).toEqual(lines);
});

test('what is to be done on another cluster is left as it is', () => {
  const lines = ['hansa link accept <token>  # on the other cluster'];
  expect(nextCommands(lines, 'bergen')).toEqual(lines);
});
