// A router that links properly and then lies: about others, about time, about what is whose.
import { toHex } from '@hansa/foundation';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame, encodePayload } from '../frames/encode.ts';
import { decodeFrame } from '../frames/decode.ts';
import type { SetMessage } from '../frames/messages.ts';
import { wireValue, type SignalValue } from '../frames/values.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { createSeededRandom } from '../../../testkit/seeded-random.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site } from './sites.suite.ts';
import { advertMessage, suffixedFrame, suffixedMessage, suffixOf, type Suffix } from './suffix.ts';

let net: Network;
let hub: Site;
let a: Site;

function setOf(address: string, value: SignalValue): SetMessage {
  return { type: 'set', address, value: wireValue(value), lock: false, unlock: false };
}

class Liar {
  readonly line: TestLine;

  constructor() {
    this.line = new TestLine(hub.router, {});
    const features = ['param', 'event', 'federation'] as const;
    this.line.say({ type: 'hello', version: 1, features, name: 'evil' });
  }

  advert(routerId: string, patterns: readonly string[], neighbours: readonly string[] = ['hub']) {
    const stamp = (net.clock.now() + 1_000) * 1_000;
    this.line.say(advertMessage({ routerId, stamp, patterns, neighbours }));
  }

  told(message: SetMessage, more: Partial<Suffix> = {}): void {
    const stamp = net.clock.now() * 1_000 + 5_000_000;
    const base = { kind: 'told', hops: 1, stamp, id: 0, origin: 'evil', writer: '' } as const;
    this.line.raw(suffixedMessage(message, { ...base, ...more }));
  }

  published(address: string, more: Partial<Suffix>): void {
    const stamp = net.clock.now() * 1_000;
    const base = { kind: 'told', hops: 1, stamp, id: 0, origin: 'evil', writer: '' } as const;
    const message = { type: 'publish', address, signal: 'event', value: wireValue(1) } as const;
    this.line.raw(suffixedMessage(message, { ...base, ...more }));
  }
}

async function liar(): Promise<Liar> {
  net = new Network();
  hub = net.site('hub', {});
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
  net.start();
  await net.advance(100);
  a.set('/site-a/x', 1);
  hub.set('/lobby/x', 1);
  const made = new Liar();
  await net.settle();
  made.advert('evil', ['/evil/**'], ['hub', 'a']);
  await net.settle();
  made.line.forget();
  return made;
}

