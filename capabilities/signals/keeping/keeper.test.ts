import { HansaError, silentLog, type KeyValueStore } from '@hansa/foundation';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../../testkit/virtual-clock.ts';
import { createRuleBook } from '../router/rules.ts';
import { createRig, shown, type Rig } from '../router/router-rig.suite.ts';
import { createKeeping, keepingLimits, type Keeping } from './keeper.ts';

const rules = [
  { pattern: '/durable/**', durable: true },
  { pattern: '/short/**', ttlSeconds: 10 },
] as const;

interface World {
  readonly clock: VirtualClock;
  readonly store: KeyValueStore;
  /** How many operations each transaction had. */
  readonly transactions: number[];
  fails: boolean;
  /** Until it resolves, no transaction ends. */
  stall: Promise<void> | undefined;
  start(): Promise<Rig & { readonly keeping: Keeping }>;
}

function createWorld(): World {
  const clock = createVirtualClock();
  const inner = createMemoryStore({ clock });
  const world: World = {
    clock,
    transactions: [],
    fails: false,
    stall: undefined,
    store: {
      ...inner,
      limits: inner.limits,
      durability: inner.durability,
      get: inner.get.bind(inner),
      scan: inner.scan.bind(inner),
      async transact(transaction, options) {
        await world.stall;
        if (world.fails) {
          throw new HansaError('DISK_FULL', 'no space is left');
        }
        world.transactions.push(transaction.then.length);
        return inner.transact(transaction, options);
      },
    },
    async start() {
      const ruleOf = createRuleBook(rules);
      const keeping = createKeeping({
        store: world.store,
        codec: createMsgpackCodec(),
        crypto: createNodeCrypto(),
        clock,
        log: silentLog,
        isDurable: (address) => ruleOf(address)?.durable === true,
      });
      const options = { rules, messagesPerSecondMax: 0, sessionIdleMs: 0 };
      const rig = createRig({ clock, keeper: keeping, options });
      await keeping.load((stored) => rig.router.restore(stored));
      return { ...rig, clock, keeping };
    },
  };
  return world;
}

const stateOf = ({ router }: Rig): Record<string, string> =>
  Object.fromEntries([...router.params()].map(({ address, value }) => [address, shown(value)]));

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
    const kept = (router.get(address)?.revision ?? 0) - keepingLimits.revisionGap;
    expect(kept).toBeGreaterThanOrEqual(revisions.get(address) ?? 0);
    expect(kept).toBeGreaterThan(30);
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
  const { wireValue } = await import('../frames/values.ts');
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
  await world.clock.advance(4_899);
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

test('revisions go on above those that a crash may have cost; locks do not come back', async () => {
  const world = createWorld();
  const first = await world.start();
  const line = await first.join();
  line.set('/durable/a', 1, { lock: true });
  await world.clock.settle();
  const second = await world.start();
  expect(second.router.get('/durable/a')).toMatchObject({
    revision: 1 + keepingLimits.revisionGap,
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
