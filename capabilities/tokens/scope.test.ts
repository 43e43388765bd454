import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globMatches } from '../policies/decide.ts';
import {
  anyContains,
  parseScope,
  patternContains,
  readScope,
  scopeContains,
} from '@hansa/foundation';

const contains = (outer: string, inner: string): boolean =>
  scopeContains(parseScope(outer), parseScope(inner));

describe('a scope', () => {
  test.each([
    'pull:git:team-a/*',
    'see:*:**',
    '*:kv:config',
    'push:document:a/b.c_d-e',
    'api:*',
    'api:kv.*',
    'api:kv.read',
    'api:*.read',
    'app:ledger',
    'app:*',
  ])('may read "%s"', (text) => {
    expect(readScope(text)).toBeDefined();
  });

  test.each([
    '',
    'pull',
    'pull:git',
    'pull:git:',
    'write:git:a',
    'pull:Git:a',
    'pull:git:a b',
    'pull:git:a\n',
    'pull:git:/a',
    `pull:git:${'a'.repeat(300)}`,
    'api:',
    'api:kv',
    'api:kv.delete',
    'api:kv.read.more',
    'app:',
    'app:Ledger',
    'pull:git:é',
  ])('is never "%s"', (text) => {
    expect(readScope(text)).toBeUndefined();
    expect(() => parseScope(text)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });

  test.each([
    ['*:*:**', 'pull:git:a/b'],
    ['pull:git:**', 'pull:git:a/*/b'],
    ['pull:git:team-a/*', 'pull:git:team-a/x*y'],
    ['pull:git:a*', 'pull:git:a'],
    ['pull:git:**/x', 'pull:git:**/x'],
    ['pull:git:*a*', 'pull:git:*ba*'],
    ['api:*', 'api:*.*'],
    ['api:*', 'api:kv.read'],
    ['api:kv.*', 'api:kv.write'],
    ['api:*.read', 'api:kv.read'],
    ['app:*', 'app:ledger'],
  ])('"%s" contains "%s"', (outer, inner) => {
    expect(contains(outer, inner)).toBe(true);
  });

  test.each([
    ['pull:git:team-a/*', 'pull:git:team-a/**'],
    ['pull:git:team-a/*', 'pull:git:team-a/b/c'],
    ['pull:git:*', 'pull:git:a/b'],
    ['pull:git:*', 'pull:git:**'],
    ['pull:git:a', 'pull:git:*'],
    ['pull:git:ab*', 'pull:git:a*'],
    ['pull:git:**', 'see:git:**'],
    ['pull:git:**', '*:git:**'],
    ['pull:git:**', 'pull:*:**'],
    ['*:*:**', 'api:*'],
    ['*:*:**', 'app:*'],
    ['api:*', 'pull:git:a'],
    ['api:kv.read', 'api:kv.*'],
    ['api:*.read', 'api:*'],
    ['app:ledger', 'app:*'],
  ])('"%s" does not contain "%s"', (outer, inner) => {
    expect(contains(outer, inner)).toBe(false);
  });
});

const letters = fc.constantFrom('a', 'b', '/', '*', '**');
const pattern = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(''));
const name = fc
  .array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 })
  .map((parts) => parts.join(''));

describe('a pattern of names', () => {
  test('that contains another matches every name that the other matches', () => {
    let contained = 0;
    fc.assert(
      fc.property(pattern, pattern, name, (outer, inner, given) => {
        if (patternContains(outer, inner)) {
          contained += 1;
          expect(!globMatches(inner, given) || globMatches(outer, given)).toBe(true);
        }
      }),
      { numRuns: 20_000 },
    );
    expect(contained).toBeGreaterThan(500);
  });

  test('matches names as policy does', () => {
    fc.assert(
      fc.property(pattern, name, (outer, given) => {
        expect(patternContains(outer, given)).toBe(globMatches(outer, given));
      }),
      { numRuns: 20_000 },
    );
  });

  test('contains itself and lies within what contains it, over three', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        expect(patternContains(a, a)).toBe(true);
        expect(!(patternContains(a, b) && patternContains(b, c)) || patternContains(a, c)).toBe(
          true,
        );
      }),
      { numRuns: 5_000 },
    );
  });

  test('takes no longer than its length times the other’s, whatever the stars', () => {
    const outer = `pull:git:${'*a'.repeat(60)}b`;
    const inner = `pull:git:${'a'.repeat(120)}`;
    expect(anyContains([parseScope(outer)], parseScope(inner))).toBe(false);
  });
});
