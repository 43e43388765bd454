import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeLink, quietAfterMs, stalledAfterMs, type LinkEvidence } from './link-state.ts';

const now = 100_000;

function evidence(given: Partial<LinkEvidence> = {}): LinkEvidence {
  return {
    nowMs: now,
    confirmed: true,
    phase: 'connected',
    connectedMs: now - 60_000,
    lastBeatMs: now - 1_000,
    lastProgressMs: now - 1_000,
    missingSinceMs: undefined,
    missing: 0,
    diverged: 0,
    ...given,
  };
}

describe('a link is', () => {
  test.each<[string, Partial<LinkEvidence>]>([
    ['pending', { confirmed: false }],
    ['pending', { confirmed: false, phase: 'none' }],
    ['disconnected', { phase: 'none' }],
    ['connecting', { phase: 'connecting' }],
    ['handshaking', { phase: 'handshaking' }],
    ['syncing', { lastBeatMs: undefined, connectedMs: now - stalledAfterMs + 1 }],
    ['blind', { lastBeatMs: undefined, connectedMs: now - stalledAfterMs }],
    ['live', {}],
    ['live', { lastProgressMs: now - quietAfterMs + 1 }],
    ['idle', { lastProgressMs: now - quietAfterMs }],
    ['live', { lastBeatMs: now - stalledAfterMs + 1 }],
    ['stalled', { lastBeatMs: now - stalledAfterMs }],
    ['stalled', { lastBeatMs: now - stalledAfterMs, lastProgressMs: now }],
    ['live', { missing: 1, missingSinceMs: now - stalledAfterMs + 1, lastProgressMs: 0 }],
    ['stalled', { missing: 1, missingSinceMs: now - stalledAfterMs, lastProgressMs: 0 }],
    ['live', { missing: 1, missingSinceMs: 0, lastProgressMs: now - stalledAfterMs + 1 }],
    ['stalled', { missing: 1, missingSinceMs: 0, lastProgressMs: now - stalledAfterMs }],
    ['live', { missing: 1, missingSinceMs: now, lastProgressMs: now - 2 * quietAfterMs }],
    ['diverged', { diverged: 1 }],
    ['diverged', { diverged: 1, missing: 3, missingSinceMs: 0, lastProgressMs: 0 }],
    ['diverged', { diverged: 1, lastBeatMs: now - stalledAfterMs }],
  ])('%s with %j', (status, given) => {
    expect(judgeLink(evidence(given)).status).toBe(status);
  });

  const time = fc.integer({ min: now - 40_000, max: now });
  const maybe = fc.option(time, { nil: undefined });
  const anyEvidence: fc.Arbitrary<LinkEvidence> = fc
    .record({
      nowMs: fc.constant(now),
      confirmed: fc.boolean(),
      phase: fc.constantFrom(
        'none' as const,
        'connecting' as const,
        'handshaking' as const,
        'connected' as const,
        'connected' as const,
      ),
      connectedMs: time,
      lastBeatMs: maybe,
      lastProgressMs: time,
      missingSinceMs: maybe,
      missing: fc.nat(3),
      diverged: fc.constantFrom(0, 0, 0, 1),
    })
    .map((each) => ({
      ...each,
      // As beats keep them: a time for what is missing, and none for what is not.
      missingSinceMs: each.missing === 0 ? undefined : (each.missingSinceMs ?? now),
    }));

  test('never live or idle while it is silent for 6 s, or stuck for 6 s, or diverged, or unproven', () => {
    fc.assert(
      fc.property(anyEvidence, (each) => {
        const { status } = judgeLink(each);
        const silent = each.lastBeatMs === undefined || now - each.lastBeatMs >= stalledAfterMs;
        const since = Math.max(each.missingSinceMs ?? now, each.lastProgressMs);
        const stuck = each.missing > 0 && now - since >= stalledAfterMs;
        const green = status === 'live' || status === 'idle';
        const bad =
          silent || stuck || each.diverged > 0 || !each.confirmed || each.phase !== 'connected';
        expect(green).toBe(!bad);
      }),
      { numRuns: 5_000 },
    );
  });

  test('never idle while anything is missing or has just moved', () => {
    fc.assert(
      fc.property(anyEvidence, (each) => {
        const moved = now - each.lastProgressMs < quietAfterMs;
        const { status } = judgeLink(each);
        expect(status === 'idle' && (each.missing > 0 || moved)).toBe(false);
        expect(status === 'live' && each.missing === 0 && !moved).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  test('never worse than it is without a sentence that says why', () => {
    fc.assert(
      fc.property(anyEvidence, (each) => {
        const { status, reason } = judgeLink(each);
        const onItsWay = ['live', 'idle', 'connecting', 'handshaking', 'syncing'].includes(status);
        expect(reason === undefined).toBe(onItsWay);
      }),
      { numRuns: 2_000 },
    );
  });
});
