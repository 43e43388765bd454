// What the features of a configuration do: what they do not name crosses none of its links.
import { afterEach, describe, expect, it } from 'vitest';
import { signalTypes, type SignalType } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;
let hub: Site;
let leaf: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

async function linked(features: readonly string[], isStranger = false): Promise<void> {
  net = new Network();
  hub = net.site('hub', {}, { isStranger });
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  const all = [...features, 'federation'];
  leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'], features: all });
  net.start();
  await net.advance(100);
  expect(leaf.manager.endpoints()[0]?.state).toBe('active');
}

async function watching(site: Site): Promise<TestLine> {
  const line = await site.client();
  line.subscribe(1, '/**');
  return line;
}

/** Of every type one signal at the address; then what the watcher was told, by type. */
async function toldOf(sender: TestLine, address: string, watcher: TestLine): Promise<SignalType[]> {
  watcher.forget();
  sender.set(address, 1);
  for (const signal of signalTypes.slice(1)) {
    sender.publish(address, { signal, value: wireValue(signal) });
  }
  await net.settle();
  const published = watcher.messages('publish').map(({ signal }) => signal ?? 'event');
  const params = watcher.messages('set').map((): SignalType => 'param');
  return [...params, ...published];
}

const cases: readonly (readonly [string, readonly SignalType[], readonly SignalType[]])[] = [
  ['of the table', ['param', 'event', 'stream'], signalTypes],
  ['of none', [], signalTypes],
  ['without streams', ['param', 'event'], ['param', 'event', 'gesture', 'timeline']],
  ['of params alone', ['param'], ['param']],
  ['of gestures alone', ['gesture'], ['gesture']],
  ['of streams and timelines', ['stream', 'timeline'], ['stream', 'timeline']],
];

describe.each(cases)('a link %s', (_name, features, carried) => {
  it.each([false, true])('carries them alone, the hub being of another kind: %s', async (other) => {
    await linked(features, other);
    const [here, there] = [await leaf.client(), await hub.client()];
    const [atLeaf, atHub] = [await watching(leaf), await watching(hub)];
    expect(await toldOf(here, '/leaf/x', atHub)).toEqual(carried);
    expect(await toldOf(there, '/lobby/x', atLeaf)).toEqual(carried);
  });

  it('carries writes to their owner, and refuses others with the reason', async () => {
    await linked(features);
    const far = await hub.client();
    const atLeaf = await watching(leaf);
    expect(await toldOf(far, '/leaf/x', atLeaf)).toEqual(carried);
    const left = signalTypes.filter((type) => !carried.includes(type));
    expect(far.errors).toEqual(
      left.map(
        (type) => `403 the link to the owner of this address carries nothing of type ${type}`,
      ),
    );
  });
});

it('params that a link does not carry are not told by snapshots or by revisions either', async () => {
  net = new Network();
  hub = net.site('hub', {});
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  const features = ['event', 'federation'];
  leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'], features, syncIntervalMs: 1_000 });
  hub.set('/lobby/x', 1);
  leaf.set('/leaf/x', 1);
  net.start();
  await net.advance(5_000);
  expect([hub.value('/leaf/x'), leaf.value('/lobby/x')]).toEqual([undefined, undefined]);
  const told = (from: string, to: string) =>
    net.crossed(from, to).filter(({ type }) => type === 'set' || type === 'snapshot');
  expect(told('leaf', 'hub')).toEqual([]);
  expect(told('hub', 'leaf')).toMatchObject([{ type: 'snapshot' }]); // what WELCOME comes with
});

describe('two routers that name different features', () => {
  const meet = async (ofHub: readonly string[], ofLeaf: readonly string[]): Promise<void> => {
    net = new Network();
    hub = net.site('hub', { features: [...ofHub, 'federation'] });
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    const features = [...ofLeaf, 'federation'];
    leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'], features });
    net.start();
    await net.advance(100);
  };

  it('carry what both name, whoever dialled', async () => {
    for (const [ofHub, ofLeaf] of [
      [
        ['param', 'stream'],
        ['param', 'event'],
      ],
      [
        ['param', 'event'],
        ['param', 'stream'],
      ],
    ] as const) {
      await meet(ofHub, ofLeaf);
      const [here, there] = [await leaf.client(), await hub.client()];
      const [atLeaf, atHub] = [await watching(leaf), await watching(hub)];
      expect(await toldOf(here, '/leaf/x', atHub)).toEqual(['param']);
      expect(await toldOf(there, '/lobby/x', atLeaf)).toEqual(['param']);
      net.stop();
    }
  });

  it('of a mesh do so too, though one link of two is used', async () => {
    for (const narrow of ['x', 'y']) {
      net = new Network();
      const meshOf = (id: string, peer: string): Site =>
        net.site(id, {
          mode: { kind: 'mesh', peers: [peer] },
          ownedNamespaces: [`/${id}/**`],
          features: id === narrow ? ['param', 'federation'] : ['param', 'stream', 'federation'],
        });
      const [x, y] = [meshOf('x', 'y'), meshOf('y', 'x')];
      net.start();
      await net.advance(100);
      expect(await toldOf(await x.client(), '/x/x', await watching(y))).toEqual(['param']);
      expect(await toldOf(await y.client(), '/y/x', await watching(x))).toEqual(['param']);
      net.stop();
    }
  });

  it('tell a peer of another kind no params that it does not name', async () => {
    net = new Network();
    hub = net.site('hub', {});
    net.start();
    hub.set('/s/x', 1);
    const line = new TestLine(hub.router, {});
    line.say({ type: 'hello', version: 1, features: ['event', 'federation'], name: 'stranger' });
    await net.settle();
    line.say({ type: 'federation', op: 'declare', patterns: ['/s/**'], revisions: [] });
    line.forget();
    hub.set('/s/x', 2);
    line.say({ type: 'federation', op: 'request', patterns: ['/s/**'], revisions: [] });
    const revisions = [{ address: '/s/x', revision: 1 }];
    line.say({ type: 'federation', op: 'revisions', patterns: [], revisions });
    await net.settle();
    expect(line.types).toEqual(['federation']);
  });
});
