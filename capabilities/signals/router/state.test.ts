import { expect, test } from 'vitest';
import { ttlAbsoluteBit } from '../frames/messages.ts';
import { routerLimits } from './limits.ts';
import { createRig, shown } from './router-rig.suite.ts';

const map = (entries: Record<string, number>): ReadonlyMap<string, number> =>
  new Map(Object.entries(entries));

test('a SET is told to all who are subscribed, the writer included, before its ACK', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  writer.subscribe(1, '/a/**');
  other.subscribe(1, '/a/b');
  writer.set('/a/b', 0.75);
  expect(writer.types).toEqual(['set', 'ack']);
  expect(writer.messages('ack')).toEqual([{ type: 'ack', address: '/a/b', revision: 1 }]);
  expect([writer.sets, other.sets]).toEqual([['/a/b=0.75@1'], ['/a/b=0.75@1']]);
  expect(other.types).toEqual(['set']);
});

test('a session is told once, however many of its patterns match', async () => {
  const rig = createRig();
  const [writer, other] = [await rig.join(), await rig.join()];
  ['/a/**', '/a/*', '/**', '/a/b'].forEach((pattern, id) => other.subscribe(id, pattern));
  writer.set('/a/b', 1);
  writer.publish('/a/b');
  expect(other.types).toEqual(['set', 'publish']);
});

test('subscribers share the very same bytes', async () => {
  const rig = createRig();
  const [writer, first, second] = [await rig.join(), await rig.join(), await rig.join()];
  [first, second].forEach((line) => line.subscribe(1, '/a'));
  writer.set('/a', 1);
  expect(first.frames[0]).toBeInstanceOf(Uint8Array);
  expect(first.frames[0]).toBe(second.frames[0]);
});

test('every accepted write raises the revision by one; GET tells value, revision, writer', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a', 1);
  line.set('/a', 'x');
  line.set('/a', null);
  expect(line.messages('ack').map(({ revision }) => revision)).toEqual([1, 2, 3]);
  line.forget();
  line.say({ type: 'get', address: '/a' });
  const [snapshot] = line.messages('snapshot');
  expect(snapshot?.params).toMatchObject([
    { address: '/a', revision: 3, writer: line.session, timestamp: rig.clock.now() * 1_000 },
  ]);
});

test('types of numbers stay as they came: i64 in, i64 out', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.subscribe(1, '/a');
  line.set('/a', 9_007_199_254_740_993n);
  expect(line.sets).toEqual(['/a="9007199254740993n"@1']);
});

test('an expected revision that is another one is refused with both numbers', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a', 1, { revision: 999 });
  line.set('/a', 2, { revision: 999 });
  line.set('/a', 3, { revision: 1 });
  expect(line.types).toEqual(['ack', 'error', 'ack']);
  expect(line.errors).toEqual(['400 RevisionConflict { expected: 999, actual: 1 }']);
  expect(line.messages('error')[0]?.address).toBe('/a');
});

test('a lock keeps every other session from writing, until it is given back', async () => {
  const rig = createRig();
  const [holder, other] = [await rig.join(), await rig.join()];
  holder.set('/a', 1, { lock: true });
  expect(holder.messages('ack')[0]).toMatchObject({ locked: true, holder: holder.session });
  other.set('/a', 2);
  other.set('/a', 2, { lock: true });
  expect(other.errors).toEqual(
    Array.from({ length: 2 }, () => `400 LockHeld { holder: "${holder.session}" }`),
  );
  holder.set('/a', 3);
  other.set('/a', 4);
  expect(other.errorCodes).toEqual([400, 400, 400]);
  holder.set('/a', 5, { unlock: true });
  expect(holder.messages('ack').at(-1)).toMatchObject({ revision: 3, locked: false });
  other.set('/a', 6);
  expect(other.types.at(-1)).toBe('ack');
});

test('a stranger’s unlock neither writes nor unlocks', async () => {
  const rig = createRig();
  const [holder, other] = [await rig.join(), await rig.join()];
  holder.set('/a', 1, { lock: true });
  other.set('/a', 666, { unlock: true });
  other.set('/a', 666, { unlock: true, lock: true });
  expect(other.errorCodes).toEqual([400, 400]);
  expect(rig.router.get('/a')).toMatchObject({ revision: 1, holder: holder.session });
});

test('locks end with their session', async () => {
  const rig = createRig();
  const [holder, other] = [await rig.join(), await rig.join()];
  holder.set('/a', 1, { lock: true });
  holder.set('/b', 1, { lock: true });
  holder.hangUp();
  other.set('/a', 2, { lock: true });
  other.set('/b', 2);
  expect(other.types).toEqual(['ack', 'ack']);
  expect(rig.router.get('/a')?.holder).toBe(other.session);
});

