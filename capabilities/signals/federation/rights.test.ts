// What a router has to be allowed before it is believed, and what it is not believed at all.
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../frames/encode.ts';
import { wireValue, type SignalValue } from '../frames/values.ts';
import type { Doorkeeper, SignalAccess } from '../router/access.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { scopesAllow } from '../router/scopes.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site, type SiteOptions } from './sites.suite.ts';
import { advertMessage, suffixedMessage, type Advert, type Suffix } from './suffix.ts';

let net: Network;
let hub: Site;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

/** Who comes with scopes for a token has those; everybody else may do everything. */
const door: Doorkeeper = {
  admit: ({ token }) => ({
    subject: token ?? 'anyone',
    allows: token === undefined ? () => true : scopesAllow(token.split(' ')),
  }),
};

async function hubOf(options: SiteOptions = {}): Promise<void> {
  net = new Network();
  hub = net.site('hub', {}, { doorkeeper: door, ...options });
  hub.manager.start(hub.router);
}

async function leafOf(id: string): Promise<Site> {
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  const leaf = net.site(id, { mode, ownedNamespaces: [`/${id}/**`] });
  leaf.manager.start(leaf.router);
  await net.advance(100);
  return leaf;
}

/** A line that speaks as a router, with what scopes let it. */
class Speaker {
  readonly line: TestLine;
  readonly #id: string;

  constructor(id: string, token?: string) {
    this.line = new TestLine(hub.router, {});
    this.#id = id;
    const features = ['param', 'federation'] as const;
    this.line.say({ type: 'hello', version: 1, features, name: id, token });
  }

