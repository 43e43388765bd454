// Matching, by the trie and one by one, against a matcher that is too simple to be wrong.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressProblem, isLiteral, patternProblem } from './address.ts';
import { covers, overlaps } from './covering.ts';
import { addressLengthMax, addressSegmentsMax, segmentsBehindDeepMax } from './limits.ts';
import { matcherOf } from './matching.ts';
import { createPatternIndex, type PatternIndex } from './trie.ts';

const runs = 2_000; // of each property: the alphabet is small, so that things do meet

/** Every way is tried; never mind how long it takes. */
function naive(pattern: readonly string[], address: readonly string[]): boolean {
  const [want, ...rest] = pattern;
  const [segment, ...others] = address;
  if (want === '**') {
    return naive(rest, address) || (segment !== undefined && naive(pattern, others));
  }
  if (want === undefined || segment === undefined) {
    return want === undefined && segment === undefined;
  }
  return naiveText(want, segment) && naive(rest, others);
}

function naiveText(want: string, text: string): boolean {
  if (want === '') {
    return text === '';
  }
  if (want.startsWith('*')) {
    return naiveText(want.slice(1), text) || (text !== '' && naiveText(want, text.slice(1)));
  }
  return want[0] === text[0] && naiveText(want.slice(1), text.slice(1));
}

function naiveMatch(pattern: string, address: string): boolean {
  return naive(pattern.slice(1).split('/'), address.slice(1).split('/'));
}

