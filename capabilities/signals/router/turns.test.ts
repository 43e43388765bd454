// Snapshots are made in turns, which end after so many looks and after so long.
import { expect, test } from 'vitest';
import { routerLimits } from './limits.ts';
import { createWatched, Looks } from './looks.suite.ts';
import type { Rig } from './router-rig.suite.ts';

async function withParams(rig: Rig, count: number): Promise<void> {
  const writer = await rig.join();
  for (let i = 0; i < count; i += 1) {
    writer.set(`/p/${i}`, i);
  }
}

test('snapshots of all sessions look at scannedPerTurnMax params in a turn', async () => {
  const looks = new Looks();
  const rig = createWatched(looks);
  await withParams(rig, 500);
  const lines = await Promise.all(Array.from({ length: 60 }, () => rig.join()));
  await looks.pass();
  expect(lines.map(({ snapshot }) => snapshot.size).every((size) => size <= 500)).toBe(true);
  expect(looks.count).toBe(60 * 500);
  expect(looks.perTurn).toBeLessThanOrEqual(routerLimits.scannedPerTurnMax);
});

test.each([1, 0.1, 0.01])(
  'a turn ends after turnMs where each look takes %d ms, and the snapshot is whole',
  async (costMs) => {
    const looks = new Looks();
    const rig = createWatched(looks);
    await withParams(rig, 1_000);
    looks.costMs = costMs;
    const late = rig.line();
    late.say({ type: 'hello', version: 1, features: [], name: 'late' });
    late.say({ type: 'ping' });
    await looks.pass();
    expect(late.snapshot.size).toBe(1_000);
    expect(late.types.at(-1)).toBe('pong');
    expect(looks.perTurn).toBeLessThanOrEqual(routerLimits.turnMs / costMs + 8);
  },
);
