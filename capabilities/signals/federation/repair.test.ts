// What a link brings when it comes up, and what revision vectors bring that was missed.
import { afterEach, describe, expect, it } from 'vitest';
import { allTypesMask } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;
let hub: Site;
let a: Site;
let b: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

const kinds = [
  { kind: 'of our own kind', isStranger: false },
  { kind: 'of another kind', isStranger: true },
];

async function star(isStranger: boolean, before: () => void = () => undefined): Promise<void> {
  net = new Network();
  hub = net.site('hub', { syncIntervalMs: 30_000 }, { isStranger });
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
  b = net.site('b', { mode, ownedNamespaces: ['/site-b/**'] });
  before();
  net.start();
  await net.advance(100);
}

function values(address: string): unknown[] {
  return [hub, a, b].map((site) => site.value(address));
}

describe.each(kinds)('with a hub $kind', ({ isStranger }) => {
  it('leaves become active', async () => {
    await star(isStranger);
    expect(a.manager.endpoints()[0]).toMatchObject({ state: 'active', attempts: 0, peer: 'hub' });
    expect(b.manager.endpoints()[0]).toMatchObject({ state: 'active' });
  });

  it('what one site sets is at the other', async () => {
    await star(isStranger);
    a.set('/site-a/light', 7);
    await net.settle();
    expect(values('/site-a/light')).toEqual([7, 7, 7]);
    a.set('/site-a/light', 8);
    b.set('/site-b/light', 9);
    await net.settle();
    expect(values('/site-a/light')).toEqual([8, 8, 8]);
    expect(values('/site-b/light')).toEqual([9, 9, 9]);
  });

  it('what one site publishes is heard at the other once, and not at home', async () => {
    await star(isStranger);
    const [near, far] = await Promise.all([a.client(), b.client()]);
    near.subscribe(1, '/**');
    far.subscribe(1, '/**');
    near.publish('/site-a/cue', { value: wireValue('go'), signal: 'event' });
    await net.advance(1_000);
    expect(far.publishes).toEqual(['/site-a/cue="go"']);
    expect(near.all).toEqual([]);
  });

  it('what was there before is told when the link comes up, in both directions', async () => {
    await star(isStranger, () => {
      for (let i = 0; i < 500; i += 1) {
        a.set(`/site-a/${i}`, i);
        b.set(`/site-b/${i}`, i);
      }
    });
    await net.advance(1_000);
    expect(Object.keys(hub.state())).toHaveLength(1_000);
    expect(a.state()).toEqual(hub.state());
    expect(b.state()).toEqual(hub.state());
  });

  it('nothing crosses that its router does not own', async () => {
    await star(isStranger, () => a.set('/private/x', 1));
    a.set('/private/y', 1);
    a.set('/site-a/x', 1);
    await net.advance(60_000);
    expect(Object.keys(hub.state())).toEqual(['/site-a/x']);
    const told = JSON.stringify(net.crossed('a', 'hub'));
    expect(told).not.toContain('/private');
  });

  it('what was lost on its way to the hub is repaired within the interval', async () => {
    await star(isStranger);
    net.loses = ({ from, message }) => from === 'a' && message.type === 'set';
    a.set('/site-a/x', 1);
    a.set('/site-a/y', 2);
    await net.settle();
    expect(values('/site-a/x')).toEqual([undefined, 1, undefined]);
    net.loses = () => false;
    await net.advance(45_000);
    expect(values('/site-a/x')).toEqual([1, 1, 1]);
    expect(values('/site-a/y')).toEqual([2, 2, 2]);
  });

  it('a write at the hub in the namespace of a leaf is at the leaf', async () => {
    await star(isStranger);
    const client = await hub.client();
    client.set('/site-a/x', 5);
    await net.settle();
    expect(client.messages('ack')).toHaveLength(1);
    expect(values('/site-a/x')).toEqual([5, 5, 5]);
  });

  it('a write of the owner while the link was down is there when it is up again', async () => {
    await star(isStranger);
    a.set('/site-a/x', 1);
    await net.settle();
    net.cut('a', 'hub');
    await net.advance(100);
    a.set('/site-a/x', 2);
    a.set('/site-a/y', 3);
    await net.advance(60_000);
    expect(values('/site-a/x')).toEqual([1, 2, 1]);
    net.join('a', 'hub');
    await net.advance(35_000);
    expect(values('/site-a/x')).toEqual([2, 2, 2]);
    expect(values('/site-a/y')).toEqual([3, 3, 3]);
  });

  it('a value that fills a frame is told too', async () => {
    await star(isStranger);
    const large = 'x'.repeat(65_440);
    a.set('/site-a/large', large);
    await net.advance(1_000);
    expect(values('/site-a/large')).toEqual([large, large, large]);
  });

  it('a lifetime goes with its param', async () => {
    await star(isStranger);
    const client = await a.client();
    client.set('/site-a/brief', 1, { ttl: 5 });
    await net.settle();
    expect(values('/site-a/brief')).toEqual([1, 1, 1]);
    await net.advance(6_000);
    expect(values('/site-a/brief')).toEqual([undefined, undefined, undefined]);
  });
});

describe('with a hub of our own kind', () => {
  it('what was lost on its way from the hub is repaired within the interval', async () => {
    await star(false);
    net.loses = ({ to, message }) => to === 'b' && message.type === 'set';
    a.set('/site-a/x', 1);
    hub.set('/lobby/x', 2);
    await net.settle();
    expect(values('/site-a/x')).toEqual([1, 1, undefined]);
    net.loses = () => false;
    await net.advance(30_000);
    expect(values('/site-a/x')).toEqual([1, 1, 1]);
    expect(values('/lobby/x')).toEqual([2, 2, 2]);
  });

  it('a leaf that lost its state takes it back from the others', async () => {
    await star(false);
    a.set('/site-a/x', 1);
    await net.settle();
    a.manager.stop();
    a.router.stop();
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    const again = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
    again.manager.start(again.router);
    await net.advance(1_000);
    expect(again.value('/site-a/x')).toBe(1);
    again.set('/site-a/x', 2);
    await net.settle();
    expect(hub.value('/site-a/x')).toBe(2);
    expect(b.value('/site-a/x')).toBe(2);
  });

  it('an owner whose clock went back is still believed', async () => {
    await star(false);
    a.set('/site-a/x', 1);
    await net.settle();
    a.clock.setSkew(-3_600_000);
    a.set('/site-a/x', 2);
    await net.settle();
    expect(values('/site-a/x')).toEqual([2, 2, 2]);
  });

  it('gives a site only what it may read', async () => {
    net = new Network();
    hub = net.site(
      'hub',
      {},
      {
        doorkeeper: {
          admit: ({ remote }) => ({
            allows: (_verb, pattern) => remote !== 'b' || !pattern.startsWith('/site-a'),
            subject: remote,
          }),
        },
      },
    );
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
    b = net.site('b', { mode, ownedNamespaces: ['/site-b/**'] });
    net.start();
    await net.advance(100);
    a.set('/site-a/x', 1);
    hub.set('/lobby/x', 1);
    await net.advance(60_000);
    expect(b.state()).toEqual({ '/lobby/x': 1 });
    const told = net.crossed('hub', 'b').filter(({ type }) => type !== 'federation');
    expect(JSON.stringify(told)).not.toContain('/site-a');
  });
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
