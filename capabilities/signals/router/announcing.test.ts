// Many QUERYs over a full book: nobody else waits for them, and each is answered whole.
import { expect, test } from 'vitest';
import { routerLimits } from './limits.ts';
import { createWatched, Looks } from './looks.suite.ts';
import type { Rig, TestLine } from './router-rig.suite.ts';

async function announceAll(rig: Rig): Promise<TestLine> {
  const { announcedMax, announcedPerSessionMax } = routerLimits;
  let line = await rig.join();
  for (let i = 0; i < announcedMax; i += 500) {
    line = i % announcedPerSessionMax === 0 ? await rig.join() : line;
    const address = (_: unknown, j: number): string => `/s/${i + j}`;
    const signals = Array.from({ length: 500 }, address).map(
      (one) => ({ address: one, signal: 'param' }) as const,
    );
    line.say({ type: 'announce', namespace: '/', signals });
  }
  return line;
}

test('QUERYs of all sessions look at scannedPerTurnMax signals in a turn', async () => {
  const looks = new Looks();
  const rig = createWatched(looks);
  await announceAll(rig);
  const lines = [await rig.join(), await rig.join(), await rig.join()];
  for (const line of lines) {
    for (let i = 0; i < 4; i += 1) {
      line.say({ type: 'query', pattern: '/**' });
    }
    line.say({ type: 'ping' });
  }
  await looks.pass();
  for (const line of lines) {
    expect(line.types.at(-1)).toBe('pong');
    const told = line.messages('result').flatMap(({ signals }) => signals);
    expect(told).toHaveLength(4 * routerLimits.announcedMax);
  }
  expect(looks.perTurn).toBeLessThanOrEqual(routerLimits.scannedPerTurnMax);
});

test('what is announced anew while a RESULT is made is told once, and the RESULT ends', async () => {
  const looks = new Looks();
  const rig = createWatched(looks);
  const maker = await announceAll(rig);
  const asker = await rig.join();
  asker.say({ type: 'query', pattern: '/**' });
  const again = ['/s/9000', '/s/9001'].map((address) => ({ address, signal: 'event' }) as const);
  maker.say({ type: 'announce', namespace: '/', signals: again });
  await looks.pass();
  const told = asker.messages('result').flatMap(({ signals }) => signals);
  expect(told).toHaveLength(routerLimits.announcedMax);
  expect(new Set(told.map(({ address }) => address)).size).toBe(routerLimits.announcedMax);
  expect(told.find(({ address }) => address === '/s/9001')?.signal).toBe('event');
});
