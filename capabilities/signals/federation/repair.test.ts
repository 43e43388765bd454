// What a link brings when it comes up, and what revision vectors bring that was missed.
import { afterEach, describe, expect, it } from 'vitest';
import { wireValue } from '../frames/values.ts';
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
