// A leaf of a published hub, whose end of the line is spoken by hand.
import { afterEach, describe, expect, it } from 'vitest';
import { allTypesMask } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { routerLimits } from '../router/limits.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;
let a: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

describe('with a published hub, which echoes', () => {
  interface Fake {
    readonly line: TestLine;
    said(): string[];
  }

  /** The far end of a link, spoken by hand. */
  function fakeHub(): Fake {
    net = new Network();
    const mode = { kind: 'leaf', hubEndpoint: 'nowhere' } as const;
    a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'], authToken: 'cpsk_1' });
    a.manager.start(a.router);
    const line = new TestLine({ accept: (end: never) => a.manager.createLink(end) } as never, {});
    return { line, said: () => line.types };
  }

  function welcome({ line }: Fake): void {
    const features = ['param', 'event'] as const;
    line.say({ type: 'welcome', version: 1, features, time: 1, session: 's', name: 'theirs' });
    line.say({ type: 'snapshot', params: [] });
  }

  it('says what a leaf says, in the order in which it is expected', () => {
    const fake = fakeHub();
    expect(fake.line.all).toMatchObject([
      {
        type: 'hello',
        version: 1,
        name: 'clasp-federation',
        token: 'cpsk_1',
        features: ['param', 'event', 'stream', 'federation'],
      },
    ]);
    fake.line.forget();
    welcome(fake);
    expect(fake.line.all).toMatchObject([
      { type: 'federation', op: 'declare', patterns: ['/site-a/**'], revisions: [], origin: 'a' },
    ]);
    fake.line.forget();
    fake.line.say({ type: 'ack' });
    expect(fake.line.all).toMatchObject([
      { type: 'subscribe', id: 1_000, pattern: '/**', types: allTypesMask },
      { type: 'federation', op: 'request', patterns: ['/site-a/**'], origin: 'a' },
    ]);
  });

  async function active(): Promise<Fake> {
    const fake = fakeHub();
    welcome(fake);
    fake.line.say({ type: 'ack' });
    fake.line.say({ type: 'snapshot', params: [] });
    const patterns = ['/site-a/**'];
    fake.line.say({ type: 'federation', op: 'complete', patterns, revisions: [], origin: 'x' });
    await net.settle();
    fake.line.forget();
    return fake;
  }

  it('passes over its own echo, and over what the hub put before it', async () => {
    const { line } = await active();
    const client = await a.client();
    client.subscribe(1, '/**');
    a.set('/site-a/x', 1);
    expect(line.sets).toEqual(['/site-a/x=1@undefined']);
    line.set('/site-a/x', 99, { revision: 1 }); // of a client of the hub, before ours
    line.set('/site-a/x', 1, { revision: 2 });
    line.say({ type: 'ack', address: '/site-a/x', revision: 2 });
    expect(a.value('/site-a/x')).toBe(1);
    line.set('/site-a/x', 5, { revision: 3 }); // and after ours
    expect(a.value('/site-a/x')).toBe(5);
    expect(client.sets).toEqual(['/site-a/x=1@1', '/site-a/x=5@2']);
    expect(line.sets).toHaveLength(1);
  });

  it('hears the moves of its own gestures once, though the hub tells them back', async () => {
    const { line } = await active();
    const [finger, watcher] = [await a.client(), await a.client()];
    watcher.subscribe(1, '/**');
    const touch = { type: 'publish', address: '/site-a/t', signal: 'gesture', id: 1 } as const;
    finger.say({ ...touch, phase: 'start' });
    finger.say({ ...touch, phase: 'move' });
    line.say({ ...touch, phase: 'move' });
    finger.say({ ...touch, phase: 'end' });
    line.say({ ...touch, phase: 'move' });
    line.say({ ...touch, id: 2, phase: 'start' }); // of a client of the hub
    line.say({ ...touch, id: 2, phase: 'move' });
    line.say({ ...touch, id: 2, phase: 'end' });
    line.say({ ...touch, id: 2, phase: 'move' });
    const told = watcher.messages('publish').map(({ id, phase }) => `${id} ${phase}`);
    expect(told).toEqual(['1 start', '1 move', '1 end', '2 start', '2 move', '2 end']);
  });

  it('hears the moves of so many gestures of a hub’s clients, and further starts and ends', async () => {
    const { line } = await active();
    const count = routerLimits.routerGesturesMax;
    const watcher = await a.client();
    watcher.subscribe(1, '/**');
    const touch = { type: 'publish', address: '/site-a/t', signal: 'gesture' } as const;
    for (let id = 0; id <= count; id += 1) {
      line.say({ ...touch, id, phase: 'start' });
    }
    watcher.forget();
    line.say({ ...touch, id: count - 1, phase: 'move' });
    line.say({ ...touch, id: count, phase: 'move' });
    line.say({ ...touch, id: count, phase: 'end' });
    const told = watcher.messages('publish').map(({ id = 0, phase }) => `${id - count} ${phase}`);
    expect(told).toEqual(['-1 move', '0 end']);
  });

  it('does not take back what its own time has ended when the hub tells how things stand', async () => {
    const { line } = await active();
    const param = { address: '/site-a/x', value: wireValue(1), revision: 3, timestamp: 1 };
    line.say({ type: 'snapshot', params: [{ ...param, address: '/lobby/x' }, param] });
    expect([a.value('/lobby/x'), a.value('/site-a/x')]).toEqual([1, undefined]);
  });

  it('asks anew from time to time for all that the hub has, and leaves nothing behind there', async () => {
    const { line } = await active();
    for (let second = 0; second < 660; second += 10) {
      line.say({ type: 'pong' });
      await net.advance(10_000);
    }
    const asked = line.all.filter(({ type }) => type === 'subscribe' || type === 'unsubscribe');
    expect(asked).toMatchObject([
      { type: 'unsubscribe', id: 1_000 },
      { type: 'subscribe', id: 1_000, pattern: '/**' },
    ]);
  });

  it('tells by revision vectors what it knows of the hub, of its own addresses alone', async () => {
    const { line } = await active();
    a.set('/site-a/x', 1);
    line.say({ type: 'ack', address: '/site-a/x', revision: 41 });
    line.set('/site-b/y', 5, { revision: 7 });
    expect(a.value('/site-b/y')).toBe(5);
    line.forget();
    await net.advance(30_000);
    expect(line.messages('federation')).toMatchObject([
      { op: 'revisions', revisions: [{ address: '/site-a/x', revision: 41 }], origin: 'a' },
    ]);
  });

  it('sends again what the hub never answered for', async () => {
    const { line } = await active();
    a.set('/site-a/x', 1);
    line.forget();
    await net.advance(30_000);
    expect(line.sets).toEqual(['/site-a/x=1@undefined']);
  });

  it('takes the later one of two values at the start, and pushes what the hub lacks', async () => {
    const fake = fakeHub();
    a.set('/site-a/mine', 'new');
    a.set('/site-a/theirs', 'old');
    a.set('/site-a/lacking', 1);
    a.set('/site-a/same', 1);
    welcome(fake);
    fake.line.say({ type: 'ack' });
    const nowUs = net.clock.now() * 1_000;
    const entry = (name: string, value: string | number, timestamp: number) => ({
      address: `/site-a/${name}`,
      value: wireValue(value),
      revision: 9,
      writer: 'w',
      timestamp,
    });
    const params = [
      entry('mine', 'old', nowUs - 1_000_000),
      entry('theirs', 'new', nowUs + 1_000_000),
      entry('same', 1, nowUs - 5),
    ];
    fake.line.say({ type: 'snapshot', params });
    fake.line.forget();
    const patterns = ['/site-a/**'];
    fake.line.say({ type: 'federation', op: 'complete', patterns, revisions: [], origin: 'x' });
    expect(a.value('/site-a/theirs')).toBe('new');
    expect(fake.line.sets.sort()).toEqual([
      '/site-a/lacking=1@undefined',
      '/site-a/mine="new"@undefined',
    ]);
  });

  it('pushes what stands here where a lock of ours kept out what the hub has', async () => {
    const { line } = await active();
    const client = await a.client();
    client.set('/site-a/x', 1, { lock: true });
    line.say({ type: 'ack', address: '/site-a/x', revision: 1 });
    line.forget();
    line.set('/site-a/x', 5, { revision: 9 });
    expect(a.value('/site-a/x')).toBe(1);
    expect(line.sets).toEqual(['/site-a/x=1@undefined']);
  });

  it('hears what is written at its own where the hub lets it hear no more', async () => {
    const { line } = await active();
    const refused = { type: 'error', code: 301, message: 'no right', address: '/**' } as const;
    line.say(refused);
    line.say(refused);
    expect(line.messages('subscribe')).toMatchObject([{ id: 1_000, pattern: '/site-a/**' }]);
  });

  it('subscribes anew where the hub says that it dropped something', async () => {
    const { line } = await active();
    line.say({ type: 'error', code: 503, message: 'overflow' });
    expect(line.messages('subscribe')).toMatchObject([{ id: 1_000, pattern: '/**' }]);
  });

  it('is pinged, and left when it has fallen silent', async () => {
    const { line } = await active();
    await net.advance(20_000);
    expect(line.types).toContain('ping');
    line.say({ type: 'pong' });
    await net.advance(50_000);
    expect(line.closedWith).toBeUndefined();
    await net.advance(40_000);
    expect(line.closedWith).toBe('the other router has fallen silent');
  });

  it('sends no suffix of ours', async () => {
    const { line } = await active();
    a.set('/site-a/x', 1);
    const golden = 2 + 2 + '/site-a/x'.length + 8;
    expect(line.frames.at(-1)).toHaveLength(4 + golden);
  });
});
