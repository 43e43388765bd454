// How long a router keeps what another one owns: as long as that one has it, and no longer.
import { afterEach, describe, expect, it } from 'vitest';
import { Network, type Site } from './sites.suite.ts';

let net: Network;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

const forgetting = { options: { paramTtlSeconds: 100, sessionIdleMs: 0 } };

/** Three in a ring, of which `a` keeps its params for so long; the others 100 seconds. */
async function ring(ownerTtlSeconds: number): Promise<readonly Site[]> {
  net = new Network();
  const peers: Readonly<Record<string, string>> = { a: 'b', b: 'c', c: 'a' };
  const sites = Object.entries(peers).map(([id, peer]) => {
    const mode = { kind: 'mesh', peers: [peer] } as const;
    const config = { mode, ownedNamespaces: [`/${id}/**`], syncIntervalMs: 30_000 };
    return net.site(
      id,
      config,
      id === 'a' ? { options: { paramTtlSeconds: ownerTtlSeconds } } : forgetting,
    );
  });
  net.start();
  await net.advance(200);
  return sites;
}

it('stays where nobody reads it while its owner has it, and is told once', async () => {
  const [owner, ...others] = await ring(0);
  owner?.set('/a/x', 1);
  await net.settle();
  const watchers = await Promise.all(others.map((site) => site.client()));
  watchers.forEach((line) => line.subscribe(1, '/a/**'));
  watchers.forEach((line) => line.forget());
  await net.advance(1_000_000);
  expect(others.map((site) => site.value('/a/x'))).toEqual([1, 1]);
  watchers.forEach((line) => expect(line.all.filter(({ type }) => type === 'set')).toEqual([]));
});

it('goes when its owner has forgotten it: the others do not keep it for each other', async () => {
  const sites = await ring(200);
  sites[0]?.set('/a/x', 1);
  await net.advance(199_000);
  expect(sites.map((site) => site.value('/a/x'))).toEqual([1, 1, 1]);
  await net.advance(2_000);
  expect(sites[0]?.value('/a/x')).toBeUndefined();
  await net.advance(131_000); // what was confirmed last, and a lifetime
  expect(sites.map((site) => site.value('/a/x'))).toEqual([undefined, undefined, undefined]);
});

it('is as old as its last writer said where it ends at a fixed time', async () => {
  const [owner, ...others] = await ring(0);
  const client = await owner?.client();
  client?.set('/a/x', 1, { ttl: 0x8000_0000 + 120 });
  await net.advance(119_000);
  expect(others.map((site) => site.value('/a/x'))).toEqual([1, 1]);
  await net.advance(3_000);
  expect(others.map((site) => site.value('/a/x'))).toEqual([undefined, undefined]);
});

it('stays two routers away from its owner too', async () => {
  net = new Network();
  const chain = [
    { id: 'a', peer: 'b', ttl: 0 },
    { id: 'b', peer: 'c', ttl: 100 },
    { id: 'c', peer: 'd', ttl: 100 },
    { id: 'd', peer: undefined, ttl: 100 },
  ].map(({ id, peer, ttl }) => {
    const mode = { kind: 'mesh', peers: peer === undefined ? [] : [peer] } as const;
    const options = { options: { paramTtlSeconds: ttl } };
    return net.site(id, { mode, ownedNamespaces: [`/${id}/**`] }, options);
  });
  net.start();
  await net.advance(200);
  chain[0]?.set('/a/x', 1);
  await net.advance(1_000_000);
  expect(chain.map((site) => site.value('/a/x'))).toEqual([1, 1, 1, 1]);
});

describe('what a hub of another kind has', () => {
  async function leafOf(): Promise<{ readonly hub: Site; readonly leaf: Site }> {
    net = new Network();
    const hub = net.site('hub', {}, { isStranger: true });
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    const options = { options: { paramTtlSeconds: 3_600, sessionIdleMs: 0 } };
    const leaf = net.site('leaf', { mode, ownedNamespaces: ['/leaf/**'] }, options);
    net.start();
    await net.advance(200);
    return { hub, leaf };
  }

  it('stays at its leaves while it is there', async () => {
    const { hub, leaf } = await leafOf();
    hub.set('/lobby/x', 1);
    await net.settle();
    const watcher = await leaf.client();
    watcher.subscribe(1, '/**');
    watcher.forget();
    await net.advance(20_000_000);
    expect(leaf.value('/lobby/x')).toBe(1);
    expect(watcher.types).toEqual([]);
  });

  it('is there in the end though it was lost on its way', async () => {
    const { hub, leaf } = await leafOf();
    net.loses = ({ to, message }) => to === 'leaf' && message.type === 'set';
    hub.set('/lobby/x', 1);
    await net.settle();
    net.loses = () => false;
    expect(leaf.value('/lobby/x')).toBeUndefined();
    await net.advance(630_000);
    expect(leaf.value('/lobby/x')).toBe(1);
  });
});
