import { afterEach, describe, expect, it } from 'vitest';
import { wireValue } from '../frames/values.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

const names = ['a', 'b', 'c', 'd', 'e'] as const;

/** Each dials the next, the last the first; with `both`, the one before too. */
async function ring(count: number, both = false): Promise<readonly Site[]> {
  net = new Network();
  const ids = names.slice(0, count);
  const sites = ids.map((id, i) => {
    const next = ids[(i + 1) % count] ?? '';
    const before = ids[(i + count - 1) % count] ?? '';
    return net.site(id, {
      mode: { kind: 'mesh', peers: both ? [next, before] : [next] },
      ownedNamespaces: [`/site-${id}/**`],
    });
  });
  net.start();
  await net.advance(200);
  return sites;
}

function signals(): number {
  const types = ['set', 'bundle', 'snapshot'];
  return net.crossings.filter(({ message }) => types.includes(message.type)).length;
}

it('one with a hub of another kind is heard by those of its own kind too, at its own addresses', async () => {
  net = new Network();
  const theirs = net.site('theirs', {}, { isStranger: true });
  const kin = net.site('kin', { ownedNamespaces: ['/kin/**'] });
  const mode = { kind: 'mesh', peers: ['theirs', 'kin'] } as const;
  const own = net.site('own', { mode, ownedNamespaces: ['/own/**'] });
  net.start();
  await net.advance(200);
  const [far, near, sender] = [await kin.client(), await own.client(), await theirs.client()];
  [far, near].forEach((line) => line.subscribe(1, '/own/**'));
  sender.set('/own/x', 1);
  sender.publish('/own/cue', { value: wireValue('go') });
  await net.settle();
  for (const line of [far, near]) {
    expect([line.sets.length, line.publishes]).toEqual([1, ['/own/cue="go"']]);
    line.forget();
  }
  sender.publish('/own/touch', { signal: 'gesture', phase: 'start', id: 1 });
  await net.settle();
  net.cut('own', 'theirs');
  await net.settle();
  for (const line of [far, near]) {
    expect(line.messages('publish').map(({ phase }) => phase)).toEqual(['start', 'cancel']);
  }
});

describe.each([3, 4, 5])('a ring of %i routers', (count) => {
  it('links each to both of its neighbours, and is quiet', async () => {
    const sites = await ring(count);
    for (const { manager } of sites) {
      expect(manager.activePeers()).toHaveLength(2);
    }
    net.crossings.length = 0;
    await net.advance(5_000);
    expect(net.crossings).toEqual([]);
  });

  it('takes a change to every router once, over each link twice at most', async () => {
    const sites = await ring(count);
    const clients = await Promise.all(sites.map((site) => site.client()));
    clients.forEach((client) => client.subscribe(1, '/**'));
    net.crossings.length = 0;
    sites[0]?.set('/site-a/x', 1);
    await net.settle();
    for (const [i, client] of clients.entries()) {
      expect([i, client.sets]).toEqual([i, ['/site-a/x=1@1']]);
    }
    expect(signals()).toBeLessThanOrEqual(count + 1);
    await net.advance(10_000);
    expect(signals()).toBeLessThanOrEqual(count + 1);
  });

  it('takes a publication to every router once', async () => {
    const sites = await ring(count);
    const clients = await Promise.all(sites.map((site) => site.client()));
    clients.forEach((client) => client.subscribe(1, '/**'));
    net.crossings.length = 0;
    const publisher = await sites[0]?.client();
    publisher?.publish('/site-a/cue', { id: 5, timestamp: 77, rate: 60, signal: 'stream' });
    await net.settle();
    for (const client of clients) {
      const heard = client.messages('publish');
      expect(heard).toMatchObject([{ address: '/site-a/cue', id: 5, timestamp: 77, rate: 60 }]);
    }
    expect(signals()).toBeLessThanOrEqual(count + 1);
  });

  it('goes round the other way where a link is cut, and comes back', async () => {
    const sites = await ring(count);
    net.cut('a', 'b');
    await net.advance(100);
    sites[0]?.set('/site-a/x', 'round');
    await net.settle();
    expect(sites.map((site) => site.value('/site-a/x'))).toEqual(sites.map(() => 'round'));
    net.join('a', 'b');
    await net.advance(10_000);
    expect(sites[0]?.manager.endpoints()[0]).toMatchObject({ state: 'active' });
  });

  it('routes a write to its owner, whose order counts, and answers it', async () => {
    const sites = await ring(count);
    const client = await sites[0]?.client();
    client?.set('/site-c/x', 3);
    await net.settle();
    expect(client?.messages('ack')).toMatchObject([{ address: '/site-c/x', revision: 1 }]);
    expect(sites.map((site) => site.value('/site-c/x'))).toEqual(sites.map(() => 3));
  });
});

describe('a mesh', () => {
  it('in which each dials the other uses one of two lines', async () => {
    const sites = await ring(3, true);
    await net.advance(1_000);
    expect(net.lines).toBe(6);
    net.crossings.length = 0;
    sites[0]?.set('/site-a/x', 1);
    await net.settle();
    expect(sites.map((site) => site.value('/site-a/x'))).toEqual([1, 1, 1]);
    expect(signals()).toBeLessThanOrEqual(4);
  });

  it('lets no change pass more routers than the bound', async () => {
    const { hopsMax } = federationLimits;
    net = new Network();
    const ids = Array.from({ length: hopsMax + 4 }, (_, i) => `r${i}`);
    const sites = ids.map((id, i) =>
      net.site(id, {
        mode: { kind: 'mesh', peers: i === 0 ? [] : [`r${i - 1}`] },
        ownedNamespaces: [`/${id}/**`],
      }),
    );
    net.start();
    await net.advance(1_000);
    sites[0]?.set('/r0/x', 1);
    await net.settle();
    const reached = sites.filter((site) => site.value('/r0/x') === 1).length;
    expect(reached).toBe(hopsMax + 1);
  });

  it('refuses routers that own the same, and tells them why', async () => {
    net = new Network();
    const one = net.site('one', { ownedNamespaces: ['/shared/**'] });
    const mode = { kind: 'mesh', peers: ['one'] } as const;
    const two = net.site('two', { mode, ownedNamespaces: ['/shared/x'] });
    net.start();
    await net.advance(100);
    expect(two.manager.endpoints()[0]).toMatchObject({ state: 'disconnected' });
    expect(two.manager.endpoints()[0]?.reason).toContain('claimed already: this router');
    one.set('/shared/x', 1);
    await net.settle();
    expect(two.value('/shared/x')).toBeUndefined();
  });

  it('refuses a client what nobody owns, since each router would have its own', async () => {
    const sites = await ring(3);
    const client = await sites[0]?.client();
    client?.set('/nobody/x', 1);
    expect(client?.errors).toEqual([
      '403 this router does not own the address, and knows nobody who does',
    ]);
  });

  it('does not link a router to itself', async () => {
    net = new Network();
    const mode = { kind: 'mesh', peers: ['self'] } as const;
    const self = net.site('self', { mode, ownedNamespaces: ['/a/**'] });
    net.start();
    await net.advance(100);
    expect(self.manager.endpoints()[0]).toMatchObject({
      state: 'failed',
      reason: 'the endpoint is this very router',
    });
    expect(net.problems.splice(0)).toMatchObject([['signal-link.failed', {}]]);
  });
});