describe('a router that lies', () => {
  afterEach(() => {
    net.stop();
    expect(net.problems).toEqual([]);
  });

  it('may write what is its own', async () => {
    const evil = await liar();
    evil.told(setOf('/evil/x', 7));
    await net.settle();
    expect(hub.value('/evil/x')).toBe(7);
    expect(a.value('/evil/x')).toBe(7);
  });

  it('changes nothing of another router, nor of the hub, nor of nobody', async () => {
    const evil = await liar();
    evil.told(setOf('/site-a/x', 666), { origin: 'a' });
    evil.told(setOf('/site-a/new', 666));
    evil.told(setOf('/lobby/x', 666), { origin: 'hub' });
    const entry = { value: wireValue(666), revision: net.clock.now() * 1_000 + 9, writer: 'a' };
    evil.line.say({ type: 'snapshot', params: [{ address: '/site-a/x', ...entry }] });
    await net.advance(60_000);
    expect([hub.value('/site-a/x'), a.value('/site-a/x')]).toEqual([1, 1]);
    expect([hub.value('/lobby/x'), hub.value('/site-a/new')]).toEqual([1, undefined]);
    expect(hub.manager.figures.refused).toBeGreaterThan(3);
  });

  it('does not stand in for a router by telling of it', async () => {
    const evil = await liar();
    evil.advert('a', ['/site-a/**', '/evil/**'], ['evil']);
    evil.advert('ghost', ['/site-a/**'], ['evil']);
    evil.told(setOf('/site-a/x', 666), { origin: 'a' });
    await net.settle();
    expect(hub.value('/site-a/x')).toBe(1);
    const client = await hub.client();
    client.set('/site-a/x', 2);
    await net.settle();
    expect(a.value('/site-a/x')).toBe(2);
  });

  it('does not block an address by a stamp of the far future', async () => {
    const evil = await liar();
    evil.told(setOf('/evil/x', 1), { stamp: Number.MAX_SAFE_INTEGER });
    await net.settle();
    expect(hub.value('/evil/x')).toBeUndefined();
    evil.line.say({
      type: 'federation',
      op: 'revisions',
      patterns: [],
      revisions: [{ address: '/lobby/x', revision: Number.MAX_SAFE_INTEGER }],
    });
    hub.set('/lobby/x', 2);
    await net.settle();
    expect(a.value('/lobby/x')).toBe(2);
  });

  it('silences no other router by numbers of its publications', async () => {
    const evil = await liar();
    const now = net.clock.now() * 1_000;
    for (const stamp of [Number.MAX_SAFE_INTEGER, now + 50_000_000]) {
      evil.published('/evil/x', { origin: 'a', stamp });
    }
    for (let i = 0; i < federationLimits.seenMax + 1; i += 1) {
      evil.published('/evil/x', { origin: 'a', stamp: now + 40_000_000 + i });
    }
    const heard = await hub.client();
    heard.subscribe(1, '/**');
    heard.forget();
    const client = await a.client();
    client.publish('/site-a/cue');
    await net.settle();
    expect(heard.messages('publish').map(({ address }) => address)).toEqual(['/site-a/cue']);
    const refused = hub.manager.figures.refused;
    evil.published('/evil/x', { stamp: Number.MAX_SAFE_INTEGER });
    expect(hub.manager.figures.refused).toBe(refused + 1);
    evil.published('/evil/x', {});
    await net.settle();
    expect(heard.messages('publish')).toHaveLength(2);
  });

  it('publishes nothing at our own addresses, under whatever name', async () => {
    const evil = await liar();
    const heard = await hub.client();
    heard.subscribe(1, '/**');
    heard.forget();
    for (const origin of ['evil', 'a', 'hub', 'nobody']) {
      evil.published('/lobby/cue', { origin });
    }
    await net.settle();
    expect(heard.messages('publish')).toEqual([]);
  });

  it('answers no write that it was not asked for', async () => {
    const evil = await liar();
    net.loses = ({ to, message }) => to === 'a' && message.type === 'set';
    const client = await hub.client();
    client.set('/site-a/x', 2);
    for (let id = 1; id < 50; id += 1) {
      evil.line.say({ type: 'ack', address: '/site-a/x', revision: 1, correlationId: id });
    }
    await net.settle();
    expect(client.messages('ack')).toEqual([]);
  });

  it('gets no more hops for a change than others', async () => {
    const evil = await liar();
    evil.told(setOf('/evil/x', 7), { hops: federationLimits.hopsMax + 1 });
    await net.settle();
    expect(hub.value('/evil/x')).toBeUndefined();
  });

  it('claims nothing more for itself than may be claimed', async () => {
    const evil = await liar();
    evil.advert('evil', ['/evil/**', '/site-a/x']);
    evil.told(setOf('/site-a/x', 666));
    await net.settle();
    expect(hub.value('/site-a/x')).toBe(1);
  });

  it('finds the number of routers bounded', async () => {
    const evil = await liar();
    const { routersMax } = federationLimits;
    const ids = Array.from({ length: routersMax + 50 }, (_, i) => `g${i}`);
    evil.advert('evil', ['/evil/**'], ['hub', ...ids.slice(0, routersMax - 1)]);
    ids.forEach((id) => evil.advert(id, [`/${id}/**`], ['evil']));
    await net.settle();
    expect(hub.manager.knownRouters).toBeLessThanOrEqual(routersMax);
    a.set('/site-a/x', 3);
    await net.settle();
    expect(hub.value('/site-a/x')).toBe(3);
  });

  it('tells of routers at a pace, and what was too much when it is told again', async () => {
    const evil = await liar();
    const { advertsPerSecondMax, patternsMax } = federationLimits;
    const patterns = Array.from({ length: patternsMax }, (_, i) => `/far/${i}`);
    const tell = (stamp: number): void =>
      evil.line.say(advertMessage({ routerId: 'far', stamp, patterns, neighbours: ['evil'] }));
    const passedOn = (): number =>
      net
        .crossed('hub', 'a')
        .filter((message) => message.type === 'federation' && message.origin === 'far').length;
    const fair = advertsPerSecondMax / patternsMax;
    for (let stamp = 1; stamp <= fair + 20; stamp += 1) {
      tell(stamp);
    }
    await net.settle();
    expect(passedOn()).toBeGreaterThan(fair / 2);
    expect(passedOn()).toBeLessThanOrEqual(fair);
    const before = passedOn();
    await net.advance(1_000);
    tell(fair + 20);
    await net.settle();
    expect(passedOn()).toBe(before + 1);
  });

  it('brings nothing down by frames that are cut or changed', async () => {
    const evil = await liar();
    const random = createSeededRandom(5);
    const suffix = {
      kind: 'asked',
      hops: 1,
      stamp: 9,
      id: 3,
      origin: 'evil',
      writer: 'w',
    } as const;
    const frames = [
      suffixedMessage(setOf('/site-a/x', 'text'), suffix),
      suffixedMessage({ type: 'publish', address: '/site-a/x', signal: 'event' }, suffix),
      encodeFrame(
        advertMessage({ routerId: 'evil', stamp: 5, patterns: ['/evil/**'], neighbours: ['hub'] }),
      ),
    ];
    for (let i = 0; i < 20_000; i += 1) {
      const bytes = random.pick(frames).slice();
      for (let flips = random.integer(4); flips >= 0; flips -= 1) {
        bytes[4 + random.integer(bytes.length - 4)] = random.integer(256);
      }
      const cut = bytes.subarray(0, 4 + random.integer(bytes.length - 3));
      new DataView(cut.buffer, cut.byteOffset).setUint16(2, cut.length - 4);
      evil.line.raw(cut);
    }
    await net.settle();
    expect(hub.router.sessions.size).toBeGreaterThan(1);
  });
});

