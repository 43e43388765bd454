import { afterEach, describe, expect, it } from 'vitest';
import { Network, type Site } from './sites.suite.ts';

const networks: Network[] = [];

function network(seed = 1): Network {
  const made = new Network(seed);
  networks.push(made);
  return made;
}

afterEach(() => {
  networks.splice(0).forEach((one) => {
    one.stop();
    expect(one.problems).toEqual([]);
  });
});

interface Star {
  readonly net: Network;
  readonly hub: Site;
  readonly a: Site;
  readonly b: Site;
}

async function star(options: { readonly isStranger?: boolean } = {}): Promise<Star> {
  const net = network();
  const hub = net.site('hub', { mode: { kind: 'hub' } }, options);
  const leaf = { mode: { kind: 'leaf', hubEndpoint: 'hub' } } as const;
  const a = net.site('a', { ...leaf, ownedNamespaces: ['/site-a/**'] });
  const b = net.site('b', { ...leaf, ownedNamespaces: ['/site-b/**'] });
  net.start();
  await net.advance(100);
  return { net, hub, a, b };
}

describe.each([{ isStranger: false }, { isStranger: true }])('two leaves and a hub %o', (kind) => {
  it('become active', async () => {
    const { a, b } = await star(kind);
    expect(a.manager.endpoints()[0]).toMatchObject({ state: 'active', attempts: 0 });
    expect(b.manager.endpoints()[0]).toMatchObject({ state: 'active' });
  });

  it('carry what one sets to the other', async () => {
    const { net, hub, a, b } = await star(kind);
    a.set('/site-a/light', 7);
    await net.settle();
    expect(hub.value('/site-a/light')).toBe(7);
    expect(b.value('/site-a/light')).toBe(7);
    a.set('/site-a/light', 8);
    b.set('/site-b/light', 9);
    await net.settle();
    expect(b.value('/site-a/light')).toBe(8);
    expect(a.value('/site-b/light')).toBe(9);
  });
});
