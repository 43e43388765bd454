import { expect, test } from 'vitest';
import { wireValue } from '../frames/values.ts';
import { routerLimits } from './limits.ts';
import { createRig } from './router-rig.suite.ts';

test('maxRate lets one message of an address through in its interval, the newest at its end', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { maxRate: 10 });
  for (let i = 0; i < 20; i += 1) {
    writer.set('/a', i);
    await rig.clock.advance(20);
  }
  await rig.clock.advance(100);
  expect(other.sets).toEqual(['/a=0@1', '/a=4@5', '/a=9@10', '/a=14@15', '/a=19@20']);
  await rig.clock.advance(10_000);
  expect(other.sets).toHaveLength(5);
});

test('maxRate counts by address', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { maxRate: 1 });
  ['/a', '/b', '/a', '/b'].forEach((address, i) => writer.set(address, i));
  expect(other.sets).toEqual(['/a=0@1', '/b=1@1']);
  await rig.clock.advance(1_000);
  expect(other.sets.slice(2)).toEqual(['/a=2@2', '/b=3@2']);
});

test('streams are thinned to the newest too; events, timelines and ends of gestures never', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { maxRate: 1 });
  [1, 2, 3].forEach((i) => writer.publish('/s', { signal: 'stream', value: wireValue(i) }));
  [1, 2].forEach((i) => writer.publish('/e', { value: wireValue(i) }));
  [1, 2].forEach((i) => writer.publish('/t', { signal: 'timeline', value: wireValue(i) }));
  expect(other.publishes).toEqual(['/s=1', '/e=1', '/e=2', '/t=1', '/t=2']);
  await rig.clock.advance(1_000);
  expect(other.publishes.slice(5)).toEqual(['/s=3']);
});

test('a gesture’s last move is told before its end, though it came too soon', async () => {
  const rig = createRig();
  const [hand, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/g', { maxRate: 1 });
  const say = (phase: 'start' | 'move' | 'end', x: number): void =>
    hand.publish('/g', { signal: 'gesture', phase, id: 1, value: wireValue(x) });
  say('start', 0);
  for (let x = 1; x <= 5; x += 1) {
    say('move', x);
    await rig.clock.advance(20);
  }
  say('end', 6);
  expect(other.publishes).toEqual(['/g=0', '/g=1', '/g=5', '/g=6']);
});

test('epsilon hides changes of a number that are smaller, against what was told last', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a', { epsilon: 0.5 });
  [1, 1.2, 1.4, 1.5, 1.9, 2n, 1.7].forEach((value) => writer.set('/a', value));
  expect(other.sets).toEqual(['/a=1@1', '/a=1.5@4', '/a="2n"@6']);
  ['text', 2, Number.NaN, Number.NaN].forEach((value) => writer.set('/a', value));
  expect(other.sets).toHaveLength(7);
});

test('what waits for its time and turns out to be near what was told is not told', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a', { epsilon: 1, maxRate: 1 });
  [0, 5, 0.5].forEach((value) => writer.set('/a', value));
  await rig.clock.advance(5_000);
  expect(other.sets).toEqual(['/a=0@1']);
});

test('of several subscriptions of a session the least strict counts', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { maxRate: 1 });
  other.subscribe(2, '/a', { maxRate: 100 });
  for (let i = 0; i < 10; i += 1) {
    writer.set('/a', i);
    await rig.clock.advance(10);
  }
  expect(other.sets).toHaveLength(10);
  other.subscribe(3, '/*', { types: 0x01 });
  other.forget();
  [1, 2, 3].forEach((value) => writer.set('/a', value));
  expect(other.sets).toHaveLength(3);
});

test('limits that say nothing limit nothing', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  const odd = [{ maxRate: 0 }, { epsilon: -1 }, { epsilon: Number.NaN }, { epsilon: Infinity }];
  for (const limit of odd) {
    other.subscribe(1, '/a', limit);
    other.forget();
    [1, 1, 1].forEach((value) => writer.set('/a', value));
    expect(other.sets).toHaveLength(3);
  }
});

test('what waits for a subscription that ended, or a session that left, is not told', async () => {
  const rig = createRig();
  const [writer, other, third] = [await rig.join(), await rig.join(), await rig.join()];
  [other, third].forEach((line) => line.subscribe(1, '/a', { maxRate: 1 }));
  writer.set('/a', 1);
  writer.set('/a', 2);
  other.say({ type: 'unsubscribe', id: 1 });
  third.hangUp();
  await rig.clock.advance(2_000);
  expect([other.sets, third.sets]).toEqual([['/a=1@1'], ['/a=1@1']]);
  expect(rig.problems).toEqual([]);
});

test('beyond gatesMax addresses the oldest are forgotten, and what waited for them is told', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [writer, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/**', { maxRate: 1 });
  writer.set('/first', 1);
  writer.set('/first', 2);
  for (let i = 0; i < routerLimits.gatesMax - 1; i += 1) {
    writer.publish(`/s/${i}`, { signal: 'stream' });
  }
  expect(other.sets).toEqual(['/first=1@1']);
  writer.publish('/one/more', { signal: 'stream' });
  expect(other.sets).toEqual(['/first=1@1', '/first=2@2']);
  const { size } = rig.router.sessions.get(other.session)?.gates ?? { size: 0 };
  expect(size).toBe((routerLimits.gatesMax * 3) / 4 + 1);
});
