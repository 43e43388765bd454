import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { refNameBytesMax, refNameClashes, refNameIsValid, refSegmentBytesMax } from './ref-name.ts';

describe('ref names', () => {
  test.each([
    'refs/heads/main',
    'refs/heads/feature/a-b_c.d',
    'refs/tags/v1.0',
    'refs/heads/größe',
    'refs/heads/-dash',
    'refs/heads/@',
    'refs/heads/a@b',
    'refs/notes/commits',
  ])('%s is a ref name', (name) => {
    expect(refNameIsValid(name)).toBe(true);
  });

  test.each([
    ['HEAD', 'outside refs/'],
    ['refs/main', 'directly below refs/'],
    ['refs/heads/', 'an empty segment'],
    ['refs//main', 'an empty segment'],
    ['/refs/heads/main', 'a leading slash'],
    ['refs/heads/../../config', 'a way out'],
    ['refs/heads/a..b', 'two dots'],
    ['refs/heads/.hidden', 'a segment that starts with a dot'],
    ['refs/heads/a.', 'a trailing dot'],
    ['refs/heads/a.lock', 'a lock'],
    ['refs/heads/a.lock/b', 'a lock as a folder'],
    ['refs/heads/a b', 'a space'],
    ['refs/heads/a\nb', 'a line end'],
    ['refs/heads/a\u0000b', 'a NUL'],
    ['refs/heads/a\u007fb', 'a DEL'],
    ['refs/heads/a~1', '~'],
    ['refs/heads/a^', '^'],
    ['refs/heads/a:b', ':'],
    ['refs/heads/a?', '?'],
    ['refs/heads/a*', '*'],
    ['refs/heads/[a', '['],
    ['refs/heads/a\\b', 'a backslash'],
    ['refs/heads/a@{1}', '@{'],
    ['refs/heads/\ud800', 'half a character'],
  ])('%j is not: %s', (name) => {
    expect(refNameIsValid(name)).toBe(false);
  });

  test('a name is bounded as a whole and segment by segment', () => {
    expect(refNameIsValid(`refs/heads/${'a'.repeat(refSegmentBytesMax)}`)).toBe(true);
    expect(refNameIsValid(`refs/heads/${'a'.repeat(refSegmentBytesMax + 1)}`)).toBe(false);
    expect(refNameIsValid(`refs/heads/${'ä'.repeat(126)}`)).toBe(false);
    expect(refNameIsValid(`refs/heads${'/aaaaaaaaa'.repeat(refNameBytesMax / 10)}`)).toBe(false);
  });

  test('what this code takes, git takes', () => {
    const piece = fc.constantFrom(
      'a',
      '.',
      '..',
      '/',
      '@',
      '{',
      '@{',
      '-',
      '~',
      '^',
      ':',
      '?',
      '*',
      '[',
      '\\',
      ' ',
      '.lock',
      'ä',
      '\t',
    );
    const names = fc.sample(fc.array(piece, { minLength: 1, maxLength: 5 }), {
      numRuns: 150,
      seed: 7,
    });
    for (const parts of names) {
      const name = `refs/heads/${parts.join('')}`;
      expect([name, refNameIsValid(name)]).toEqual([name, gitTakes(name)]);
    }
  });

  test('a name that is a folder of another clashes with it', () => {
    const clashes = refNameClashes([
      'refs/heads/a',
      'refs/heads/a/b/c',
      'refs/heads/ab',
      'refs/tags/a',
    ]);
    expect([...clashes]).toEqual([['refs/heads/a', 'refs/heads/a/b/c']]);
  });
});

function gitTakes(name: string): boolean {
  try {
    execFileSync('git', ['check-ref-format', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
