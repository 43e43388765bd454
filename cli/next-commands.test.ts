import { expect, test } from 'vitest';
import { fixInContext, nextCommands } from './next-commands.ts';

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

test('what names its own cluster, or the folder of one, is left as it is', () => {
  const lines = ['hansa up --data /a --name lubeck', 'hansa --context lubeck recover list'];
  expect(nextCommands(lines, 'bergen')).toEqual(lines);
});

test('a fix is typed for the cluster that was asked, but for what no cluster is asked', () => {
  expect(fixInContext('hansa user list', 'bergen')).toBe('hansa --context bergen user list');
  expect(fixInContext('add it first: hansa user add x', 'bergen')).toBe(
    'add it first: hansa --context bergen user add x',
  );
  for (const fix of ['hansa --context a login', 'start one: hansa up --data /a', 'see --help']) {
    expect(fixInContext(fix, 'bergen')).toBe(fix);
  }
  expect(fixInContext('hansa user list', undefined)).toBe('hansa user list');
});
