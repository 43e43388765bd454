import { expect, test } from 'vitest';
import { ttlAbsoluteBit } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { shown } from '../router/router-rig.suite.ts';
import { createWorld, stateOf } from './keeper-rig.suite.ts';
import { keepingLimits } from './keeper.ts';
import { blockRevisions } from './rows.ts';

test('relaxed params are acknowledged at once and stored within 100 ms, the newest value', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  for (let i = 0; i < 500; i += 1) {
    line.set(`/a/${i % 10}`, i, { ttl: 0 });
  }
  expect(line.messages('ack')).toHaveLength(500);
  expect(world.transactions).toEqual([]);
  await world.clock.advance(99);
  expect(world.transactions).toEqual([10]);
  // The process dies here: nobody stops anything.
  const second = await world.start();
  expect(stateOf(second)).toEqual(
    Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`/a/${i}`, `${490 + i}`])),
  );
});

test('a durable param is acknowledged when it is stored, and not before', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  let go: () => void = () => undefined;
  world.stall = new Promise((resolve) => (go = resolve));
  line.set('/durable/a', 1);
  await world.clock.advance(1_000);
  expect(line.frames).toEqual([]);
  go();
  world.stall = undefined;
  await world.clock.settle();
  expect(line.types).toEqual(['ack']);
  expect(stateOf(await world.start())).toEqual({ '/durable/a': '1' });
});

test('every durable write that was acknowledged is there after a crash, whenever it comes', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  const revisions = new Map<string, number>();
  for (let i = 0; i < 300; i += 1) {
    line.set(`/durable/${i % 7}`, i);
    line.set(`/relaxed/${i % 50}`, i);
    if (i % 3 === 0) {
      await world.clock.settle();
    }
  }
  for (const { address = '', revision = 0 } of line.messages('ack')) {
    revisions.set(address, Math.max(revision, revisions.get(address) ?? 0));
  }
  const { router } = await world.start();
  for (let at = 0; at < 7; at += 1) {
    const address = `/durable/${at}`;
    const kept = router.get(address)?.value;
    const acked = 7 * ((revisions.get(address) ?? 0) - 1) + at;
    expect(Number(kept && shown(kept))).toBeGreaterThanOrEqual(acked);
    expect(acked).toBeGreaterThan(200);
  }
});

test('a transaction takes batchMax params, and no more bytes than batchBytesMax', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  for (let i = 0; i < keepingLimits.batchMax + 1; i += 1) {
    line.set(`/a/${i}`, i);
  }
  await world.clock.advance(100);
  expect(world.transactions).toEqual([keepingLimits.batchMax, 1]);
  for (let i = 0; i < 30; i += 1) {
    line.set(`/big/${i}`, 'x'.repeat(60_000));
  }
  await world.clock.advance(100);
  const sizes = world.transactions.slice(2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(30);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(keepingLimits.batchBytesMax / 60_000);
});

test('a store that fails is told to who waits, asked again, and loses nothing', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  world.fails = true;
  line.set('/durable/a', 1);
  line.set('/a', 2, { ttl: 0 });
  await world.clock.settle();
  expect(line.types).toEqual(['ack', 'error']);
  expect(line.errorCodes).toEqual([500]);
  line.set('/a', 3);
  world.fails = false;
  await world.clock.advance(keepingLimits.retryMs);
  expect(first.keeping.waiting).toBe(0);
  expect(stateOf(await world.start())).toEqual({ '/durable/a': '1', '/a': '3' });
});

test('a bundle with a durable member is acknowledged when that is stored', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  const { bundleMember } = await import('../frames/encode.ts');
  const member = (address: string): ReturnType<typeof bundleMember> =>
    bundleMember({ type: 'set', address, value: wireValue(1), lock: false, unlock: false });
  line.say({ type: 'bundle', members: [member('/a'), member('/durable/b')] });
  expect(line.frames).toEqual([]);
  await world.clock.settle();
  expect(line.types).toEqual(['ack']);
});

test('what lapsed is deleted, here or while the router was away', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/a', 1, { ttl: 5 });
  line.set('/short/b', 1);
  line.set('/durable/c', 1);
  await world.clock.advance(5_000);
  await world.clock.advance(100);
  const second = await world.start();
  expect(stateOf(second)).toEqual({ '/short/b': '1', '/durable/c': '1' });
  // Who has read it nobody remembers: its life begins anew.
  await world.clock.advance(9_999);
  expect(stateOf(second)).toEqual({ '/short/b': '1', '/durable/c': '1' });
  await world.clock.advance(1);
  expect(stateOf(second)).toEqual({ '/durable/c': '1' });
  first.router.stop();
  second.router.stop();
  await second.keeping.stop();
  await world.clock.advance(86_400_000);
  const third = await world.start();
  expect(stateOf(third)).toEqual({ '/durable/c': '1' });
});

test('what reads kept alive is there after a crash, however long ago it was written', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/durable/read', 1, { ttl: 5 });
  line.set('/until', 1, { ttl: ttlAbsoluteBit + 12 });
  for (let seconds = 0; seconds < 10; seconds += 2) {
    await world.clock.advance(2_000);
    line.say({ type: 'get', address: '/durable/read' });
  }
  expect(stateOf(await world.start())).toEqual({ '/durable/read': '1', '/until': '1' });
  await world.clock.advance(4_000);
  expect(stateOf(await world.start())).toEqual({ '/durable/read': '1' });
});

