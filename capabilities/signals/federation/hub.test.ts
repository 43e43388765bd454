// A hub and peers of another kind, frame by frame: what the published tests assert of one.
import { toHex } from '@hansa/foundation';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../frames/encode.ts';
import type { FederationMessage } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { covers } from '../patterns/covering.ts';
import type { Doorkeeper } from '../router/access.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site, type SiteOptions } from './sites.suite.ts';

let net: Network;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

function hubOf(options: SiteOptions = {}, owned: readonly string[] = ['/**']): Site {
  net = new Network();
  const hub = net.site('hub', { ownedNamespaces: owned }, options);
  net.start();
  return hub;
}

async function joined(hub: Site, name: string, more: { isPeer?: boolean; token?: string } = {}) {
  const line = new TestLine(hub.router, {});
  const { isPeer = true, token } = more;
  const features = ['param', 'event', 'stream', ...(isPeer ? ['federation'] : [])] as const;
  line.say({ type: 'hello', version: 1, features: features as never, name, token });
  await net.clock.settle();
  line.session = line.messages('welcome')[0]?.session ?? '';
  line.forget();
  return line;
}

function sync(
  op: FederationMessage['op'],
  patterns: readonly string[],
  more: Partial<FederationMessage> = {},
): FederationMessage {
  return { type: 'federation', op, patterns, revisions: [], ...more };
}

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `/n/${i}/**`);
}

