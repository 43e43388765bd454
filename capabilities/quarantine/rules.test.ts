import type { ClusterId, FederatedId } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  badResourcesMax,
  decayMs,
  evidenceBytesMax,
  evidenceMax,
  suspectWindowMs,
} from './contract.ts';
import {
  badResources,
  failedTogether,
  isQuarantined,
  stateOf,
  withIncident,
  withoutResource,
  type Blamed,
  type PeerRecord,
} from './rules.ts';

const lubeck = 'aa'.repeat(32) as ClusterId;
const bergen = 'bb'.repeat(32) as ClusterId;
const startMs = 1_000_000_000;
const resource = (name: string): FederatedId => `${lubeck}:note/${name}` as FederatedId;
const bad = (name: string, code: 'BLOB_CORRUPT' | 'CHANGE_INVALID' = 'BLOB_CORRUPT'): Blamed => ({
  resource: resource(name),
  answersAs: 'deliverer',
  error: { code, message: 'bad' },
});
const clean = (peer = lubeck): PeerRecord => ({ peer, incidents: [] });
const after = (names: readonly string[], gapMs = 0): PeerRecord =>
  names.reduce(
    (record, name, at) => withIncident(record, bad(name), startMs + at * gapMs),
    clean(),
  );

describe('a peer', () => {
  test('is suspected after something bad, and quarantined after three resources', () => {
    expect(stateOf(clean(), startMs)).toBe('over');
    expect(stateOf(after(['a', 'b']), startMs)).toBe('suspected');
    expect(stateOf(after(['a', 'b', 'c']), startMs)).toBe('quarantined');
  });

  test('is not quarantined for one resource, however often it fails', () => {
    const record = after(Array.from({ length: 100 }, () => 'a'));
    expect(stateOf(record, startMs)).toBe('suspected');
    expect(record.incidents).toHaveLength(1);
    expect(record.incidents[0]?.times).toBe(100);
  });

  test('is let in again after an hour, with its evidence kept', () => {
    const record = after(['a', 'b', 'c']);
    expect(isQuarantined(record, startMs + decayMs - 1)).toBe(true);
    expect(stateOf(record, startMs + decayMs)).toBe('over');
    expect(record.incidents).toHaveLength(3);
  });

  test('is not quarantined for what lies more than an hour apart', () => {
    expect(stateOf(after(['a', 'b', 'c'], decayMs / 2), startMs + decayMs)).toBe('suspected');
  });

  test('begins anew once it was lifted', () => {
    const lifted = { ...after(['a', 'b', 'c']), untilMs: undefined, liftedMs: startMs };
    expect(stateOf(lifted, startMs + 1)).toBe('over');
    expect(stateOf(withIncident(lifted, bad('d'), startMs + 1), startMs + 1)).toBe('suspected');
  });

  test('is not kept for years by a clock that was set back', () => {
    expect(isQuarantined(after(['a', 'b', 'c']), startMs - 365 * 24 * decayMs)).toBe(false);
  });

  test('is cleared of a resource where it was we who failed', () => {
    const cleared = withoutResource(after(['a', 'b', 'c']), resource('b'), startMs);
    expect(stateOf(cleared, startMs)).toBe('suspected');
    expect(badResources(cleared, startMs)).toEqual(new Set([resource('a'), resource('c')]));
  });
});

describe('evidence', () => {
  test('is bounded in pieces and in bytes, whatever a peer sends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), fc.string({ maxLength: 10_000 })), { maxLength: 100 }),
        (sent) => {
          const record = sent.reduce((held, [name, message]) => {
            const blamed = { ...bad(name), error: { code: 'BLOB_CORRUPT', message } as const };
            return withIncident(held, blamed, startMs);
          }, clean());
          const large = record.incidents.filter(
            ({ error }) => JSON.stringify(error).length > 2 * evidenceBytesMax,
          );
          return record.incidents.length <= evidenceMax && large.length === 0;
        },
      ),
    );
  });

  test('quarantines exactly where three resources are bad, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 }), (names) => {
        const quarantined = isQuarantined(after(names), startMs);
        return quarantined === new Set(names).size >= badResourcesMax;
      }),
    );
  });
});

describe('we ourselves', () => {
  const failed = (peer: ClusterId, atMs: number, name = 'a'): PeerRecord =>
    withIncident(clean(peer), bad(name), atMs);

  test('are in doubt where two sources of one resource fail within a minute', () => {
    const both = [failed(lubeck, startMs), failed(bergen, startMs + suspectWindowMs)];
    expect(failedTogether(both, resource('a'), startMs + suspectWindowMs)).toEqual([
      lubeck,
      bergen,
    ]);
  });

  test('are not where one source fails, or another much later, or with another resource', () => {
    const now = startMs + suspectWindowMs + 1;
    expect(failedTogether([failed(lubeck, now)], resource('a'), now)).toEqual([]);
    const apart = [failed(lubeck, startMs), failed(bergen, now)];
    expect(failedTogether(apart, resource('a'), now)).toEqual([]);
    const other = [failed(lubeck, now, 'b'), failed(bergen, now)];
    expect(failedTogether(other, resource('a'), now)).toEqual([]);
  });
});
