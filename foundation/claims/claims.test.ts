// Claims where they are bounded, and what only two processes on one store can show. What locks,
// semaphores and elections make of them is tried beside those.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import {
  claimDataLengthMax,
  claimsPerLineMax,
  claimTables,
  claimTtlSecondsMax,
  claimTtlSecondsMin,
  claimWaitMsMax,
  createClaims,
  createStoreBell,
  holderLengthMax,
  holderSchema,
  lineNameSchema,
  linesMax as allLinesMax,
  lockOrder,
  nameLengthMax,
  ttlSecondsSchema,
  waitMsSchema,
  weightOrder,
  type KeyValueStore,
} from '../index.ts';

function makeClaims(linesMax?: number) {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const codec = createMsgpackCodec();
  const make = (through: KeyValueStore = store) =>
    createClaims({
      store: through,
      clock,
      tables: claimTables(through, codec, 'lock'),
      bell: createStoreBell({ store: through, clock }),
      order: lockOrder,
      noun: 'lock',
      ...(linesMax === undefined ? {} : { linesMax }),
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, store, codec, claims: make(), again: make, settle };
}

const once = (name: string, holder: string) => ({
  names: [name],
  holder,
  ttlSeconds: 10,
  waitMs: 0,
});

test('claimsPerLineMax stand in a line; one more is COORDINATION_FULL', async () => {
  const { claims } = makeClaims();
  const shared = (holder: string) => ({ ...once('a', holder), mode: 'shared' as const });
  for (let at = 0; at < claimsPerLineMax; at += 1) {
    await claims.claim(shared(`h${at}`));
  }
  await expect(claims.claim(shared('more'))).rejects.toMatchObject({ code: 'COORDINATION_FULL' });
});

describe('lines', () => {
  test('are so many at once; where all are claimed, one more is COORDINATION_FULL', async () => {
    expect(allLinesMax).toBe(100_000);
    const { claims } = makeClaims(2);
    await claims.claim(once('a', 'anna'));
    await claims.claim(once('b', 'anna'));
    await expect(claims.claim(once('c', 'anna'))).rejects.toMatchObject({
      code: 'COORDINATION_FULL',
    });
  });

  test('that nobody claims make room, and their tokens still only rise', async () => {
    const { claims } = makeClaims(2);
    let last = 0;
    for (const name of ['a', 'b', 'c', 'd', 'a']) {
      const { tokens } = await claims.claim(once(name, 'anna'));
      await claims.release(tokens);
      const [{ token } = { token: 0 }] = tokens;
      if (name === 'a') {
        expect(token).toBeGreaterThan(last);
        last = token;
      }
    }
    const there = await claims.list({ after: '', limit: 9 });
    expect(there.length).toBeLessThanOrEqual(2);
  });
});

/** The same store until the process is killed; then nothing is ever answered. */
function killable(store: KeyValueStore): { readonly store: KeyValueStore; kill(): void } {
  let killed = false;
  const handler: ProxyHandler<KeyValueStore> = {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') {
        return value;
      }
      return (...given: unknown[]): unknown =>
        killed ? new Promise(() => undefined) : Reflect.apply(value, target, given);
    },
  };
  return {
    store: new Proxy(store, handler),
    kill: () => {
      killed = true;
    },
  };
}

test('a process that dies while it waits leaves its place after ten seconds', async () => {
  const { claims, clock, store, again, settle } = makeClaims();
  const first = await claims.claim(once('a', 'anna'));
  const dying = killable(store);
  void again(dying.store).claim({ ...once('a', 'bob'), waitMs: 60_000 });
  await settle();
  dying.kill();
  let held = false;
  const next = claims.claim({ ...once('a', 'carl'), waitMs: 60_000 }).then((granted) => {
    held = true;
    return granted;
  });
  await settle();
  expect((await claims.look('a')).standing.map(({ claim }) => claim.holder)).toEqual([
    'anna',
    'bob',
    'carl',
  ]);
  await claims.release(first.tokens);
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      await settle();
    }
  };
  await pass(9);
  expect(held).toBe(false);
  await pass(3);
  await expect(next).resolves.toMatchObject({ tokens: [{ token: 3 }] });
});

