// Clusters on one local network: found without an address, proven by dialling, and found again.
import type { Found } from '@hansa/capabilities/discovery/contract';
import type { Acceptance, Invitation, Link } from '@hansa/capabilities/links/contract';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { must } from './harness/linking.ts';
import { notYet, until } from './harness/until.ts';
import { freeUdpPort } from './rooms/free-ports.ts';
import { openLan } from './rooms/lan.ts';

const needed = requires('netns');

describe.skipIf(!needed.available)('on a local network', () => {
  test('clusters find each other, and a peer that moved and cannot dial is found again', async () => {
    const lan = await openLan();
    const [one, other] = await Promise.all([lan.start('lubeck'), lan.start('bergen')]);
    const lubeck = one.cluster;
    const bergen = other.cluster;
    const found = await until('lubeck has found bergen', async () => {
      const { found: all } = await must<{ found: Found[] }>(lubeck, 'discovery', 'list');
      return all.find(({ name, verified }) => name === 'bergen' && verified) ?? notYet(all);
    });
    expect(found.linkedAs).toBeUndefined();
    expect(found.heard[0]?.source).toBe('mdns');
    expect((await must<{ links: Link[] }>(lubeck, 'link', 'list')).links).toEqual([]);

    const { token } = await must<Invitation>(lubeck, 'link', 'invite', '--yes');
    const accept = ['link', 'accept', token, '--serve-only', '--yes'];
    const { link } = await must<Acceptance>(bergen, ...accept);
    expect(link.mine).toBe(false);
    const linked = (statuses: readonly string[]) => async () => {
      const now = await must<Link>(lubeck, 'link', 'show', 'bergen');
      return statuses.includes(now.status) ? now : notYet(now);
    };
    await until('the link is up', linked(['live', 'idle']));
    const port = await freeUdpPort();
    await other.stop();
    await until('lubeck notices', linked(['disconnected', 'connecting']), 60_000);
    await other.restart(['--link-port', String(port)]);
    await until('the link is up again', linked(['live', 'idle']), 60_000);
    // The connection may be up before it is listed where it has moved to.
    await until('and is where the peer is now', async () => {
      const { endpoints } = await must<Link>(lubeck, 'link', 'show', 'bergen');
      const addresses = endpoints.flatMap((endpoint) => endpoint.addresses);
      return addresses.includes(`${lan.host}:${port}`) || notYet(addresses);
    });
    await Promise.all([one.stop(), other.stop()]);
  });
});