test('max and min take what is strictly greater or smaller, whole or float', async () => {
  const rules = [
    { pattern: '/max', strategy: 'max' },
    { pattern: '/min', strategy: 'min' },
  ] as const;
  const rig = createRig({ options: { rules } });
  const line = await rig.join();
  const taken = (
    address: string,
    values: readonly (number | bigint | string | null)[],
  ): boolean[] =>
    values.map((value) => {
      line.forget();
      line.set(address, value);
      return line.types[0] === 'ack';
    });
  expect(taken('/max', [5, 5, 4n, 6n, 6.5, 'x', null, Number.NaN])).toEqual([
    true,
    false,
    false,
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(line.errors).toEqual(['400 ConflictRejected']);
  expect(taken('/min', ['x', 5n, 5, 4.5, 5])).toEqual([true, true, false, true, false]);
});

test('first takes one value for ever, merge brings maps together and keeps their types', async () => {
  const rules = [
    { pattern: '/first/*', strategy: 'first' },
    { pattern: '/merge', strategy: 'merge' },
  ] as const;
  const rig = createRig({ options: { rules } });
  const line = await rig.join();
  line.set('/first/a', 1);
  line.set('/first/a', 2);
  expect(line.types).toEqual(['ack', 'error']);
  line.forget();
  line.subscribe(1, '/merge');
  line.set('/merge', map({ r: 1, g: 2 }));
  line.set(
    '/merge',
    new Map<string, number | bigint>([
      ['g', 7n],
      ['b', 3],
    ]),
  );
  expect(line.sets.at(-1)).toBe('/merge={"r":1,"g":"7n","b":3}@2');
  line.set('/merge', 4);
  expect(line.sets.at(-1)).toBe('/merge=4@3');
});

test('with the strategy lock a write takes the lock', async () => {
  const rig = createRig({ options: { rules: [{ pattern: '/l', strategy: 'lock' }] } });
  const [first, second] = [await rig.join(), await rig.join()];
  first.set('/l', 1);
  second.set('/l', 2);
  expect(second.errorCodes).toEqual([400]);
  first.set('/l', 3, { unlock: true });
  second.set('/l', 4);
  expect(second.types.at(-1)).toBe('ack');
});

test('a sliding ttl counts from the last write or GET, to the second', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a', 1, { ttl: 10 });
  await rig.clock.advance(9_000);
  line.say({ type: 'get', address: '/a' });
  await rig.clock.advance(9_000);
  line.set('/a', 2);
  await rig.clock.advance(9_999);
  expect(rig.router.get('/a')?.revision).toBe(2);
  await rig.clock.advance(1);
  expect(rig.router.get('/a')).toBeUndefined();
});

test('an absolute ttl counts from the last write alone', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a', 1, { ttl: ttlAbsoluteBit + 10 });
  await rig.clock.advance(9_000);
  line.say({ type: 'get', address: '/a' });
  await rig.clock.advance(999);
  expect(rig.router.get('/a')).toBeDefined();
  await rig.clock.advance(1);
  expect(rig.router.get('/a')).toBeUndefined();
});

test('nobody is told that a param’s time is over; its lock goes with it', async () => {
  const rig = createRig();
  const [line, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a');
  line.set('/a', 1, { ttl: 1, lock: true });
  other.forget();
  await rig.clock.advance(1_000);
  expect(other.frames).toEqual([]);
  other.set('/a', 2);
  expect(other.types).toEqual(['set', 'ack']);
});

test('an address that comes again goes on after its last revision', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.set('/a', 1, { ttl: 1 });
  line.set('/a', 2);
  await rig.clock.advance(1_000);
  expect(rig.router.get('/a')).toBeUndefined();
  line.set('/a', 3);
  expect(rig.router.get('/a')?.revision).toBe(3);
});

test('of tombstonesMax addresses that are no more revisions are remembered; beyond, all go on above', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const line = await rig.join();
  line.set('/a/0', 1, { ttl: 1 });
  line.set('/a/0', 1, { ttl: 1 });
  for (let i = 0; i < routerLimits.tombstonesMax / 2; i += 1) {
    line.set(`/a/${i}`, 1, { ttl: 1 });
  }
  await rig.clock.advance(1_000);
  expect(rig.router.paramCount).toBe(0);
  line.set('/new', 1);
  expect(rig.router.get('/new')?.revision).toBe(1);
  for (let i = 0; i <= routerLimits.tombstonesMax; i += 1) {
    line.set(`/b/${i}`, 1, { ttl: 1 });
  }
  await rig.clock.advance(1_000);
  line.set('/a/0', 1);
  line.set('/newer', 1);
  expect(rig.router.get('/a/0')?.revision).toBe(4);
  expect(rig.router.get('/newer')?.revision).toBe(4);
});

