import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { countersCapability } from './capability.ts';
import { rateOf } from './cli-limiters.ts';
import { counterContract, onceMs, type Counters } from './contract.ts';
import { countersSuite } from './counters.suite.ts';
import { createNumberServices, type CountersNeeds } from './service.ts';

function makeNeeds(): CountersNeeds {
  const clock = createSystemClock();
  return { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
}

roads<Counters>(counterContract, () => createNumberServices(makeNeeds()).counters).forEach(
  countersSuite,
);

test('the node is handed three contracts and nothing to run', () => {
  const made = countersCapability(makeNeeds());
  const names = made.serves.map(({ contract }) => contract.name);
  expect(names).toEqual(['counter', 'sequence', 'limiter']);
  expect(made.duties).toEqual([]);
});

function makeByHand(
  bounds: { countersMax?: number; limitersMax?: number; sequencesMax?: number } = {},
) {
  const clock = createHandClock();
  const needs = { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
  const make = () => createNumberServices({ ...needs, ...bounds });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, ...make(), again: make, settle };
}

test('there are countersMax counters; one more is COORDINATION_FULL until one is reset', async () => {
  const { counters } = makeByHand({ countersMax: 2 });
  await counters.add({ name: 'a', by: 1 });
  await counters.add({ name: 'b', by: 1 });
  await expect(counters.add({ name: 'c', by: 1 })).rejects.toMatchObject({
    code: 'COORDINATION_FULL',
  });
  await counters.reset({ name: 'a' });
  await expect(counters.add({ name: 'c', by: 1 })).resolves.toMatchObject({ value: 1 });
});

test('what was asked once may be asked again after onceMs', async () => {
  const { counters, clock, settle } = makeByHand();
  const once = { name: 'a', by: 1, once: 'x' };
  await counters.add(once);
  clock.advance(onceMs + 2_000);
  await settle();
  await expect(counters.add(once)).resolves.toMatchObject({ value: 2 });
});

describe('a sequence', () => {
  test('gives numbers from 1 up, ranges beside each other, and another process goes on', async () => {
    const { sequences, again } = makeByHand();
    const name = 's';
    await expect(sequences.show({ name })).resolves.toEqual({ name, last: 0 });
    await expect(sequences.next({ name })).resolves.toEqual({ name, first: 1, last: 1 });
    await expect(sequences.next({ name, count: 9 })).resolves.toEqual({ name, first: 2, last: 10 });
    const other = again().sequences;
    await expect(other.next({ name })).resolves.toEqual({ name, first: 11, last: 11 });
    await expect(other.list({})).resolves.toEqual({ sequences: [{ name, last: 11 }] });
  });

  test('is one of sequencesMax', async () => {
    const { sequences } = makeByHand({ sequencesMax: 1 });
    await sequences.next({ name: 's' });
    await expect(sequences.next({ name: 'more' })).rejects.toMatchObject({
      code: 'COORDINATION_FULL',
    });
  });

  test('gives callers at the same time ranges of their own', async () => {
    const { sequences } = makeByHand();
    const all = await Promise.all(
      Array.from({ length: 40 }, () => sequences.next({ name: 's', count: 3 })),
    );
    const given = all.flatMap(({ first, last }) => [first, first + 1, last]);
    expect(given.toSorted((a, b) => a - b)).toEqual(given.map((_, index) => index + 1));
  });
});

describe('a rate limiter', () => {
  const name = 'mails';
  const rate = { name, perSecond: 2, burst: 4 };

  test('gives its burst, then as much as comes, and says when to try again', async () => {
    const { limiters, clock } = makeByHand();
    await expect(limiters.configure(rate)).resolves.toEqual({ ...rate, available: 4 });
    await expect(limiters.take({ name, tokens: 4 })).resolves.toEqual({
      allowed: true,
      available: 0,
    });
    await expect(limiters.take({ name })).resolves.toEqual({
      allowed: false,
      available: 0,
      retryAfterMs: 500,
    });
    clock.advance(500);
    await expect(limiters.take({ name })).resolves.toMatchObject({ allowed: true });
    clock.advance(60_000);
    await expect(limiters.show({ name })).resolves.toEqual({ ...rate, available: 4 });
  });

  test('promises what is to come to those who wait, in the order of asking', async () => {
    const { limiters, clock, settle } = makeByHand();
    await limiters.configure(rate);
    await limiters.take({ name, tokens: 4 });
    const order: string[] = [];
    const waiting = ['first', 'second'].map(async (who) => {
      const taken = await limiters.take({ name, tokens: 2, waitMs: 5_000 });
      order.push(who);
      return taken.allowed;
    });
    await settle();
    await expect(limiters.take({ name, waitMs: 1_000 })).resolves.toMatchObject({
      allowed: false,
      retryAfterMs: 2_500,
    });
    clock.advance(1_000);
    await settle();
    expect(order).toEqual(['first']);
    clock.advance(1_000);
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(order).toEqual(['first', 'second']);
  });

  test('takes back what was promised to a caller who left', async () => {
    const { limiters, clock, settle } = makeByHand();
    await limiters.configure(rate);
    await limiters.take({ name, tokens: 4 });
    const leave = new AbortController();
    const asked = { name, tokens: 4, waitMs: 5_000 };
    const waiting = limiters.take(asked, { signal: leave.signal });
    await settle();
    leave.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    clock.advance(500);
    await expect(limiters.take({ name })).resolves.toMatchObject({ allowed: true });
  });

  test('gives another process no more than came since it first looked', async () => {
    const { limiters, clock, again } = makeByHand();
    await limiters.configure(rate);
    await limiters.take({ name, tokens: 4 });
    clock.advance(60_000);
    const other = again().limiters;
    await expect(other.take({ name })).resolves.toMatchObject({ allowed: false });
    clock.advance(500);
    await expect(other.take({ name })).resolves.toMatchObject({ allowed: true });
  });

  test('is changed, made full, listed and removed', async () => {
    const { limiters } = makeByHand();
    await limiters.configure(rate);
    await limiters.take({ name, tokens: 3 });
    const slower = { name, perSecond: 1, burst: 2 };
    await expect(limiters.configure(slower)).resolves.toEqual({ ...slower, available: 1 });
    await expect(limiters.reset({ name })).resolves.toEqual({ ...slower, available: 2 });
    await expect(limiters.list({})).resolves.toEqual({ limiters: [{ ...slower, available: 2 }] });
    await expect(limiters.take({ name, tokens: 3 })).rejects.toMatchObject({
      code: 'COORDINATION_DIFFERS',
    });
    await limiters.remove({ name });
    await expect(limiters.take({ name })).rejects.toMatchObject({ code: 'COORDINATION_NOT_FOUND' });
    await expect(limiters.remove({ name })).rejects.toMatchObject({
      code: 'COORDINATION_NOT_FOUND',
    });
  });

  test('is one of limitersMax', async () => {
    const { limiters } = makeByHand({ limitersMax: 1 });
    await limiters.configure(rate);
    await expect(limiters.configure({ ...rate, name: 'more' })).rejects.toMatchObject({
      code: 'COORDINATION_FULL',
    });
  });

  test('has a rate that people write as they say it', () => {
    expect(['10', '0.5/s', '30/m', '36/h'].map(rateOf)).toEqual([10, 0.5, 0.5, 0.01]);
    expect(() => rateOf('many')).toThrow('no rate');
  });
});
