// Of all places, for params and for sessions, one token takes half at most.
import { describe, expect, test } from 'vitest';
import { bundleMember } from '../frames/encode.ts';
import { wireValue } from '../frames/values.ts';
import type { Admitting, SignalAccess } from './access.ts';
import { createRig } from './router-rig.suite.ts';
import type { RouterNeeds, RouterOptions } from './router.ts';

const spent = '400 AtCapacity: one token has taken its share of all places';

/** Of a router that takes others. */
const peers = () => ({
  received: () => undefined,
  left: () => undefined,
  token: 'here',
  takes: () => false,
  isElsewhere: () => false,
  carry: () => undefined,
});

const rigOf = (options: RouterOptions, more: Pick<RouterNeeds, 'peers'> = {}) => {
  const admit = ({ token = '' }: Admitting): SignalAccess => ({
    allows: () => true,
    subject: token,
    takesAll: token === 'owner',
  });
  return createRig({ doorkeeper: { admit }, options, ...more });
};

describe('of params, one token makes half', () => {
  test.each(['refuse', 'evict'] as const)('of their number (%s)', async (atCapacity) => {
    const rig = rigOf({ paramsMax: 4, atCapacity });
    const [one, again] = [await rig.join({ token: 'one' }), await rig.join({ token: 'one' })];
    const other = await rig.join({ token: 'other' });
    ['/a', '/b', '/c'].forEach((address) => one.set(address, 1));
    again.set('/d', 1);
    other.set('/e', 1);
    again.set('/a', 2);
    expect(one.types).toEqual(['ack', 'ack', 'error']);
    expect([one.errors, again.errors]).toEqual([[spent], [spent]]);
    expect(again.types).toEqual(['error', 'ack']);
    expect(other.types).toEqual(['ack']);
  });

  test('of what they hold, in bundles too', async () => {
    const rig = rigOf({ paramBytesMax: 10_000 });
    const [one, other] = [await rig.join({ token: 'one' }), await rig.join({ token: 'other' })];
    one.set('/a', 'x'.repeat(3_000));
    one.set('/a', 'x'.repeat(6_000));
    const value = wireValue('x'.repeat(800));
    const members = ['/b', '/c', '/d'].map((address) =>
      bundleMember({ type: 'set', address, value, lock: false, unlock: false }),
    );
    one.say({ type: 'bundle', members });
    other.set('/f', 'x'.repeat(3_000));
    expect(one.errors).toEqual([spent, spent]);
    expect(other.types).toEqual(['ack']);
  });

  test('of one, that one', async () => {
    const rig = rigOf({ paramsMax: 1, sessionsMax: 1 });
    const one = await rig.join({ token: 'one' });
    one.set('/a', 1);
    expect(one.types).toEqual(['ack']);
  });

  test('and what goes makes place for more', async () => {
    const rig = rigOf({ paramsMax: 4 });
    const one = await rig.join({ token: 'one' });
    one.set('/a', 1, { ttl: 1 });
    one.set('/b', 1);
    await rig.clock.advance(2_000);
    one.set('/c', 1);
    expect(one.errors).toEqual([]);
  });

  test('but for another router, which brings what many made, and for who may take all', async () => {
    const rig = rigOf({ paramsMax: 4 }, { peers });
    const peer = await rig.join({ token: 'peer', features: ['param', 'federation'] });
    const owner = await rig.join({ token: 'owner' });
    ['/a', '/b', '/c'].forEach((address) => peer.set(address, 1));
    owner.set('/d', 1);
    expect([...peer.errors, ...owner.errors]).toEqual([]);
  });

  test('where no router is taken, one that says it is one is a client', async () => {
    const rig = rigOf({ paramsMax: 4 });
    const peer = await rig.join({ token: 'peer', features: ['param', 'federation'] });
    ['/a', '/b', '/c'].forEach((address) => peer.set(address, 1));
    expect(peer.errors).toEqual([spent]);
  });
});

test('of sessions, one token holds half, and whoever may take all is kept from none', async () => {
  const rig = rigOf({ sessionsMax: 6 });
  const three = [];
  for (let count = 0; count < 3; count += 1) {
    three.push(await rig.join({ token: 'one' }));
  }
  const fourth = rig.line();
  fourth.say({ type: 'hello', version: 1, features: [], name: 'fourth', token: 'one' });
  expect(fourth.errors).toEqual(['429 one token has taken its share of all sessions']);
  expect(fourth.closedWith).toBe('one token has taken its share of all sessions');
  expect((await rig.join({ token: 'other' })).closedWith).toBeUndefined();
  three[0]?.hangUp();
  expect((await rig.join({ token: 'one' })).closedWith).toBeUndefined();
});
