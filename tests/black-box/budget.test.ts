// A budget of the owner's: what a peer may pull in a window is counted before it goes out; past it
// the mirror waits and says until when, and goes on where the rule is gone.
import { join } from 'node:path';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { commit, makeRepository } from './harness/git.ts';
import { must } from './harness/linking.ts';
import { until } from './harness/until.ts';
import { noiseFile } from './rooms/noise.ts';
import { mirrorRow, push, shareRepository, startPair, untilEqual } from './rooms/pair.ts';

describe.skipIf(!requires('git').available)('a budget', () => {
  test('holds a mirror back, by name and with the time, until the owner lifts it', async () => {
    const pair = await startPair(['--sync-interval', '2']);
    const shared = await shareRepository(pair, 'big');
    const rule = await must<ShownRule>(
      pair.lubeck,
      'policy',
      'add',
      'git/big',
      '--to',
      'bergen',
      '--limit',
      'see,pull',
      '--budget',
      '1MiB/1h',
    );
    const work = await makeRepository('big');
    noiseFile(join(work, 'noise'), { bytes: 3_000_000, seed: 5 });
    await commit(work, 'Three megabytes');
    await push(shared, work, 'main');
    const held = await until('the mirror waits', async () => {
      const row = await mirrorRow(shared);
      const isHeld = row.lastError?.code === 'BUDGET_EXHAUSTED';
      // It asks again now and then, and is pulling for as long as that takes.
      return isHeld && row.state === 'waiting' ? row : undefined;
    });
    expect(held.lastError?.facts?.['retryAfterSeconds']).toBeGreaterThan(60);
    expect(held.fetchedBytes).toBeLessThan(1_048_576);
    await must(pair.lubeck, 'policy', 'remove', rule.id, '--yes');
    await untilEqual(shared, 60_000);
  });
});