describe('the suffix', () => {
  const suffix: Suffix = {
    kind: 'told',
    hops: 3,
    stamp: 1_767_225_600_000_123,
    id: 77,
    origin: 'router',
    writer: 'router/session',
  };

  it.each([
    setOf('/a/b', 0.5),
    { ...setOf('/a/ü', 'text'), revision: 7, ttl: 60 },
    { type: 'publish', address: '/a', signal: 'stream', value: wireValue(1), rate: 60 } as const,
    {
      type: 'publish',
      address: '/a',
      signal: 'gesture',
      phase: 'move',
      id: 5,
      timestamp: 7,
    } as const,
  ])('comes back as it was, behind %o', (message) => {
    const frame = decodeFrame(suffixedMessage(message, suffix));
    const found = suffixOf(frame);
    expect(found?.suffix).toEqual(suffix);
    expect(found?.message).toMatchObject(message);
  });

  it('leaves what old decoders read as it was, and is no rate of a PUBLISH', () => {
    const message = setOf('/a/b', 0.5);
    const frame = decodeFrame(suffixedFrame(encodePayload(message), true, suffix));
    expect(frame.message).toMatchObject(message);
    const publish = { type: 'publish', address: '/a', signal: 'stream' } as const;
    const bundle = decodeFrame(suffixedMessage(publish, suffix)).message;
    expect(bundle).toMatchObject({ type: 'bundle', members: [{ message: { rate: undefined } }] });
  });

  it('names nobody by more than writerBytesMax, and no router by more than its own bound', () => {
    const { routerIdBytesMax, writerBytesMax } = federationLimits;
    const read = (more: Partial<Suffix>) =>
      suffixOf(decodeFrame(suffixedMessage(setOf('/a', 1), { ...suffix, ...more })));
    expect(read({ writer: 'w'.repeat(writerBytesMax) })).toBeDefined();
    expect(read({ writer: 'w'.repeat(writerBytesMax + 1) })).toBeUndefined();
    expect(read({ origin: 'r'.repeat(routerIdBytesMax) })).toBeDefined();
    expect(read({ origin: 'r'.repeat(routerIdBytesMax + 1) })).toBeUndefined();
  });

  it('is as the protocol has it, byte for byte', () => {
    const golden =
      '53410027 21 07 00042f612f62 3fe0000000000000 ' +
      '484e5331 00 01 0000000000000009 00000000 000172 0000';
    const told = { kind: 'told', hops: 1, stamp: 9, id: 0, origin: 'r', writer: '' } as const;
    const frame = suffixedMessage(setOf('/a/b', 0.5), told);
    expect(toHex(frame)).toBe(golden.replaceAll(' ', ''));
  });

  it('is not seen in frames without one', () => {
    expect(suffixOf(decodeFrame(encodeFrame(setOf('/a/b', 1))))).toBeUndefined();
  });
});
