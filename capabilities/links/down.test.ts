import { describe, expect, test } from 'vitest';
import { reasonOfDown } from './down.ts';

const link = { mine: true, name: 'visby' };
const sinceMs = Date.UTC(2026, 10, 21, 8, 41, 5);
const since = 'no connection since 2026-11-21 08:41:05 UTC: ';

describe('why there is no connection', () => {
  test.each([
    [{ code: 'LINK_CLOSED', message: 'visby has closed this link' }, 'visby has closed this link'],
    [
      { code: 'CLUSTER_BLOCKED', message: 'cluster 1709b8c6… is blocked', reportedBy: 'the peer' },
      'visby says: cluster 1709b8c6… is blocked',
    ],
    [
      {
        code: 'DIAL_FAILED',
        message: `no connection to ${'0123abcd'.repeat(8)}: timed out`,
        facts: { addresses: '127.0.0.1:1 [::1]:2' },
      },
      'no connection to 0123abcd…: timed out, at 127.0.0.1:1 [::1]:2',
    ],
  ] as const)('is said with since when and its code: %j', (lastError, why) => {
    const reason = `${since}${why} [${lastError.code}]`;
    expect(reasonOfDown(link, 'disconnected', { lastError, sinceMs })).toBe(reason);
    expect(reasonOfDown(link, 'connecting', { lastError, sinceMs })).toBe(reason);
  });

  test('is, before anything has failed, that the peer is dialled, or has to dial', () => {
    const none = { lastError: undefined, sinceMs: undefined };
    expect(reasonOfDown(link, 'connecting', none)).toBe('no connection: dialling again by and by');
    const serving = reasonOfDown({ ...link, mine: false }, 'disconnected', none);
    expect(serving).toBe('no connection: visby has to dial us, who hold no half-link');
  });

  test('is one line of bounded length, whatever the peer says', () => {
    const lastError = { code: 'REMOTE_FAILED', message: `a\nb\u001b${'c'.repeat(4_000)}` } as const;
    const reason = reasonOfDown(link, 'disconnected', { lastError, sinceMs });
    expect(reason).toMatch(/^no connection since [^\n]* UTC: a\?b\?c+ \[REMOTE_FAILED\]$/);
    expect(reason?.length).toBeLessThan(400);
  });

  test('is nothing where the status has another reason', () => {
    const none = { lastError: undefined, sinceMs };
    for (const status of ['live', 'pending', 'closed', 'blocked', 'stalled'] as const) {
      expect(reasonOfDown(link, status, none)).toBeUndefined();
    }
  });
});
