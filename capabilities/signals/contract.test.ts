import { describe, expect, test } from 'vitest';
import {
  journalBytesMax,
  journalEntriesMax,
  ruleListSchema,
  rulesMax,
  tokenLengthMax,
  tokenListSchema,
  tokenScopesMax,
  tokensMax,
  tokenSubjectLengthMax,
} from './contract.ts';

const token = `cpsk_${'a'.repeat(32)}`;
const listed = { token, scopes: ['read:/**'] };
const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

describe('a list of tokens', () => {
  const takes = (more: object, tokens: readonly object[] = [{ ...listed, ...more }]): boolean =>
    tokenListSchema.safeParse({ tokens }).success;

  test('has tokens that are no guess, with scopes, and perhaps an end', () => {
    expect(takes({})).toBe(true);
    expect(takes({ expires: '2030-01-31T12:00:00+02:00', rateLimit: 0, subject: 'ann' })).toBe(
      true,
    );
    const wrong = [
      { token: 'secret' },
      { token: 'cpsk_short' },
      { scopes: [] },
      { expires: 'tomorrow' },
      { rateLimit: -1 },
      { subject: '' },
      { admin: true },
    ];
    expect(wrong.map((more) => takes(more))).toEqual(wrong.map(() => false));
  });

  test('is bounded in every part', () => {
    const long = (length: number): string => `cpsk_${'a'.repeat(length - 5)}`;
    expect(takes({ token: long(tokenLengthMax) })).toBe(true);
    expect(takes({ token: long(tokenLengthMax + 1) })).toBe(false);
    expect(takes({ scopes: times(tokenScopesMax, 'read:/**') })).toBe(true);
    expect(takes({ scopes: times(tokenScopesMax + 1, 'read:/**') })).toBe(false);
    expect(takes({ subject: 'x'.repeat(tokenSubjectLengthMax) })).toBe(true);
    expect(takes({ subject: 'x'.repeat(tokenSubjectLengthMax + 1) })).toBe(false);
    expect(takes({}, times(tokensMax, listed))).toBe(true);
    expect(takes({}, times(tokensMax + 1, listed))).toBe(false);
  });
});

describe('a list of rules', () => {
  test('says for patterns what holds there, and is bounded', () => {
    const takes = (rules: readonly object[]): boolean =>
      ruleListSchema.safeParse({ rules }).success;
    const rule = { pattern: '/peak/**', strategy: 'max', ttlSeconds: 0, durable: true };
    expect(takes(times(rulesMax, rule))).toBe(true);
    expect(takes(times(rulesMax + 1, rule))).toBe(false);
    expect(takes([{ ...rule, strategy: 'loudest' }])).toBe(false);
    expect(takes([{ strategy: 'max' }])).toBe(false);
    const journal = { journalEntries: journalEntriesMax, journalBytes: journalBytesMax };
    expect(takes([{ ...rule, ...journal }])).toBe(true);
    expect(takes([{ ...rule, ...journal, journalEntries: journalEntriesMax + 1 }])).toBe(false);
    expect(takes([{ ...rule, ...journal, journalBytes: journalBytesMax + 1 }])).toBe(false);
  });
});
