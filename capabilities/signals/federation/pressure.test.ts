// Links that take less than they are given, and bounds that are reached.
import { silentLog } from '@hansa/foundation';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createHandClock } from '../../../testkit/hand-clock.ts';
import { decodeFrame } from '../frames/decode.ts';
import { wireValue } from '../frames/values.ts';
import { createTimers } from '../router/timers.ts';
import { createAsks } from './asks.ts';
import { federationLimits } from './limits.ts';
import { EventReceiver } from './receiver.ts';
import { revisionFrames } from './revision-frames.ts';
import { Network, type Site } from './sites.suite.ts';
import { Topology } from './topology.ts';
import { createSeen } from './versions.ts';

const networks: Network[] = [];

afterEach(() => {
  networks.splice(0).forEach((net) => {
    net.stop();
    expect(net.problems).toEqual([]);
  });
});

async function pair(
  options: { readonly messagesPerSecondMax?: number; isStranger?: boolean } = {},
) {
  const net = new Network();
  networks.push(net);
  const { messagesPerSecondMax = 0, isStranger = false } = options;
  const hub = net.site('hub', {}, { options: { messagesPerSecondMax }, isStranger });
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  const leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'] });
  net.start();
  await net.advance(100);
  net.crossings.length = 0;
  return { net, hub, leaf };
}

const full = federationLimits.lineBytesMax + 1;

describe.each([{ isStranger: false }, { isStranger: true }])('a slow link, %o', (kind) => {
  it('is told the newest of what changed while it took nothing', async () => {
    const { net, hub, leaf } = await pair(kind);
    net.waiting = (from) => (from === 'leaf' ? full : 0);
    for (let i = 0; i < 1_000; i += 1) {
      leaf.set(`/leaf/${i % 10}`, i);
    }
    await net.advance(1_000);
    expect(net.crossed('leaf', 'hub')).toEqual([]);
    net.flow();
    await net.settle();
    expect(Object.values(hub.state())).toEqual(Array.from({ length: 10 }, (_, i) => 990 + i));
    expect(net.crossed('leaf', 'hub').length).toBeLessThanOrEqual(10);
  });
});

describe('a slow link', () => {
  it('keeps events within a bound, and drops streams', async () => {
    const { net, hub, leaf } = await pair();
    const heard = await hub.client();
    heard.subscribe(1, '/**');
    net.waiting = (from) => (from === 'leaf' ? full : 0);
    const client = await leaf.client();
    const { eventsWaitingMax } = federationLimits;
    for (let i = 0; i < eventsWaitingMax + 100; i += 1) {
      client.publish('/leaf/cue', { value: wireValue(i) });
      client.publish('/leaf/flow', { value: wireValue(i), signal: 'stream' });
    }
    net.flow();
    await net.settle();
    expect(heard.publishes).toHaveLength(eventsWaitingMax);
    expect(heard.publishes.at(-1)).toBe(`/leaf/cue=${eventsWaitingMax - 1}`);
  });

  it('drops events that are declared to be dropped, and keeps its places for the others', async () => {
    const net = new Network();
    networks.push(net);
    const rules = [{ pattern: '/leaf/meter', events: 'drop' as const }];
    const hub = net.site('hub', {});
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    const own = { mode, ownedNamespaces: ['/leaf/**'] } as const;
    const leaf = net.site('leaf', own, { options: { rules } });
    net.start();
    await net.advance(100);
    const [heard, client] = [await hub.client(), await leaf.client()];
    heard.subscribe(1, '/**');
    net.waiting = (from) => (from === 'leaf' ? full : 0);
    for (let i = 0; i < federationLimits.eventsWaitingMax + 100; i += 1) {
      client.publish('/leaf/meter', { value: wireValue(i) });
    }
    client.publish('/leaf/cue');
    net.flow();
    await net.settle();
    expect(heard.publishes).toEqual(['/leaf/cue=1']);
  });

  it('takes so many bytes of writes for an owner that reads nothing, and refuses the rest', async () => {
    const { net, hub, leaf } = await pair();
    const heard = await leaf.client();
    heard.subscribe(1, '/leaf/cue');
    net.waiting = (from) => (from === 'hub' ? full : 0);
    const client = await hub.client();
    const [count, value] = [300, wireValue('x'.repeat(60_000))];
    for (let i = 0; i < count; i += 1) {
      client.publish('/leaf/flow', { value, signal: 'stream' });
      client.publish('/leaf/cue', { value, signal: 'event' });
      client.say({ type: 'set', address: '/leaf/x', value, lock: false, unlock: false });
    }
    const fit = Math.ceil(federationLimits.cloggedBytesMax / 60_000);
    expect(client.errors).toHaveLength(count - fit);
    expect(client.errors[0]).toBe('503 too many writes wait for other routers');
    net.flow();
    await net.advance(1_000);
    expect(client.messages('ack')).toHaveLength(fit);
    expect(heard.publishes.length).toBeLessThanOrEqual(
      federationLimits.eventBytesWaitingMax / 60_000,
    );
    client.set('/leaf/x', 1);
    await net.settle();
    expect(leaf.value('/leaf/x')).toBe(1);
  });

  it('gets on without being told that its line has room', async () => {
    const { net, hub, leaf } = await pair();
    net.waiting = () => full;
    hub.set('/x', 1);
    leaf.set('/leaf/x', 1);
    net.waiting = () => 0;
    await net.advance(federationLimits.paceMs + 1);
    expect(leaf.value('/x')).toBe(1);
    expect(hub.value('/leaf/x')).toBe(1);
  });
});

