// What sessions make the router keep, measured where a frame that is kept alive would show.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { bundleMember, encodeFrame } from '../frames/encode.ts';
import { wireValue } from '../frames/values.ts';
import { createRig } from './router-rig.suite.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heapBytes(): Promise<number> {
  await nextTurn();
  collect();
  return process.memoryUsage().heapUsed;
}

test('a bundle waits for its moment as the bytes it came in, not decoded', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const line = await rig.join();
  const count = 60;
  const members = Array.from({ length: 5_000 }, () =>
    bundleMember({
      type: 'set',
      address: '/a',
      value: wireValue(null),
      lock: false,
      unlock: false,
    }),
  );
  const timestamp = (rig.clock.now() + 500) * 1_000;
  const frame = new Uint8Array(encodeFrame({ type: 'bundle', timestamp, members }));
  const before = await heapBytes();
  for (let i = 0; i < count; i += 1) {
    line.raw(new Uint8Array(frame));
  }
  // Decoded each has five thousand messages, of a hundred bytes and more.
  expect((await heapBytes()) - before).toBeLessThan((count * members.length * 100) / 4);
  await rig.clock.advance(500);
  expect(line.types).toEqual(Array.from({ length: count }, () => 'ack'));
});

test('a bundle that waits keeps its own copy of a piece of a larger one', async () => {
  const rig = createRig();
  const line = await rig.join();
  const member = { type: 'set', address: '/a', lock: false, unlock: false } as const;
  const members = [bundleMember({ ...member, value: wireValue('as it came') })];
  const timestamp = (rig.clock.now() + 500) * 1_000;
  const frame = encodeFrame({ type: 'bundle', timestamp, members });
  const chunk = new Uint8Array(65_536);
  chunk.set(frame);
  line.raw(chunk.subarray(0, frame.length));
  chunk.fill(0);
  await rig.clock.advance(500);
  expect(line.types).toEqual(['ack']);
});

test('of a long name no more is kept than is shown', async () => {
  const rig = createRig({ options: { sessionsMax: 1_000 } });
  const nameBytes = 60_000;
  const count = 200;
  const join = (i: number): void => {
    const name = `${i} `.padEnd(nameBytes, 'n');
    rig.line().say({ type: 'hello', version: 1, features: [], name });
  };
  join(0);
  const before = await heapBytes();
  for (let i = 1; i <= count; i += 1) {
    join(i);
  }
  expect((await heapBytes()) - before).toBeLessThan((count * nameBytes) / 3);
  expect([...rig.router.sessions.values()].map(({ name }) => name.length)).toEqual(
    Array.from({ length: count + 1 }, () => 256),
  );
});