test('without a ttl a param lives as long as the router says, by pattern; 0 is for ever', async () => {
  const rules = [{ pattern: '/keep/**', ttlSeconds: 0 }];
  const rig = createRig({ options: { paramTtlSeconds: 60, rules, sessionIdleMs: 0 } });
  const line = await rig.join();
  line.set('/a', 1);
  line.set('/b', 1, { ttl: 0 });
  line.set('/keep/c', 1);
  await rig.clock.advance(60_000);
  expect([...rig.router.params()].map(({ address }) => address)).toEqual(['/b', '/keep/c']);
});

test('beyond paramsMax a new address is refused, and what is there stays writable', async () => {
  const rig = createRig({ options: { paramsMax: 2 } });
  const line = await rig.join();
  ['/a', '/b', '/c', '/a'].forEach((address) => line.set(address, 1));
  expect(line.types).toEqual(['ack', 'ack', 'error', 'ack']);
  expect(line.errors).toEqual(['400 AtCapacity']);
});

test('beyond paramBytesMax neither new addresses nor larger values are taken', async () => {
  const rig = createRig({ options: { paramBytesMax: 3_000 } });
  const line = await rig.join();
  line.set('/a', 'x'.repeat(1_000));
  line.set('/b', 'x'.repeat(2_000));
  line.set('/a', 'x'.repeat(2_800));
  line.set('/a', 'x');
  line.set('/b', 'x'.repeat(2_000));
  expect(line.types).toEqual(['ack', 'error', 'error', 'ack', 'ack']);
});

test('where the router may evict, what was used least recently goes, locked ones never', async () => {
  const rig = createRig({ options: { paramsMax: 3, atCapacity: 'evict' } });
  const line = await rig.join();
  line.set('/locked', 1, { lock: true });
  await rig.clock.advance(1);
  line.set('/old', 1);
  await rig.clock.advance(1);
  line.set('/new', 1);
  await rig.clock.advance(1);
  line.set('/newest', 1);
  const left = [...rig.router.params()].map(({ address }) => address);
  expect(left).toEqual(['/locked', '/new', '/newest']);
});

test('what is prolonged lives on, and is not used by that: it goes first where one has to', async () => {
  const rig = createRig({ options: { paramsMax: 2, atCapacity: 'evict', paramTtlSeconds: 100 } });
  const line = await rig.join();
  line.set('/mirrored', 1);
  await rig.clock.advance(60_000);
  line.set('/used', 1);
  rig.router.prolong('/mirrored');
  await rig.clock.advance(60_000);
  expect(rig.router.get('/mirrored')).toBeDefined();
  line.set('/used', 2);
  line.set('/new', 1);
  expect([...rig.router.params()].map(({ address }) => address)).toEqual(['/used', '/new']);
});

test('what no SNAPSHOT could carry is refused, at any size what is taken can be told', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const [line, other] = [await rig.join(), await rig.join()];
  other.subscribe(1, '/a');
  let refused = 0;
  for (let length = 65_400; length <= 65_527; length += 1) {
    line.forget();
    other.forget();
    line.set('/a', 'x'.repeat(length));
    if (line.errorCodes[0] === 402) {
      refused += 1;
      continue;
    }
    expect(line.types).toEqual(['ack']);
    expect(other.types).toEqual(['set']);
    line.say({ type: 'get', address: '/a' });
    expect(line.types).toEqual(['ack', 'snapshot']);
  }
  expect(refused).toBeGreaterThan(0);
  expect(rig.problems).toEqual([]);
});

test('addresses that are none are refused with 200, for SET, PUBLISH and GET', async () => {
  const rig = createRig();
  const line = await rig.join();
  for (const address of ['', 'a', '/a/*', '/**']) {
    line.set(address, 1);
    line.publish(address);
    line.say({ type: 'get', address });
  }
  expect(new Set(line.errorCodes)).toEqual(new Set([200]));
  expect(line.errorCodes).toHaveLength(12);
  expect(rig.router.paramCount).toBe(0);
});

test('a GET of nothing is ERROR 201 with the address', async () => {
  const line = await createRig().join();
  line.say({ type: 'get', address: '/nothing' });
  expect(line.messages('error')).toMatchObject([{ code: 201, address: '/nothing' }]);
});

test('what a process of ours writes is told like any other, and may be refused', async () => {
  const rig = createRig();
  const line = await rig.join();
  line.subscribe(1, '/**');
  const value = { type: 1, data: Uint8Array.of(1) } as const;
  const write = { address: '/a', value, lock: false, unlock: false, writer: 'rule:1' };
  expect(rig.router.set(write)).toMatchObject({ revision: 1 });
  expect(line.sets).toEqual(['/a=true@1']);
  line.set('/a', 2, { lock: true });
  expect(rig.router.set(write)).toMatchObject({ code: 400 });
  const param = rig.router.get('/a');
  expect(param === undefined ? '' : shown(param.value)).toBe('2');
});
