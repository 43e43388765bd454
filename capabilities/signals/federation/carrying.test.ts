// Writes at addresses that another site owns: judged there, or refused; never taken on both sides.
import { HansaError } from '@hansa/foundation';
import { afterEach, describe, expect, it } from 'vitest';
import { encodePayload } from '../frames/encode.ts';
import { wireValue } from '../frames/values.ts';
import { covers } from '../patterns/covering.ts';
import { guardWhileHeld } from '../router/holding.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site, type SiteOptions } from './sites.suite.ts';

let net: Network;
let hub: Site;
let a: Site;
let b: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

async function star(options: SiteOptions = {}): Promise<void> {
  net = new Network();
  hub = net.site('hub', {}, options);
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
  b = net.site('b', { mode, ownedNamespaces: ['/site-b/**'] });
  net.start();
  await net.advance(100);
}

function values(address: string): unknown[] {
  return [hub, a, b].map((site) => site.value(address));
}

describe('a write at another site', () => {
  it('is judged by its owner, told to all, and then acknowledged', async () => {
    await star();
    const client = await b.client();
    client.subscribe(1, '/**');
    client.set('/site-a/x', 5);
    expect(client.types).toEqual([]);
    await net.settle();
    expect(client.types).toEqual(['set', 'ack']);
    expect(values('/site-a/x')).toEqual([5, 5, 5]);
    expect(client.messages('ack')).toMatchObject([{ address: '/site-a/x', revision: 1 }]);
  });

  it('ends alike everywhere where all write at once', async () => {
    await star();
    const clients = await Promise.all([hub, a, b].map((site) => site.client()));
    for (let round = 0; round < 20; round += 1) {
      clients.forEach((client, i) => client.set('/site-a/x', `${i} ${round}`));
    }
    await net.settle();
    const [first, ...others] = values('/site-a/x');
    expect(first).toBeDefined();
    expect(others).toEqual([first, first]);
    clients.forEach((client) => expect(client.messages('ack')).toHaveLength(20));
  });

  it('is refused while its owner cannot be reached, and changes nothing', async () => {
    await star();
    net.cut('a', 'hub');
    await net.advance(10);
    const client = await b.client();
    client.set('/site-a/x', 5);
    client.publish('/site-a/x');
    await net.settle();
    expect(client.errors).toEqual([
      '502 a owns this address and cannot be reached',
      '502 a owns this address and cannot be reached',
    ]);
    expect(values('/site-a/x')).toEqual([undefined, undefined, undefined]);
  });

  it('at a leaf that is linked to nobody yet is refused as one that cannot be brought there', async () => {
    net = new Network();
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
    net.start();
    const client = await a.client();
    client.set('/elsewhere/x', 1);
    client.set('/site-a/x', 1);
    expect(client.errors).toEqual(['502 the hub cannot be reached']);
    expect(a.value('/site-a/x')).toBe(1);
  });

  it('is not taken by an owner that may have been replaced', async () => {
    await star();
    guardWhileHeld(a.router, () => {
      throw new HansaError('NODE_DEPOSED', 'this node is not active any more');
    });
    const client = await b.client();
    client.set('/site-a/x', 5);
    client.publish('/site-a/x');
    await net.settle();
    expect(client.errors).toEqual(['500 this node is not active any more']);
    expect(values('/site-a/x')).toEqual([undefined, undefined, undefined]);
    expect(a.router.figures.publishes).toBe(0);
  });

  it('is told of in time where the owner does not answer', async () => {
    await star();
    net.loses = ({ to, message }) => to === 'a' && message.type === 'set';
    const client = await b.client();
    client.set('/site-a/x', 5);
    await net.advance(federationLimits.askMs);
    expect(client.errorCodes).toEqual([502]);
  });

  it('is told of at once where the link to the owner breaks', async () => {
    await star();
    net.loses = ({ to, message }) => to === 'a' && message.type === 'set';
    const client = await b.client();
    client.set('/site-a/x', 5);
    net.breakLines('b', 'hub');
    await net.settle();
    expect(client.errors).toEqual([
      '502 the link to the router that owns the address was lost: the write may have been done',
    ]);
  });

  it('is refused as the owner refuses it', async () => {
    await star();
    const holder = await a.client();
    holder.set('/site-a/x', 1, { lock: true });
    const client = await b.client();
    client.set('/site-a/x', 2);
    await net.settle();
    expect(client.errorCodes).toEqual([400]);
    expect(client.errors[0]).toContain('LockHeld');
    expect(values('/site-a/x')).toEqual([1, 1, 1]);
  });

  it('counts against a lock that was taken elsewhere before its owner came', async () => {
    net = new Network();
    hub = net.site('hub', {});
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
    b = net.site('b', { mode, ownedNamespaces: ['/site-b/**'] });
    const holder = await hub.client();
    holder.set('/site-a/x', 'held', { lock: true });
    a.set('/site-a/x', 1);
    net.start();
    await net.advance(31_000); // revisions have been compared
    expect(values('/site-a/x')).toEqual([1, 1, 1]);
    expect(hub.router.get('/site-a/x')?.holder).toBeUndefined();
    a.set('/site-a/x', 2);
    await net.settle();
    expect(values('/site-a/x')).toEqual([2, 2, 2]);
  });

  it('takes no lock there', async () => {
    await star();
    const client = await b.client();
    client.set('/site-a/x', 2, { lock: true });
    expect(client.errors).toEqual(['403 a lock is taken at the router that owns the address']);
  });

  it('is refused where it expects a revision that is not the newest', async () => {
    await star();
    a.set('/site-a/x', 1);
    await net.settle();
    const client = await b.client();
    client.set('/site-a/x', 2, { revision: 7 });
    expect(client.errorCodes).toEqual([400]);
    client.set('/site-a/x', 2, { revision: 1 });
    a.set('/site-a/x', 3); // before the write of b arrives
    await net.settle();
    expect(client.errorCodes).toEqual([400, 400]);
    expect(values('/site-a/x')).toEqual([3, 3, 3]);
    client.set('/site-a/x', 4, { revision: b.router.get('/site-a/x')?.revision });
    await net.settle();
    expect(values('/site-a/x')).toEqual([4, 4, 4]);
  });

  it('is refused in a bundle, which could not be all or nothing', async () => {
    await star();
    const client = await b.client();
    const member = (address: string) => {
      const message = { type: 'set', address, value: wireValue(1), lock: false, unlock: false };
      return { message, payload: encodePayload(message as never) } as never;
    };
    client.say({ type: 'bundle', members: [member('/site-b/x'), member('/site-a/x')] });
    await net.settle();
    expect(client.errors).toEqual([
      '403 a owns this address: it is written alone, not in a bundle',
    ]);
    expect(b.value('/site-b/x')).toBeUndefined();
  });

  it('is not carried for a session that has no right to it', async () => {
    net = new Network();
    const door = {
      admit: () => ({
        allows: (verb: string, pattern: string) =>
          verb !== 'write' || covers('/site-b/**', pattern),
        subject: 'c',
      }),
    };
    hub = net.site('hub', {});
    const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
    a = net.site('a', { mode, ownedNamespaces: ['/site-a/**'] });
    b = net.site('b', { mode, ownedNamespaces: ['/site-b/**'] }, { doorkeeper: door });
    net.start();
    await net.advance(100);
    const client = await b.client();
    client.set('/site-a/x', 1);
    expect(client.errorCodes).toEqual([301]);
  });

  it('is refused by the hub where the site that asks has no right to it', async () => {
    await star({
      doorkeeper: {
        admit: ({ name, remote }) => ({
          allows: (verb, pattern) =>
            remote !== 'b' || verb !== 'write' || covers('/site-b/**', pattern),
          subject: name,
        }),
      },
    });
    const client = await b.client();
    client.set('/site-a/x', 1);
    await net.settle();
    expect(client.errors).toEqual(['301 no right to write at this address']);
    expect(values('/site-a/x')).toEqual([undefined, undefined, undefined]);
  });

  it('of a plain frame is refused by the hub, as published peers are', async () => {
    await star({ isStranger: true });
    const client = await b.client();
    client.set('/site-a/x', 1);
    await net.settle();
    expect(client.errors).toEqual([
      '403 this router does not own the address, and knows nobody who does',
    ]);
  });

  it('goes to the hub where nobody but it owns the address', async () => {
    await star();
    const client = await b.client();
    client.set('/lobby/light', 1);
    await net.settle();
    expect(values('/lobby/light')).toEqual([1, 1, 1]);
  });
});

describe('a publication at another site', () => {
  it('is published by its owner, to everybody but the session that sent it', async () => {
    await star();
    const [sender, other, far] = await Promise.all([b.client(), b.client(), a.client()]);
    for (const client of [sender, other, far]) {
      client.subscribe(1, '/site-a/**');
    }
    sender.publish('/site-a/cue', { value: wireValue(3) });
    await net.settle();
    expect(far.publishes).toEqual(['/site-a/cue=3']);
    expect(other.publishes).toEqual(['/site-a/cue=3']);
    expect(sender.all).toEqual([]);
  });

  it('stays at home where it is the signalling of sessions', async () => {
    await star();
    const far = await a.client();
    far.subscribe(1, '/**');
    const client = await b.client();
    client.publish('/clasp/p2p/announce');
    await net.settle();
    expect(far.all).toEqual([]);
  });
});