describe('a hub', () => {
  it('takes declarationsPerSecondMax of one session, and more when time has passed', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'restless');
    for (let i = 0; i < federationLimits.declarationsPerSecondMax; i += 1) {
      line.say(sync('declare', [`/n/${i}/**`]));
    }
    expect(line.types).toEqual(
      Array.from({ length: federationLimits.declarationsPerSecondMax }, () => 'ack'),
    );
    line.forget();
    line.say(sync('declare', ['/n/x/**']));
    expect(line.errors).toEqual(['429 too many declarations in a second']);
    await net.advance(1_000);
    line.forget();
    line.say(sync('declare', ['/n/x/**']));
    expect(line.types).toEqual(['ack']);
  });

  it('takes claimsMax patterns of all peers together', async () => {
    const hub = hubOf();
    const { claimsMax, patternsMax } = federationLimits;
    for (let peer = 0; peer < claimsMax / patternsMax; peer += 1) {
      const line = await joined(hub, `peer ${peer}`);
      line.say(
        sync(
          'declare',
          many(patternsMax).map((pattern) => `/${peer}${pattern}`),
        ),
      );
      expect(line.types).toEqual(['ack']);
    }
    const last = await joined(hub, 'one too many');
    last.say(sync('declare', ['/more/**']));
    expect(last.errors).toEqual([`403 ${claimsMax} namespaces are all that peers have`]);
  });

  it('takes no federation frame of a session without the feature, and keeps it', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'client', { isPeer: false });
    for (const op of ['declare', 'request', 'revisions', 'complete'] as const) {
      line.say(sync(op, ['/site-a/**']));
    }
    expect(line.errors).toEqual(
      Array.from({ length: 4 }, () => '403 FederationSync requires federation feature'),
    );
    line.set('/x', 1);
    expect(hub.value('/x')).toBe(1);
  });

  it('answers a declaration by an empty ACK, byte for byte, and by nothing else', async () => {
    const line = await joined(hubOf(), 'leaf');
    line.say(sync('declare', ['/site-a/**'], { origin: 'site-a' }));
    expect(line.frames.map(toHex)).toEqual(['530100025000']);
  });

  it('takes a thousand patterns, refuses one more, and keeps what was declared', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', many(federationLimits.patternsMax)));
    expect(line.types).toEqual(['ack']);
    line.forget();
    line.say(sync('declare', many(federationLimits.patternsMax + 1)));
    expect(line.errors).toEqual(['400 too many namespace patterns: 1001 (max 1000)']);
    line.forget();
    line.set('/n/7/x', 1);
    expect(line.types).toEqual(['ack']);
    line.say(sync('request', many(federationLimits.patternsMax + 1)));
    expect(line.errors).toEqual(['400 too many sync patterns: 1001 (max 1000)']);
  });

  it('answers a request inside the declaration by snapshots and SyncComplete', async () => {
    const hub = hubOf();
    hub.set('/site-a/x', 5);
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**', '/other/*']));
    line.forget();
    line.say(sync('request', ['/site-a/**', '/other/*']));
    expect(line.types).toEqual(['snapshot', 'snapshot', 'federation']);
    expect([...line.snapshot]).toEqual([['/site-a/x', '5@1']]);
    expect(line.messages('federation')[0]).toMatchObject({
      op: 'complete',
      patterns: ['/site-a/**', '/other/*'],
      origin: 'hub',
    });
  });

  it('answers SyncComplete byte for byte', async () => {
    const line = await joined(hubOf(), 'leaf');
    line.say(sync('declare', ['/site-a/**']));
    line.say(sync('request', ['/site-a/**']));
    const last = line.frames.at(-1);
    const golden = '53410018 04 04 0001 000a2f736974652d612f2a2a 0000 40 0003687562';
    expect(last && toHex(last)).toBe(golden.replaceAll(' ', ''));
  });

  it('gives only what is above the revision that a request names', async () => {
    const hub = hubOf();
    hub.set('/site-a/x', 1);
    hub.set('/site-a/y', 1);
    hub.set('/site-a/y', 2);
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**']));
    line.say(sync('request', ['/site-a/**'], { since: 1 }));
    expect([...line.snapshot.keys()]).toEqual(['/site-a/y']);
  });

  it.each([
    ['/site-a/**', '/site-b/**'],
    ['/site-a/*', '/site-a/**'],
    ['/site-a/x', '/site-a/**'],
    ['/site-a/**', '/**'],
  ])('that was declared %s refuses a request of %s', async (declared, requested) => {
    const line = await joined(hubOf(), 'leaf');
    line.say(sync('declare', [declared]));
    line.forget();
    line.say(sync('request', [requested]));
    expect(line.errors).toEqual([`403 pattern '${requested}' not covered by declared namespaces`]);
  });

  it('refuses a request of a peer that declared nothing', async () => {
    const line = await joined(hubOf(), 'leaf');
    line.say(sync('request', ['/site-a/**']));
    expect(line.errorCodes).toEqual([403]);
    line.say(sync('request', []));
    expect(line.errors.at(-1)).toBe('403 no namespaces are declared');
  });

  it('tells of what is newer than a revision vector says, and of nothing outside', async () => {
    const hub = hubOf();
    hub.set('/site-a/x', 1);
    hub.set('/site-a/x', 2);
    hub.set('/site-a/same', 1);
    hub.set('/secret/x', 1);
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**']));
    line.forget();
    line.say(
      sync('revisions', [], {
        revisions: [
          { address: '/site-a/x', revision: 1 },
          { address: '/site-a/same', revision: 1 },
          { address: '/site-a/none', revision: 0 },
          { address: '/secret/x', revision: 0 },
        ],
      }),
    );
    await net.advance(500);
    expect([...line.snapshot]).toEqual([['/site-a/x', '2@2']]);
    line.forget();
    line.say(sync('revisions', [], { revisions: [{ address: '/secret/x', revision: 0 }] }));
    await net.advance(500);
    expect(line.all).toEqual([]);
  });

  it('refuses more than ten thousand revisions, which no frame holds', async () => {
    const hub = hubOf();
    const revisions = Array.from({ length: federationLimits.revisionsMax + 1 }, (_, i) => ({
      address: `/a/${i}`,
      revision: 1,
    }));
    expect(() => encodeFrame(sync('revisions', [], { revisions }))).toThrow('frame');
    const line = await joined(hub, 'leaf');
    const session = hub.router.sessions.get(line.session);
    const desk = hub.desk;
    expect(session).toBeDefined();
    desk.received(session as never, sync('revisions', [], { revisions }));
    expect(line.errors).toEqual(['400 too many revision entries: 10001 (max 10000)']);
  });

  it('delivers what is declared, after a new declaration no longer what was', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/old/**']));
    hub.set('/old/x', 1);
    expect(line.sets).toEqual(['/old/x=1@1']);
    line.forget();
    line.say(sync('declare', ['/new/**']));
    line.forget();
    hub.set('/old/x', 2);
    hub.set('/new/x', 3);
    expect(line.sets).toEqual(['/new/x=3@1']);
  });

  it('refuses two peers that claim one namespace, and says who has it', async () => {
    const hub = hubOf();
    const first = await joined(hub, 'one');
    const second = await joined(hub, 'two');
    first.say(sync('declare', ['/shared/**'], { origin: 'router-one' }));
    second.say(sync('declare', ['/shared/lights/*'], { origin: 'router-two' }));
    expect(second.errors).toEqual([
      '403 namespace /shared/lights/* is claimed already: router-one has /shared/**',
    ]);
    hub.set('/shared/lights/1', 5);
    expect(first.sets).toEqual(['/shared/lights/1=5@1']);
    expect(second.sets).toEqual([]);
  });

  it('refuses a claim of what it owns itself, unless it owns it as the rest', async () => {
    const hub = hubOf({}, ['/hub/**', '/**']);
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/hub/x/**']));
    line.say(sync('declare', ['/**']));
    expect(line.errorCodes).toEqual([403, 403]);
    line.say(sync('declare', ['/site-a/**']));
    expect(line.types.at(-1)).toBe('ack');
  });

  it('tells the peer that wrote nothing of its write but the ACK', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**']));
    line.subscribe(1000, '/**');
    line.forget();
    line.set('/site-a/x', 1);
    line.publish('/site-a/cue');
    await net.advance(500);
    expect(line.types).toEqual(['ack']);
  });

  it('lets a peer that declared nothing write nothing', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.set('/site-a/x', 1);
    line.publish('/site-a/x');
    expect(line.errors).toEqual([
      '403 SET outside declared federation namespace',
      '403 PUBLISH outside declared federation namespace',
    ]);
    expect(hub.value('/site-a/x')).toBeUndefined();
  });

  it('delivers no write outside the namespace of its peer, in a bundle neither', async () => {
    const hub = hubOf();
    const watcher = await hub.client();
    watcher.subscribe(1, '/**');
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**']));
    line.forget();
    line.set('/site-b/x', 666);
    const member = (address: string) =>
      ({ type: 'set', address, value: wireValue(1), lock: false, unlock: false }) as const;
    const members = ['/site-a/x', '/site-b/x'].map((address) => ({
      message: member(address),
      payload: encodeFrame(member(address)).subarray(4),
    }));
    line.say({ type: 'bundle', members });
    expect(line.errorCodes).toEqual([403, 403]);
    line.set('/site-a/x', 1);
    expect(watcher.sets).toEqual(['/site-a/x=1@1']);
  });

  it('answers a peer without a valid token by 300 and closes', async () => {
    const hub = hubOf({
      doorkeeper: {
        admit: ({ token }) =>
          token === 'good'
            ? { allows: () => true, subject: 'peer' }
            : { code: 300, message: 'Authentication required' },
      },
    });
    const line = await joined(hub, 'leaf');
    expect(line.closedWith).toBeDefined();
  });

  it.each(['watch', 'write'] as const)('lets a peer declare only what it may %s', async (verb) => {
    const door: Doorkeeper = {
      admit: () => ({
        allows: (asked, pattern) => asked !== verb || covers('/site-a/**', pattern),
        subject: 'peer',
      }),
    };
    const hub = hubOf({ doorkeeper: door });
    const line = await joined(hub, 'leaf', { token: 't' });
    line.say(sync('declare', ['/site-a/x', '/site-b/**']));
    expect(line.errors).toEqual(['403 insufficient scope for namespace: /site-b/**']);
    line.say(sync('declare', ['/site-a/**']));
    expect(line.types.at(-1)).toBe('ack');
  });

  it('counts its own ids apart from those of the peer', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.subscribe(50_000, '/mine/*');
    line.say(sync('declare', ['/site-a/**']));
    line.forget();
    hub.set('/mine/x', 1);
    hub.set('/site-a/x', 2);
    expect(line.sets).toEqual(['/mine/x=1@1', '/site-a/x=2@1']);
  });

  it('lets the same router in again, in place of what is left of it', async () => {
    const hub = hubOf();
    const old = await joined(hub, 'leaf');
    old.say(sync('declare', ['/site-a/**'], { origin: 'site-a' }));
    const again = await joined(hub, 'leaf');
    again.say(sync('declare', ['/site-a/**'], { origin: 'site-a' }));
    expect(again.types).toEqual(['ack']);
    expect(old.closedWith).toBe('the same router has connected again');
    await net.settle();
    hub.set('/site-a/x', 1);
    expect(again.sets).toHaveLength(1);
    expect(hub.manager.peerInfo('site-a')).toMatchObject({ state: 'syncing' });
  });

  it('that is a leaf takes no peers', async () => {
    net = new Network();
    const mode = { kind: 'leaf', hubEndpoint: 'nowhere' } as const;
    const leaf = net.site('leaf', { mode, ownedNamespaces: ['/site-a/**'] });
    net.start();
    const line = await joined(leaf, 'other');
    line.say(sync('declare', ['/site-b/**']));
    expect(line.errors).toEqual(['403 a leaf takes no federation peers']);
  });

  it('knows its peers, and forgets the namespaces of those who left', async () => {
    const hub = hubOf();
    const line = await joined(hub, 'leaf');
    line.say(sync('declare', ['/site-a/**'], { origin: 'site-a' }));
    expect(hub.manager.peerInfo('site-a')).toEqual({
      routerId: 'site-a',
      state: 'syncing',
      namespaces: ['/site-a/**'],
    });
    line.say(sync('request', ['/site-a/**']));
    expect(hub.manager.activePeers()).toHaveLength(1);
    expect(hub.manager.shouldForward('/site-a/x')).toBe(true);
    line.hangUp();
    expect(hub.manager.shouldForward('/site-a/x')).toBe(false);
    expect(hub.manager.peerCount()).toBe(1);
    expect(hub.manager.peerInfo('site-a')).toMatchObject({ state: 'disconnected' });
  });
});
