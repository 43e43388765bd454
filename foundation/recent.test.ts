import { expect, test } from 'vitest';
import { createRecent } from './recent.ts';

test('what was not used for longest is forgotten first', () => {
  const recent = createRecent<string, number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  expect(recent.get('a')).toBe(1);
  recent.set('c', 3);
  expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([1, undefined, 3]);
});

test('what is set again counts once, with its new value', () => {
  const recent = createRecent<string, number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  recent.set('a', 3);
  expect([recent.get('a'), recent.get('b')]).toEqual([3, 2]);
  recent.delete('a');
  expect(recent.get('a')).toBeUndefined();
});

test('what weighs something is kept until all that is kept weighs too much', () => {
  const recent = createRecent<string, number>(10, (weight) => weight);
  recent.set('a', 4);
  recent.set('b', 5);
  recent.set('b', 3);
  recent.set('c', 3);
  expect(recent.get('a')).toBe(4);
  recent.set('d', 3);
  expect([recent.get('a'), recent.get('b'), recent.get('c'), recent.get('d')]).toEqual([
    4,
    undefined,
    3,
    3,
  ]);
  recent.set('e', 11);
  expect([recent.get('a'), recent.get('e')]).toEqual([undefined, undefined]);
});