  async advert(patterns: readonly string[], more: Partial<Advert> = {}): Promise<void> {
    const base = { routerId: this.#id, stamp: net.clock.now() * 1_000, neighbours: ['hub'] };
    this.line.say(advertMessage({ ...base, patterns, ...more }));
    await net.settle();
  }

  async asks(address: string, value: SignalValue, more: Partial<Suffix> = {}): Promise<void> {
    const origin = this.#id;
    const base = {
      kind: 'asked',
      hops: 1,
      stamp: 0,
      id: 7,
      origin,
      writer: `${origin}/x`,
    } as const;
    const set = { type: 'set', lock: false, unlock: false, value: wireValue(value) } as const;
    this.line.raw(suffixedMessage({ ...set, address }, { ...base, ...more }));
    await net.settle();
  }
}

describe('a router that declares', () => {
  it.each([
    ['what it may write and not own', 'read:/stage/** write:/stage/**', ['/stage/**']],
    ['nothing, where no right would be asked for', 'read:/lobby/clock', []],
  ] as const)('%s is none', async (_what, token, patterns) => {
    await hubOf();
    const near = await hub.client();
    const speaker = new Speaker('evil', token);
    await speaker.advert(patterns);
    expect(speaker.line.errorCodes).toEqual([403]);
    near.set('/stage/light', 1);
    expect(near.errors).toEqual([]);
    await speaker.advert(['/far/**'], { routerId: 'far' });
    expect(hub.manager.knownRouters).toBe(0);
  });

  it('what it may own is one', async () => {
    await hubOf();
    const speaker = new Speaker('desk', 'admin:/stage/**');
    await speaker.advert(['/stage/**']);
    expect(speaker.line.errors).toEqual([]);
    expect(hub.manager.knownRouters).toBe(1);
  });

  it('itself to be the hub is not believed', async () => {
    await hubOf();
    const leaf = await leafOf('a');
    leaf.set('/a/x', 1);
    await net.settle();
    const speaker = new Speaker('hub');
    await speaker.advert(['/evil/**']);
    expect(speaker.line.errorCodes).toEqual([403]);
    const stamp = net.clock.now() * 1_000 + 50_000_000;
    await speaker.asks('/a/x', 666, { kind: 'told', stamp, origin: 'a' });
    expect(hub.value('/a/x')).toBe(1);
  });
});

describe('what is told of routers', () => {
  const stamp = Number.MAX_SAFE_INTEGER;

  it('is not of a time to come: who has not come yet is heard when it comes', async () => {
    await hubOf();
    const speaker = new Speaker('evil');
    await speaker.advert(['/evil/**']);
    await speaker.advert([], { routerId: 'a', stamp, neighbours: [] });
    const leaf = await leafOf('a');
    leaf.set('/a/x', 1);
    await net.settle();
    expect(hub.value('/a/x')).toBe(1);
  });

  it('is not of a time to come where it is of ourselves: who comes later is reached', async () => {
    await hubOf();
    const a = await leafOf('a');
    const speaker = new Speaker('evil');
    await speaker.advert(['/evil/**']);
    await speaker.advert([], { routerId: 'hub', stamp, neighbours: [] });
    speaker.line.hangUp();
    await leafOf('b');
    const client = await a.client();
    client.set('/b/x', 2);
    await net.advance(1_000);
    expect(client.errors).toEqual([]);
  });

  it('counts less than what they tell of themselves, whenever that was', async () => {
    await hubOf();
    const speaker = new Speaker('evil');
    await speaker.advert(['/evil/**']);
    const soon = net.clock.now() * 1_000 + 30_000_000;
    await speaker.advert(['/lies/**'], { routerId: 'a', stamp: soon, neighbours: [] });
    const leaf = await leafOf('a');
    leaf.set('/a/x', 1);
    await net.settle();
    expect(hub.value('/a/x')).toBe(1);
  });

  it('leaves room for a router that is there', async () => {
    await hubOf();
    const speaker = new Speaker('evil');
    const ghosts = Array.from({ length: federationLimits.routersMax - 1 }, (_, i) => `ghost ${i}`);
    await speaker.advert(['/evil/**'], { neighbours: ['hub', ...ghosts] });
    for (const routerId of ghosts) {
      await speaker.advert([], { routerId, neighbours: ['evil'] });
    }
    expect(hub.manager.knownRouters).toBe(federationLimits.routersMax);
    const leaf = await leafOf('a');
    leaf.set('/a/x', 1);
    await net.settle();
    expect(hub.value('/a/x')).toBe(1);
  });
});

describe('a write that a router asks for', () => {
  it('passes no lock by naming its holder as the writer', async () => {
    await hubOf();
    const near = await hub.client();
    near.set('/desk/x', 1, { lock: true });
    const speaker = new Speaker('evil');
    await speaker.advert(['/evil/**']);
    await speaker.asks('/desk/x', 666, { writer: near.session });
    await speaker.asks('/desk/x', 666, { origin: 'hub', writer: `hub/${near.session}` });
    await speaker.asks('/desk/x', 666, { origin: 'other', writer: 'other/x' });
    expect(hub.value('/desk/x')).toBe(1);
    expect(speaker.line.errorCodes).toEqual([400, 400, 400]);
  });

  it('takes no lock by the rule of its address: nobody would free it', async () => {
    await hubOf({ options: { rules: [{ pattern: '/desk/**', strategy: 'lock' }] } });
    const leaf = await leafOf('a');
    const far = await leaf.client();
    far.set('/desk/fader', 1);
    await net.settle();
    expect(hub.value('/desk/fader')).toBe(1);
    const near = await hub.client();
    near.set('/desk/fader', 2);
    expect(near.errors).toEqual([]);
    far.set('/desk/fader', 3);
    await net.settle();
    expect([far.errorCodes, hub.value('/desk/fader')]).toEqual([[400], 2]);
  });

  it('is none of what belongs to one router alone', async () => {
    await hubOf();
    const speaker = new Speaker('evil');
    await speaker.advert(['/evil/**']);
    await speaker.asks('/clasp/private', 1);
    expect(speaker.line.errorCodes).toEqual([301]);
    expect(hub.value('/clasp/private')).toBeUndefined();
  });
});

it('an answer to RequestSync leaves out what the one who asks may not read', async () => {
  const secret = '/stage/secret';
  const access: SignalAccess = {
    subject: 'desk',
    judgesAll: true,
    allows: (verb, address) => verb !== 'read' || address !== secret,
  };
  await hubOf({ doorkeeper: { admit: () => access } });
  hub.set(secret, 1);
  hub.set('/stage/open', 2);
  const { line } = new Speaker('desk', 'token');
  const sync = {
    type: 'federation',
    patterns: ['/stage/**'],
    revisions: [],
    origin: 'desk',
  } as const;
  line.raw(encodeFrame({ ...sync, op: 'declare' }));
  line.raw(encodeFrame({ ...sync, op: 'request' }));
  await net.settle();
  const told = line.messages('snapshot').flatMap(({ params }) => params.map((one) => one.address));
  expect(told).toContain('/stage/open');
  expect(told).not.toContain(secret);
});