describe('bounds', () => {
  it('a link may send more than a client', async () => {
    const { net, hub, leaf } = await pair({ messagesPerSecondMax: 100 });
    const set = (site: Site, count: number): void => {
      for (let i = 0; i < count; i += 1) {
        site.set(`/leaf/${i}`, i);
      }
    };
    set(leaf, 100 * federationLimits.peerRateFactor - 20);
    await net.settle();
    expect(hub.router.paramCount).toBe(100 * federationLimits.peerRateFactor - 20);
    expect(hub.router.figures.rateLimited).toBe(0);
    set(leaf, 200);
    await net.settle();
    expect(hub.router.figures.rateLimited).toBeGreaterThan(0);
  });

  it('revision vectors are cut to what a frame holds', () => {
    const entries = Array.from({ length: 30_000 }, (_, i) => ({ address: `/${i}`, revision: i }));
    const frames = [...revisionFrames(entries, 'r')];
    const found = frames.flatMap((frame) => {
      expect(frame.length).toBeLessThan(federationLimits.vectorBytesMax + 1_000);
      const { message } = decodeFrame(frame);
      return message.type === 'federation' ? message.revisions : [];
    });
    expect(found).toEqual(entries);
    expect([...revisionFrames([], 'r')]).toEqual([]);
    const brief = Array.from({ length: federationLimits.revisionsMax + 1 }, () => ({
      address: '/',
      revision: 1,
    }));
    expect([...revisionFrames(brief, 'r')].length).toBeGreaterThan(1);
  });

  it('writes that wait for other routers are as many as are allowed', () => {
    const clock = createHandClock();
    const asks = createAsks({ clock, timers: createTimers({ clock, log: silentLog }) });
    const open = () => asks.open({ linkId: 'l', address: '/x', settle: () => undefined });
    const { asksMax, asksPerLinkMax } = federationLimits;
    for (let i = 0; i < asksPerLinkMax; i += 1) {
      open();
    }
    expect(open()).toBeUndefined();
    const other = (i: number) =>
      asks.open({ linkId: `l${i}`, address: '/x', settle: () => undefined });
    for (let i = asksPerLinkMax; i < asksMax; i += 1) {
      expect(other(i)).toBeDefined();
    }
    expect(other(0)).toBeUndefined();
    asks.lost('l');
    expect(asks.size).toBe(asksMax - asksPerLinkMax);
    expect(open()).toBeDefined();
  });

  it('of each router it is remembered which publications came, up to a bound', () => {
    const seen = createSeen();
    const { seenMax, routersMax } = federationLimits;
    for (let id = 1; id <= seenMax + 10; id += 1) {
      expect(seen.isNew('r', id)).toBe(true);
    }
    expect([1, 5, 10, 11, seenMax].map((id) => seen.isNew('r', id))).toEqual(
      Array.from({ length: 5 }, () => false),
    );
    for (let i = 0; i < routersMax; i += 1) {
      seen.isNew(`other ${i}`, 1);
    }
    expect(seen.isNew('r', 1)).toBe(true); // the one that was silent for longest is forgotten
  });

  it('publications that come by several ways, in any order, are new once', () => {
    const { seenMax } = federationLimits;
    const ids = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 200 });
    fc.assert(
      fc.property(ids, fc.constantFrom(0, seenMax - 20), (came, before) => {
        const seen = createSeen();
        for (let id = 1; id <= before; id += 1) {
          seen.isNew('r', id);
        }
        const known = new Set<number>();
        for (const id of came) {
          // At most 20 of them are forgotten, and those count as known.
          const isNew = seen.isNew('r', before + id);
          expect(isNew && known.has(id)).toBe(false);
          expect(isNew || known.has(id) || (before > 0 && known.size > 20)).toBe(true);
          known.add(id);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('whose an address is stays true beyond the owners that are remembered', () => {
    const topology = new Topology('self', ['/mine/**']);
    for (let i = 0; i <= federationLimits.ownersMax; i += 1) {
      expect(topology.ownerOf(`/mine/${i}`)?.kind).toBe('self');
    }
    expect(topology.ownerOf('/theirs/1')).toBeUndefined();
    topology.claim('key', 'a desk', ['/theirs/**']);
    expect(topology.ownerOf('/theirs/1')).toEqual({ kind: 'peer', key: 'key' });
    topology.release('key');
    expect(topology.ownerOf('/theirs/1')).toBeUndefined();
    topology.state(['/theirs/*'], new Map());
    expect(topology.ownerOf('/theirs/1')).toEqual({ kind: 'self' });
  });

  it('events wait for their reader up to a bound, the oldest going first', async () => {
    const receiver = new EventReceiver();
    const { receiverEventsMax } = federationLimits;
    for (let i = 0; i < receiverEventsMax + 5; i += 1) {
      receiver.push({ type: 'connected', peer: `${i}` });
    }
    expect(receiver.lost).toBe(5);
    expect((await receiver.next()).value).toMatchObject({ peer: '5' });
    await receiver.return();
    expect(receiver.push({ type: 'connected', peer: 'late' })).toBeUndefined();
  });
});