test('who waited and asks again as the same holder has its place again', async () => {
  const { claims, again, settle } = makeClaims();
  const first = await claims.claim(once('a', 'anna'));
  const before = claims.claim({ ...once('a', 'bob'), waitMs: 60_000 });
  await settle();
  const after = again().claim({ ...once('a', 'bob'), waitMs: 60_000 });
  await settle();
  expect((await claims.look('a')).standing).toHaveLength(2);
  await claims.release(first.tokens);
  await expect(before).resolves.toMatchObject({ tokens: [{ token: 2 }] });
  await expect(after).resolves.toMatchObject({ tokens: [{ token: 2 }] });
});

/** Does something between a transaction and its answer. */
function answeringLate(store: KeyValueStore, meanwhile: () => Promise<void>): KeyValueStore {
  const late: KeyValueStore['transact'] = async (transaction) => {
    const answer = await store.transact(transaction);
    await meanwhile();
    return answer;
  };
  const handler: ProxyHandler<KeyValueStore> = {
    get(target, name) {
      const value: unknown = name === 'transact' ? late : Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  };
  return new Proxy(store, handler);
}

test.each([
  ['came first', 0],
  ['waited', 60_000],
])(
  'a call that %s and went away takes nothing from its holder who asked again',
  async (_, waitMs) => {
    const { claims, store, again, settle } = makeClaims();
    const asked = { ...once('a', 'bob'), ttlSeconds: 20 };
    const before = waitMs === 0 ? undefined : await claims.claim(once('a', 'anna'));
    const leaving = new AbortController();
    let told: Awaited<ReturnType<typeof claims.claim>> | undefined;
    const late = answeringLate(store, async () => {
      const { standing } = await claims.look('a');
      if (standing.some(({ claim }) => claim.holder === 'bob' && claim.granted)) {
        leaving.abort();
        told ??= await claims.claim(asked);
      }
    });
    const first = again(late).claim({ ...once('a', 'bob'), waitMs }, leaving.signal);
    const ended = first.catch((error: unknown) => error);
    await settle();
    await (before === undefined ? undefined : claims.release(before.tokens));
    await expect(ended).resolves.toMatchObject({ code: 'CANCELLED' });
    await expect(claims.renew(told?.tokens ?? [])).resolves.toEqual({ ttlSeconds: 20 });
  },
);

test('a weight that can never come is refused, as is a line that nobody made', async () => {
  const { store, codec, clock } = makeClaims();
  const claims = createClaims({
    store,
    clock,
    tables: claimTables(store, codec, 'semaphore'),
    bell: createStoreBell({ store, clock }),
    order: weightOrder,
    noun: 'semaphore',
    counted: true,
  });
  await expect(claims.claim(once('s', 'anna'))).rejects.toMatchObject({
    code: 'COORDINATION_NOT_FOUND',
  });
  const differs = { code: 'COORDINATION_DIFFERS' };
  const of = (capacity: number | undefined, weight: number) => ({
    ...once('s', 'anna'),
    capacity,
    weight,
  });
  await expect(claims.claim(of(2, 3))).rejects.toMatchObject(differs);
  await claims.claim(of(2, 1));
  await expect(claims.claim({ ...of(3, 1), holder: 'bob' })).rejects.toMatchObject(differs);
  await claims.resize('s', 3);
  await expect(claims.claim({ ...of(3, 2), holder: 'bob' })).resolves.toMatchObject({
    ttlSeconds: 10,
  });
});

describe('what is asked for', () => {
  const passes = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
    schema.safeParse(value).success;

  test.each([
    ['a name', lineNameSchema, 'a'.repeat(nameLengthMax), 'a'.repeat(nameLengthMax + 1)],
    ['a holder', holderSchema, 'a'.repeat(holderLengthMax), 'a'.repeat(holderLengthMax + 1)],
    ['the least time', ttlSecondsSchema, claimTtlSecondsMin, claimTtlSecondsMin - 1],
    ['the most time', ttlSecondsSchema, claimTtlSecondsMax, claimTtlSecondsMax + 1],
    ['a wait', waitMsSchema, claimWaitMsMax, claimWaitMsMax + 1],
  ])('of %s is so much; one more is none', (_, schema, most, more) => {
    expect(passes(schema, most)).toBe(true);
    expect(passes(schema, more)).toBe(false);
  });

  test('what a claim carries fits a store many times', () => {
    expect(claimDataLengthMax * claimsPerLineMax).toBeLessThanOrEqual(4 * 1_024 * 1_024);
  });
});
