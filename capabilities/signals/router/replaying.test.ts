// Many REPLAYs, of one session and of several: nobody else waits for them.
import { expect, test } from 'vitest';
import { createMemoryJournal, type Journal } from './journal.ts';
import { routerLimits } from './limits.ts';
import { Looks, unbounded } from './looks.suite.ts';
import { createRig, type Rig, type TestLine } from './router-rig.suite.ts';

const { scannedPerTurnMax } = routerLimits;

function watchedJournal(looks: Looks): Journal {
  const journal = createMemoryJournal();
  return {
    ...journal,
    entries: (query) => {
      const matches: typeof query.matches = (entry) => {
        looks.look();
        return query.matches(entry);
      };
      return journal.entries({ ...query, matches });
    },
  };
}

async function withFullJournal(looks: Looks): Promise<Rig> {
  const journal = watchedJournal(looks);
  const rig = createRig({ clock: looks.clock, journal, options: unbounded });
  const writer = await rig.join();
  for (let i = 0; i < routerLimits.journalEntriesMax; i += 1) {
    writer.publish('/e');
  }
  return rig;
}

const replayNothing = (line: TestLine, times: number): void => {
  for (let i = 0; i < times; i += 1) {
    line.say({ type: 'replay', pattern: '/**/nowhere/*x*', types: 0xff });
  }
  line.say({ type: 'ping' });
};

test('REPLAYs of all sessions look at scannedPerTurnMax entries in a turn', async () => {
  const looks = new Looks();
  const rig = await withFullJournal(looks);
  const lines = [await rig.join(), await rig.join(), await rig.join()];
  lines.forEach((line) => replayNothing(line, 10));
  await looks.pass();
  expect(lines.map(({ types }) => types)).toEqual([['pong'], ['pong'], ['pong']]);
  expect(looks.count).toBe(30 * routerLimits.journalEntriesMax);
  expect(looks.perTurn).toBeLessThanOrEqual(scannedPerTurnMax);
});

test('who asks for one REPLAY does not wait for all those of another session', async () => {
  const looks = new Looks();
  const rig = await withFullJournal(looks);
  const [greedy, modest] = [await rig.join(), await rig.join()];
  replayNothing(greedy, 40);
  modest.say({ type: 'replay', pattern: '/e', types: 0xff, limit: 3 });
  modest.say({ type: 'ping' });
  let looksUntilThen = 0;
  modest.send = (frame) => {
    looksUntilThen = looks.count;
    modest.frames.push(frame);
    return 0;
  };
  await looks.pass();
  expect(modest.types).toEqual(['publish', 'publish', 'publish', 'pong']);
  expect(looksUntilThen).toBeLessThan(3 * routerLimits.journalEntriesMax);
  expect(greedy.types).toEqual(['pong']);
});

test('nothing more is looked at for a session that left', async () => {
  const looks = new Looks();
  const rig = await withFullJournal(looks);
  const line = await rig.join();
  replayNothing(line, 10);
  await looks.base.settle();
  line.hangUp();
  await looks.pass();
  expect(looks.count).toBeLessThanOrEqual(scannedPerTurnMax);
  expect(rig.problems).toEqual([]);
});

test('of one session replaysWaitingMax REPLAYs wait; more are refused until they went', async () => {
  const rig = createRig({ journal: createMemoryJournal(), options: unbounded });
  const line = await rig.join();
  const ask = (): void => line.say({ type: 'replay', pattern: '/**', types: 0xff });
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < routerLimits.replaysWaitingMax; i += 1) {
      ask();
    }
    await rig.clock.settle();
    expect(line.errorCodes).toEqual([]);
  }
  for (let i = 0; i < routerLimits.replaysWaitingMax + 2; i += 1) {
    ask();
  }
  await rig.clock.settle();
  expect(line.errorCodes).toEqual([429, 429]);
});