const segment = fc.constantFrom('a', 'b', 'ab', 'aab', 'ba', 'abab', 'x?', '[a]');
const wild = fc.constantFrom('*', '**', 'a*', '*b', 'a*b', '*a*', 'ab*ab', '***', 'a**b');
const address = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([segments, isOpen]) => `/${segments.join('/')}${isOpen ? '/' : ''}`);
const pattern = fc
  .tuple(
    fc.array(fc.oneof(segment, wild), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([segments, open]) => `/${segments.join('/')}${open === 0 ? '/' : ''}`);

function found(index: PatternIndex<string>, text: string): readonly string[] {
  const items: string[] = [];
  index.match(text, (item) => items.push(item));
  return items.sort();
}

describe('one pattern', () => {
  it('matches what the naive matcher says', () => {
    fc.assert(
      fc.property(pattern, address, (wanted, text) => {
        expect(matcherOf(wanted)(text)).toBe(naiveMatch(wanted, text));
      }),
      { numRuns: runs },
    );
  });

  it.each([
    ['/a/*', '/a/b', true],
    ['/a/*', '/a', false],
    ['/a/*', '/a/b/c', false],
    ['/a/*', '/a/', true],
    ['/a/**', '/a', true],
    ['/a/**', '/a/b/c', true],
    ['/a/**', '/ab', false],
    ['/a/**/v', '/a/v', true],
    ['/a/**/v', '/a/b/c/v', true],
    ['/a/**/v', '/a/b/c', false],
    ['/**', '/', true],
    ['/**', '/a', true],
    ['/**/**', '/a', true],
    ['/zone5*', '/zone5', true],
    ['/zone5*', '/zone51', true],
    ['/zone5*', '/zone5/a', false],
    ['/A', '/a', false],
    ['/a', '/a/', false],
    ['/a?', '/ab', false],
    ['/[ab]', '/a', false],
    ['/{a,b}', '/a', false],
    ['/a', '', false],
    ['/*', '', false],
    ['/**', '', false],
  ])('%s and %s: %s', (wanted, text, matches) => {
    expect(matcherOf(wanted)(text)).toBe(matches);
    const index = createPatternIndex<string>();
    index.add(wanted, 'it');
    expect(found(index, text)).toEqual(matches ? ['it'] : []);
  });
});

describe('the trie', () => {
  it('finds what each pattern by itself matches, also when some are gone', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(pattern, { maxLength: 20 }),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        fc.array(address, { minLength: 1, maxLength: 5 }),
        (patterns, stays, addresses) => {
          const index = createPatternIndex<string>();
          patterns.forEach((it) => index.add(it, it));
          const left = patterns.filter((_, i) => stays[i]);
          for (const text of addresses) {
            const all = patterns.filter((it) => naiveMatch(it, text)).sort();
            expect(found(index, text)).toEqual(all);
          }
          patterns.filter((_, i) => !stays[i]).forEach((it) => index.remove(it, it));
          for (const text of addresses) {
            expect(found(index, text)).toEqual(left.filter((it) => naiveMatch(it, text)).sort());
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it('keeps items of one pattern apart, and each of them once', () => {
    const index = createPatternIndex<string>();
    for (const text of ['/a', '/a/*', '/a/**/b', '/z*']) {
      index.add(text, 'x');
      index.add(text, 'x');
      index.add(text, 'y');
      index.remove(text, 'x');
      index.remove(text, 'never there');
    }
    expect(found(index, '/a')).toEqual(['y']);
    expect(found(index, '/a/b')).toEqual(['y', 'y']);
    expect(found(index, '/zoo')).toEqual(['y']);
    index.remove('/never/*/there', 'y');
    index.remove('/never/there', 'y');
  });

  it('can be asked and changed from within an answer', () => {
    const index = createPatternIndex<string>();
    ['/a/*', '/**', '/a/b'].forEach((it) => index.add(it, it));
    const seen: string[] = [];
    index.match('/a/b', (item) => {
      seen.push(item, ...found(index, '/a/c'));
      index.remove(item, item);
    });
    expect(seen.filter((it) => it === '/a/b')).toHaveLength(1);
    expect(found(index, '/a/b')).toEqual([]);
  });
});

describe('addresses and patterns', () => {
  it.each(['/a', '/a/b/c', '/', '/a/', '/a?', '/große/straße', '/a b', '/..'])(
    '%s is both',
    (text) => {
      expect(addressProblem(text)).toBeUndefined();
      expect(patternProblem(text)).toBeUndefined();
      expect(isLiteral(text)).toBe(true);
    },
  );

  it.each(['/a/*', '/**', '/a*b', '/a/**/b/'])('%s is a pattern only', (text) => {
    expect(addressProblem(text)).toBe('an address has no wildcard; only a pattern has');
    expect(patternProblem(text)).toBeUndefined();
    expect(isLiteral(text)).toBe(false);
  });

  it.each([
    ['', 'begins with a slash'],
    ['a', 'begins with a slash'],
    ['//', 'has no empty segment but at its end'],
    ['/a//b', 'has no empty segment but at its end'],
    ['/a\u0000', 'has no control characters'],
    ['/a\n', 'has no control characters'],
    [`/${'a'.repeat(addressLengthMax)}`, `has at most ${addressLengthMax} characters`],
    ['/a'.repeat(addressSegmentsMax + 1), `has at most ${addressSegmentsMax} segments`],
  ])('%j is neither', (text, problem) => {
    expect(addressProblem(text)).toBe(`an address ${problem}`);
    expect(patternProblem(text)).toBe(`a pattern ${problem}`);
  });

  it('may be as long as the bounds say', () => {
    expect(addressProblem(`/${'a'.repeat(addressLengthMax - 1)}`)).toBeUndefined();
    expect(patternProblem('/a'.repeat(addressSegmentsMax))).toBeUndefined();
    expect(patternProblem(`/a/**${'/b'.repeat(segmentsBehindDeepMax)}`)).toBeUndefined();
    expect(patternProblem(`/a**b${'/b'.repeat(segmentsBehindDeepMax + 1)}`)).toBeUndefined();
    expect(patternProblem(`/a/**${'/b'.repeat(segmentsBehindDeepMax + 1)}`)).toBe(
      `a pattern has at most ${segmentsBehindDeepMax} segments behind its first **`,
    );
  });
});

describe('one pattern covers another', () => {
  it('only where it matches all that the other matches', () => {
    fc.assert(
      fc.property(pattern, pattern, fc.array(address, { maxLength: 8 }), (wide, narrow, texts) => {
        if (covers(wide, narrow)) {
          for (const text of texts.filter((it) => naiveMatch(narrow, it))) {
            expect([wide, narrow, text, naiveMatch(wide, text)]).toEqual([
              wide,
              narrow,
              text,
              true,
            ]);
          }
        }
      }),
      { numRuns: runs * 10 },
    );
  });

  it.each([
    ['/a/**', '/a', true],
    ['/s/**', '/s/', true],
    ['/s/**', '//s//t', true],
    ['/s/**', '/../s/t', false],
    ['/a', '', false],
    ['/a/**', '/a/**', true],
    ['/a/**', '/a/*', true],
    ['/a/**', '/a/b/**', true],
    ['/a/**', '/b/**', false],
    ['/a/*', '/a/**', false],
    ['/a/*', '/a/*', true],
    ['/a/*', '/a/b', true],
    ['/a/*', '/a/b/c', false],
    ['/a/b', '/a/*', false],
    ['/a/x', '/a/**', false],
    ['/**', '/a/**', true],
    ['/**', '/**', true],
    ['/a/**', '/**', false],
    ['/a/zone5*', '/a/zone5*', true],
    ['/a/zone5*', '/a/zone51', true],
    ['/a/zone5*', '/a/zone5*/b', false],
    ['/a/zone*', '/a/zone5*', false],
    ['/a/*', '/a/zone5*', true],
    // As published the first ** of the declared pattern would have said yes to all of these.
    ['/a/**/v', '/a/b/**', false],
    ['/a/**/v', '/a/**/v', true],
    ['/a/**/v', '/a/b/*/v', true],
    ['/a/*', '/a/', true],
    ['/s/t', '/s/t/', false],
  ])('%s covers %s: %s', (declared, request, answer) => {
    expect(covers(declared, request)).toBe(answer);
  });
});

describe('two patterns overlap', () => {
  it.each([
    ['/**', '/a', true],
    ['**', '/a/b', true],
    ['/a/**', '/a/b/**', true],
    ['/a/**', '/b/**', false],
    ['/a/*', '/a/b', true],
    ['/a/b', '/a/c', false],
    ['/a', '/a/b', true],
    ['/a/*/c', '/a/b/d', true],
  ])('%s and %s: %s', (a, b, answer) => {
    expect(overlaps(a, b)).toBe(answer);
    expect(overlaps(b, a)).toBe(answer);
  });
});
