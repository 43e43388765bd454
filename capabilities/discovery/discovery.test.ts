import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { roads } from '../../testkit/roads.ts';
import { callerOf, nodeOf, settled } from '../../testkit/test-cluster.ts';
import { bucketsMax, perClusterRate, overallRate, createBudgets } from './budgets.ts';
import {
  announcementRenewMs,
  announcementValidityMs,
  discoveryContract,
  trackedPerPeerMax,
  type Announcement,
  type Discovery,
} from './contract.ts';
import { discoverySuite } from './discovery.suite.ts';
import {
  announce,
  createWorld,
  crypto,
  idOf,
  known,
  signedBy,
  startMs,
  type Place,
  type World,
} from './world.suite.ts';

let world: World;
beforeEach(() => {
  world = createWorld();
});
afterEach(() => world.end());

const said = (byte: number, counter: number, change: Partial<Announcement> = {}): Announcement =>
  signedBy(world, byte, { ...change, counter });

const everyRoad = roads<Discovery>(discoveryContract, async () => {
  const [here, from] = [await world.place(1), await world.place(3)];
  world.link(here, from);
  await announce(here, from, said(3, 10));
  return here.parts.discovery;
});
everyRoad.forEach(discoverySuite);

describe('gossip', () => {
  test('tells linked clusters, and theirs, where this one is, where all of them want it', async () => {
    const [a, b, c] = [
      await world.place(1, { gossip: true }),
      await world.place(3, { gossip: true }),
      await world.place(5, { gossip: true }),
    ];
    world.link(a, b);
    world.link(b, c);
    [a, b, c].forEach((place) => place.run());
    await settled(() => known(b, 1) !== undefined && known(c, 1) !== undefined);
    await settled(() => known(a, 5) !== undefined);
    const { found } = await c.parts.discovery.list({});
    expect(found.find(({ cluster }) => cluster === a.id)).toMatchObject({
      name: 'cluster-1',
      verified: true,
      linkedAs: undefined,
      endpoints: a.endpoints,
      heard: [{ source: 'gossip', from: b.id, heardMs: startMs }],
    });
    expect((await b.parts.discovery.list({})).found.map(({ linkedAs }) => linkedAs)).toEqual([
      'peer-1',
      'peer-5',
    ]);
  });

  test('of one who did not switch it on says nothing, and passes nothing on', async () => {
    const [a, b, c] = [
      await world.place(1, { gossip: true }),
      await world.place(3),
      await world.place(5, { gossip: true }),
    ];
    world.link(a, b);
    world.link(b, c);
    [a, b, c].forEach((place) => place.run());
    await settled(() => known(b, 1) !== undefined && known(b, 5) !== undefined);
    expect([known(c, 1), known(a, 3), known(c, 3)]).toEqual([undefined, undefined, undefined]);
    expect(await b.parts.discovery.status({})).toMatchObject({
      announced: undefined,
      gossip: { on: false, taken: 2, refused: 0, forwarded: 0 },
    });
  });

  test('is passed on once, three links far, never back, never to the blocked, and only as wished', async () => {
    const place = await world.place(1, { gossip: true });
    const others = await Promise.all([3, 5, 7].map((byte) => world.place(byte)));
    others.forEach((each) => world.link(place, each));
    const [from, hearer, blocked] = others;
    if (from === undefined || hearer === undefined || blocked === undefined) {
      throw new Error('three were made');
    }
    place.blocked.add(blocked.id);
    place.run();
    await settled(() => known(hearer, 1) !== undefined);
    await announce(place, from, { announcement: said(20, 10), hops: 1 });
    await settled(() => known(hearer, 20) === 10);
    await announce(place, from, { announcement: said(21, 10), hops: 2 });
    await announce(place, from, said(22, 10, { gossip: false }));
    await announce(place, from, said(20, 10));
    expect(place.parts.gossip.counts.forwarded).toBe(1);
    expect([known(place, 21), known(place, 22)]).toEqual([10, 10]);
    expect([known(hearer, 21), known(hearer, 22), known(from, 20)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([known(blocked, 20), known(blocked, 1)]).toEqual([undefined, undefined]);
  });

  test('is told again to a peer that was away', async () => {
    const [a, b] = [await world.place(1, { gossip: true }), await world.place(3)];
    a.run();
    await settled(() => a.parts.announcing.present() !== undefined);
    expect(known(b, 1)).toBeUndefined();
    await announceTo(a, b);
    await settled(() => known(b, 1) !== undefined);
  });

  const announceTo = async (a: Place, b: Place): Promise<void> => world.link(a, b);
});

describe('what is heard', () => {
  test('twice, or with a lower counter, is no news', async () => {
    const [here, from] = [await world.place(1), await world.place(3)];
    world.link(here, from);
    expect(await announce(here, from, said(20, 10))).toEqual({ taken: true });
    expect(await announce(here, from, said(20, 10))).toEqual({ taken: false });
    expect(await announce(here, from, said(20, 9))).toEqual({ taken: false });
    expect(known(here, 20)).toBe(10);
  });

  test('past its time, or changed, is refused, and so is the word of one who is not linked', async () => {
    const [here, from, stranger] = [
      await world.place(1),
      await world.place(3),
      await world.place(5),
    ];
    world.link(here, from);
    const old = said(20, 10);
    await expect(announce(here, from, { ...old, counter: 11 })).rejects.toMatchObject({
      code: 'ANNOUNCEMENT_INVALID',
    });
    world.clock.advance(announcementValidityMs);
    await expect(announce(here, from, old)).rejects.toMatchObject({ code: 'ANNOUNCEMENT_STALE' });
    await expect(announce(here, stranger, said(5, 10))).rejects.toMatchObject({
      code: 'LINK_NOT_FOUND',
    });
    expect(known(here, 20)).toBeUndefined();
    expect(here.parts.counts.refused).toBe(2);
  });

  test('in a cluster’s name without its signature costs that cluster nothing', async () => {
    const [here, from] = [await world.place(1), await world.place(3)];
    world.link(here, from);
    for (let counter = 100; counter < 200; counter += 1) {
      const forged = said(20, counter, { signature: new Uint8Array(64) });
      await expect(announce(here, from, forged)).rejects.toMatchObject({
        code: 'ANNOUNCEMENT_INVALID',
      });
    }
    for (let counter = 1; counter <= perClusterRate.burst; counter += 1) {
      expect(await announce(here, from, said(20, counter))).toEqual({ taken: true });
    }
    await expect(announce(here, from, said(20, 50))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    world.clock.advance(60_000 / perClusterRate.perMinute);
    expect(await announce(here, from, said(20, 50))).toEqual({ taken: true });
  });

  test('of a linked cluster that is away makes links dial it where it is now', async () => {
    const [here, from, away] = [await world.place(1), await world.place(3), await world.place(5)];
    world.link(here, from);
    world.link(here, away);
    await announce(here, from, said(5, 10));
    expect(here.retried).toEqual([]);
    here.peers.disconnect(away.id);
    await announce(here, from, said(5, 11));
    expect(here.retried).toEqual([away.id]);
    expect(here.book().endpoints(away.id)).toEqual([
      { node: nodeOf(crypto, 6), addresses: ['192.0.2.5:11'] },
    ]);
    expect(here.book().endpoints(idOf(77))).toEqual([]);
  });

  test('outlives a restart, and is forgotten when its time is over', async () => {
    const [here, from] = [await world.place(1), await world.place(3)];
    world.link(here, from);
    await announce(here, from, said(20, 10));
    const again = await world.place(1, {}, here.store);
    expect(known(again, 20)).toBe(10);
    world.clock.advance(announcementValidityMs);
    expect(known(again, 20)).toBeUndefined();
    await again.parts.book.prune();
    await settled(() => again.parts.book.rows.rows.size === 0);
  });

  test('from one peer fills a quarter of the book at most, and drives out no linked cluster', async () => {
    const [here, from, friend] = [await world.place(1), await world.place(3), await world.place(5)];
    world.link(here, from);
    world.link(here, friend);
    await announce(here, from, said(5, 10));
    for (let byte = 20; byte < 20 + trackedPerPeerMax + 10; byte += 1) {
      world.clock.advance(1_000);
      await announce(here, from, said(byte, 10));
    }
    expect(here.parts.book.all()).toHaveLength(trackedPerPeerMax + 1);
    expect(known(here, 5)).toBe(10);
    expect(known(here, 20)).toBeUndefined();
    expect(known(here, 20 + trackedPerPeerMax + 9)).toBe(10);
  });
});

describe('a budget', () => {
  test('that refuses takes nothing from the other one', () => {
    const each = { perMinute: 12, burst: 2 };
    const budgets = createBudgets<string>({
      clock: world.clock,
      each,
      all: { perMinute: 60, burst: 3 },
    });
    const greedy = Array.from({ length: 50 }, () => budgets.take('greedy'));
    expect(greedy.filter(Boolean)).toHaveLength(2);
    expect([budgets.take('modest'), budgets.take('modest')]).toEqual([true, false]);
    world.clock.advance(1_000);
    // The common bucket has one again, and the refusals in between took nothing of its own.
    expect(budgets.take('modest')).toBe(true);
    expect([perClusterRate, overallRate]).toEqual([
      { perMinute: 12, burst: 5 },
      { perMinute: 600, burst: 100 },
    ]);
  });

  test('remembers so many who spoke: the one longest silent has a full bucket again', () => {
    const budgets = createBudgets<number>({
      clock: world.clock,
      each: { perMinute: 1, burst: 1 },
      all: { perMinute: 1, burst: 10 * bucketsMax },
    });
    const speakers = Array.from({ length: bucketsMax }, (_, at) => at);
    expect(speakers.every((each) => budgets.take(each))).toBe(true);
    expect(speakers.some((each) => budgets.take(each))).toBe(false);
    expect(budgets.take(bucketsMax)).toBe(true);
    expect([budgets.take(1), budgets.take(bucketsMax - 1)]).toEqual([false, false]);
    expect(budgets.take(0)).toBe(true);
  });
});

describe('this cluster’s own word', () => {
  test('is made anew every half hour and when an address changes, with a rising counter', async () => {
    const here = await world.place(1, { gossip: true });
    here.run();
    await settled(() => here.parts.announcing.present() !== undefined);
    const counters = [here.parts.announcing.present()?.counter];
    const next = async (ms: number): Promise<void> => {
      const before = here.parts.announcing.present()?.counter;
      await settled(() => world.clock.sleepers > 0);
      world.clock.advance(ms);
      await settled(() => here.parts.announcing.present()?.counter !== before);
      counters.push(here.parts.announcing.present()?.counter);
    };
    await next(announcementRenewMs);
    here.endpoints = [{ node: nodeOf(crypto, 2), addresses: ['192.0.2.77:1'] }];
    await next(5_000);
    expect(here.parts.announcing.present()?.endpoints).toEqual(here.endpoints);
    expect(counters).toEqual(counters.toSorted((one, other) => (one ?? 0) - (other ?? 0)));
    expect(new Set(counters).size).toBe(3);
  });

  test('never says a lower counter, not even with a clock that was set back', async () => {
    const before = await world.place(1, { gossip: true });
    before.run();
    await settled(() => before.parts.announcing.present() !== undefined);
    const { counter } = before.parts.announcing.present() ?? { counter: 0 };
    const other = createWorld();
    const after = await other.place(1, { gossip: true }, before.store);
    after.run();
    await settled(() => after.parts.announcing.present() !== undefined);
    expect(after.parts.announcing.present()?.counter).toBe(counter + 1);
    other.end();
  });

  test('is handed to whoever asks where some way is on, and else to nobody', async () => {
    const [open, closed] = [await world.place(1, { gossip: true }), await world.place(3)];
    [open, closed].forEach((place) => place.run());
    await settled(() => open.parts.announcing.present() !== undefined);
    const caller = callerOf(idOf(9), nodeOf(crypto, 99));
    const { announcement } = await open.peer.present({}, { caller });
    expect(announcement.cluster).toBe(open.id);
    await expect(closed.peer.present({}, { caller })).rejects.toMatchObject({
      code: 'DISCOVERY_OFF',
    });
    open.blocked.add(idOf(9));
    await expect(open.peer.present({}, { caller })).rejects.toMatchObject({
      code: 'DISCOVERY_OFF',
    });
  });
});