test('no revision comes again after a crash, of addresses that were never stored neither', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/lost', 1);
  line.set('/lost', 2);
  line.set('/kept', 1, { ttl: 0 });
  await world.clock.advance(60);
  line.set('/kept', 2);
  line.set('/gone', 1, { ttl: 1 });
  const seen = new Map<string, number>();
  for (const { address = '', revision = 0 } of line.messages('ack')) {
    seen.set(address, revision);
  }
  for (let life = 2; life <= 4; life += 1) {
    const next = await world.start();
    const kept = next.router.get('/kept')?.revision ?? 0;
    expect(kept).toBeGreaterThan(seen.get('/kept') ?? 0);
    const again = await next.join();
    for (const address of ['/lost', '/kept', '/gone', '/new']) {
      again.set(address, life);
    }
    for (const { address = '', revision = 0 } of again.messages('ack')) {
      expect(revision).toBeGreaterThan(seen.get(address) ?? 0);
      expect(revision).toBe((life - 1) * blockRevisions + 1);
      seen.set(address, revision);
    }
  }
});

test('at most batchesMax transactions are under way, and no address is in two of them', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  world.takesMs = 20;
  const many = (keepingLimits.batchesMax + 1) * keepingLimits.batchMax;
  for (let i = 0; i < many; i += 1) {
    line.set(`/a/${i}`, i, { ttl: 0 });
  }
  await world.clock.advance(keepingLimits.gatherMs);
  expect(world.underWayMost).toBe(keepingLimits.batchesMax);
  line.set('/a/0', 'newest', { ttl: 0 });
  await world.clock.advance(2 * world.takesMs);
  expect(world.underWay).toBe(0);
  const state = stateOf(await world.start());
  expect(Object.keys(state)).toHaveLength(many);
  expect(state['/a/0']).toBe('"newest"');
  expect(world.underWayMost).toBe(keepingLimits.batchesMax);
});

test('killed at any moment, it has lost nothing durable and at most 100 ms of the rest', async () => {
  const takesMs = 20; // a slow disk's fsync
  let lostMostMs = 0;
  for (let killedMs = 200; killedMs < 320; killedMs += 13) {
    const world = createWorld();
    const first = await world.start();
    const line = await first.join();
    world.takesMs = takesMs;
    const takenMs = new Map<string, number>();
    for (let ms = 0; ms < killedMs; ms += 1) {
      line.set(`/relaxed/${ms}`, ms, { ttl: 0 });
      line.set('/relaxed/same', ms, { ttl: 0 });
      takenMs.set(`/relaxed/${ms}`, ms);
      if (ms % 10 === 0) {
        line.set(`/durable/${ms}`, ms);
      }
      await world.clock.advance(1);
    }
    const acked = line.messages('ack').map(({ address = '' }) => address);
    world.takesMs = 0;
    // The process dies here: what is under way never reaches the store.
    world.fails = true;
    await world.clock.advance(takesMs);
    world.fails = false;
    const state = stateOf(await world.start());
    for (const address of acked.filter((each) => each.startsWith('/durable/'))) {
      expect(state).toHaveProperty([address]);
    }
    expect(acked.filter((each) => each.startsWith('/durable/')).length).toBeGreaterThan(10);
    for (const [address, ms] of takenMs) {
      lostMostMs = address in state ? lostMostMs : Math.max(lostMostMs, killedMs - ms);
    }
    lostMostMs = Math.max(lostMostMs, killedMs - Number(state['/relaxed/same']));
  }
  expect(lostMostMs).toBeGreaterThan(takesMs);
  expect(lostMostMs).toBeLessThanOrEqual(100);
}, 20_000);

test('of one address ACKs go in the order of its writes, however the store keeps up', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  const { lateMs } = keepingLimits;
  world.takesMs = 3 * lateMs;
  for (let ms = 0; ms < 1_000; ms += 1) {
    line.set('/same', ms, { ttl: 0 });
    // Once late, then in time again.
    world.takesMs = ms % 200 < 100 ? 3 * lateMs : 0;
    await world.clock.advance(1);
  }
  await world.clock.advance(1_000);
  const revisions = line.messages('ack').map(({ revision }) => revision);
  expect(revisions).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
});

test('no more than waitersMax wait for the store; the next is told that it is not stored', async () => {
  const world = createWorld();
  const first = await world.start();
  world.stall = new Promise(() => undefined);
  const write = { address: '/durable/a', value: wireValue(1), lock: false, unlock: false };
  const param = first.router.set({ ...write, writer: 'me' });
  if ('code' in param) {
    throw new Error('it was taken');
  }
  await world.clock.settle(); // the first is under way, and counts no more
  let settled = 0;
  const count = (): void => void (settled += 1);
  for (let i = 0; i < keepingLimits.waitersMax; i += 1) {
    first.keeping.kept(param)?.then(count, count);
  }
  await expect(first.keeping.kept(param)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  expect(settled).toBe(0);
});

test('revisions go on above those that a crash may have cost; locks do not come back', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/durable/a', 1, { lock: true });
  await world.clock.settle();
  const second = await world.start();
  expect(second.router.get('/durable/a')).toMatchObject({
    revision: blockRevisions,
    holder: undefined,
    writer: line.session,
  });
});

test('addresses too long for a key of the store are kept like others', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  const long = `/durable/${'ü'.repeat(1_000)}`;
  line.set(long, 1);
  line.set(`${long}x`, 2);
  await world.clock.settle();
  expect(line.types).toEqual(['ack', 'ack']);
  expect(stateOf(await world.start())).toEqual({ [long]: '1', [`${long}x`]: '2' });
});

test('a stop stores what waits; one with a store that fails ends all the same', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/a', 1, { ttl: 0 });
  await first.keeping.stop();
  const second = await world.start();
  expect(stateOf(second)).toEqual({ '/a': '1' });
  world.fails = true;
  (await second.join()).set('/a', 2);
  await second.keeping.stop();
  expect(second.keeping.waiting).toBe(1);
});
