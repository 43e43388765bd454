// A link is made by two people with a token that works once; every way in which it can fail has its
// own reason, and a stolen identity is worth nothing.
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import type { Acceptance, Invitation, Link, TokenReport } from '@hansa/capabilities/links/contract';
import { remote } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../../capabilities/catalog/wire.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit } from './harness/git.ts';
import { addressOf, makePeer } from './harness/hand-made-peer.ts';
import { linkClusters, linkOf, must, untilLinked } from './harness/linking.ts';
import { publish, push, refOf, showMirror, untilCaughtUp } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';

async function invite(cluster: Cluster, ...options: string[]): Promise<string> {
  return (await must<Invitation>(cluster, 'link', 'invite', ...options)).token;
}

async function refusal(cluster: Cluster, ...args: string[]) {
  const done = await cluster.hansa(...args);
  expect([args[1], done.code]).not.toEqual([args[1], 0]);
  return { ...done.report(), exit: done.code };
}

describe('making a link', () => {
  let lubeck: Cluster;
  let bergen: Cluster;

  beforeAll(async () => {
    [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await publish(lubeck, 'hansa');
  });

  test('it stays pending, and nothing crosses it, until both sides have confirmed the same words', async () => {
    const token = await invite(lubeck);
    const { link, checks } = await must<Acceptance>(bergen, 'link', 'accept', token);
    expect(link).toMatchObject({ name: 'lubeck', status: 'pending', epoch: 1 });
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    const there = await linkOf(lubeck, 'bergen');
    expect(there.checkWords.split(' ')).toHaveLength(6);
    expect(there.checkWords).toBe(link.checkWords);
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    expect(await refusal(bergen, 'catalog', 'list', '--peer', 'lubeck')).toMatchObject({
      code: 'LINK_PENDING',
      exit: 5,
    });

    const wrong = 'amber ferry acorn canoe cedar fjord';
    const differ = await refusal(bergen, 'link', 'confirm', 'lubeck', '--words', wrong);
    expect(differ).toMatchObject({ code: 'LINK_WORDS_DIFFER', exit: 4 });
    expect(differ.fix).toContain('hansa link close');
    const unasked = await refusal(bergen, 'link', 'confirm', 'lubeck');
    expect(unasked).toMatchObject({ code: 'NOT_CONFIRMED', exit: 4 });
    expect((await linkOf(bergen, 'lubeck')).confirmedHere).toBe(false);

    await must(bergen, 'link', 'confirm', 'lubeck', '--words', there.checkWords);
    expect(await linkOf(bergen, 'lubeck')).toMatchObject({
      status: 'pending',
      confirmedHere: true,
      confirmedThere: false,
    });
    const early = await must<{ items: CatalogItem[] }>(
      bergen,
      'catalog',
      'list',
      '--peer',
      'lubeck',
    );
    expect(early.items).toEqual([]);
    const absent = await refusal(bergen, 'mirror', 'add', 'lubeck:hansa');
    expect(absent.code).toBe('RESOURCE_NOT_FOUND');

    await must(lubeck, 'link', 'confirm', 'bergen', '--words', link.checkWords);
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    const late = await must<{ items: CatalogItem[] }>(
      bergen,
      'catalog',
      'list',
      '--peer',
      'lubeck',
    );
    expect(late.items.map(({ name }) => name)).toEqual(['hansa']);
    const again = await refusal(lubeck, 'link', 'confirm', 'bergen', '--yes');
    expect(again.code).toBe('LINK_NOT_PENDING');
  });

  test('the clusters that are linked cannot be linked twice', async () => {
    const token = await invite(lubeck);
    expect(await refusal(bergen, 'link', 'accept', token)).toMatchObject({ code: 'LINK_EXISTS' });
  });

  test('a link survives kill -9 of both sides', async () => {
    const before = await linkOf(bergen, 'lubeck');
    await Promise.all([lubeck.kill(), bergen.kill()]);
    await Promise.all([lubeck.restart(), bergen.restart()]);
    await Promise.all([untilLinked(lubeck, 'bergen'), untilLinked(bergen, 'lubeck')]);
    const { checkWords, epoch, createdMs } = before;
    expect(await linkOf(bergen, 'lubeck')).toMatchObject({ checkWords, epoch, createdMs });
  });
});

describe('a token', () => {
  let lubeck: Cluster;
  let bergen: Cluster;
  let visby: Cluster;

  beforeAll(async () => {
    [lubeck, bergen, visby] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
      startCluster({ name: 'visby' }),
    ]);
  });

  test('that expired is refused with LINK_TOKEN_EXPIRED and how long ago, on both sides', async () => {
    const token = await invite(lubeck, '--expires', '1s');
    const seen = await until('the token has expired', async () => {
      const report = await must<TokenReport>(bergen, 'link', 'inspect', token);
      return report.usable ? undefined : report;
    });
    expect(seen.problem?.code).toBe('LINK_TOKEN_EXPIRED');
    const late = await refusal(bergen, 'link', 'accept', token);
    expect(late).toMatchObject({ code: 'LINK_TOKEN_EXPIRED', exit: 4 });
    expect(late.message).toMatch(/expired .*(?:ago|now)/);
    expect(late.fix).toContain('hansa link invite');
    const here = await must<TokenReport>(lubeck, 'link', 'inspect', token);
    expect(here).toMatchObject({ usable: false, problem: { code: 'LINK_TOKEN_EXPIRED' } });
  });

  test('with one changed byte, anywhere, is refused with LINK_TOKEN_TAMPERED', async () => {
    const token = await invite(lubeck);
    const start = 'hansa-link-1.'.length;
    for (const share of [0.01, 0.3, 0.6, 0.95]) {
      const at = start + Math.floor((token.length - start) * share);
      const changed = token[at] === 'A' ? 'B' : 'A';
      const tampered = token.slice(0, at) + changed + token.slice(at + 1);
      const input = { token: tampered };
      const { body } = await bergen.api<{ code: string }>('POST', '/links', input);
      expect([at, body.code]).toEqual([at, 'LINK_TOKEN_TAMPERED']);
    }
    const cut = await refusal(bergen, 'link', 'accept', token.slice(0, -1));
    expect(cut).toMatchObject({ code: 'LINK_TOKEN_TAMPERED', exit: 4 });
    expect((await refusal(bergen, 'link', 'inspect', token.slice(0, -1))).code).toBe(cut.code);
  });

  test('that never was one is refused with LINK_TOKEN_MALFORMED', async () => {
    const refused = await refusal(bergen, 'link', 'accept', 'let me in');
    expect(refused).toMatchObject({ code: 'LINK_TOKEN_MALFORMED', exit: 2 });
  });

  test('of one’s own is refused with LINK_TO_SELF', async () => {
    const token = await invite(lubeck);
    expect((await refusal(lubeck, 'link', 'accept', token)).code).toBe('LINK_TO_SELF');
  });

  test('whose maker is gone is refused with DIAL_FAILED within 6 s', async () => {
    const token = await invite(lubeck);
    await lubeck.kill();
    const began = performance.now();
    const { body } = await bergen.api<{ code: string }>('POST', '/links', { token });
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(body.code).toBe('DIAL_FAILED');
    expect((await must<{ links: Link[] }>(bergen, 'link', 'list')).links).toEqual([]);
    await lubeck.restart();
  });

  test('that two clusters redeem at the same moment links exactly one of them', async () => {
    const token = await invite(lubeck);
    const answers = await Promise.all(
      [bergen, visby].map((cluster) => cluster.api<{ code?: string }>('POST', '/links', { token })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 410]));
    expect(answers.find(({ status }) => status === 410)?.body.code).toBe('LINK_TOKEN_USED');
    const { links } = await must<{ links: Link[] }>(lubeck, 'link', 'list');
    const [winner, loser] = answers[0]?.status === 200 ? [bergen, visby] : [visby, bergen];
    expect(links.map(({ name }) => name)).toEqual([winner.name]);
    expect((await must<{ links: Link[] }>(loser, 'link', 'list')).links).toEqual([]);

    // The second use, later: by whom it was used and when, for the one who asks and for its maker.
    const used = await refusal(loser, 'link', 'accept', token);
    expect(used).toMatchObject({ code: 'LINK_TOKEN_USED', exit: 4 });
    expect(used.message).toContain(`used by ${winner.name}`);
    expect(used.message).toMatch(/ago|now/);
    const here = await must<TokenReport>(lubeck, 'link', 'inspect', token);
    expect(here).toMatchObject({ usable: false, problem: { code: 'LINK_TOKEN_USED' } });
    expect(here.usedBy).toBe(links[0]?.peer);
    expect(here.usedMs).toBeGreaterThan(0);
    const elsewhere = await must<TokenReport>(loser, 'link', 'inspect', token);
    expect(elsewhere).toMatchObject({ name: 'lubeck', serveOnly: false });
  });
});

describe('closing a link', () => {
  test('the other side learns LINK_CLOSED, nothing crosses, and a new link has the next epoch', async () => {
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen);
    const work = await publish(lubeck, 'hansa');
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:hansa');
    const both = { owner: lubeck, cluster: bergen, name: 'hansa' };
    const applied = await untilCaughtUp(both);

    expect((await refusal(lubeck, 'link', 'close', 'bergen')).code).toBe('NOT_CONFIRMED');
    await must(lubeck, 'link', 'close', 'bergen', '--yes');
    expect((await linkOf(lubeck, 'bergen')).status).toBe('closed');
    const { reason } = await until('bergen learns of it', async () => {
      const link = await linkOf(bergen, 'lubeck');
      const told = link.lastError?.code === 'LINK_CLOSED' && link.status === 'disconnected';
      return told ? link : notYet(link);
    });
    expect(reason).toMatch(/^no connection since .*lubeck has closed this link \[LINK_CLOSED\]$/);
    const late = await commit(work, 'Made after the end');
    await push(work, lubeck, 'hansa');
    await bergen.hansa('sync', 'now', 'lubeck:hansa');
    expect(await showMirror(bergen, 'lubeck:hansa')).toMatchObject({
      applied: { sequence: applied.applied?.sequence },
    });
    const asked = await bergen.hansa('catalog', 'list', '--peer', 'lubeck');
    expect(asked.code).not.toBe(0);

    await must(bergen, 'link', 'close', 'lubeck', '--yes');
    await linkClusters(lubeck, bergen);
    expect((await linkOf(lubeck, 'bergen')).epoch).toBe(2);
    expect((await linkOf(bergen, 'lubeck')).epoch).toBe(2);
    // At once, not when a timer says so: the mirror was absent while only bergen had confirmed.
    await untilCaughtUp(both, 5_000);
    expect(await refOf(bergen, 'lubeck:hansa')).toBe(late);
  });
});

describe('a copied identity', () => {
  test('on another connection is refused with IDENTITY_NOT_BOUND and gets nothing', async () => {
    const [lubeck, bergen] = await Promise.all([
      startCluster({ name: 'lubeck' }),
      startCluster({ name: 'bergen' }),
    ]);
    await linkClusters(lubeck, bergen);
    await publish(lubeck, 'hansa');
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');

    // Whoever is greeted by bergen holds its proof; only bergen's node can use it.
    const thief = await makePeer('bergen');
    const greeted = await thief.meet(await addressOf(bergen));
    expect(greeted.hello?.proof).toBeDefined();
    const stolen = await thief.meet(await addressOf(lubeck), greeted.hello?.proof);
    expect(stolen.hello).toBeUndefined();
    expect(stolen.refused?.code).toBe('IDENTITY_NOT_BOUND');
    const asked = remote(catalogPeerContract, stolen.carrier).list({});
    await expect(asked).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await stolen.closed;
    await untilLinked(lubeck, 'bergen');

    // The same node with its own identity is a stranger: it is heard, and there is nothing for it.
    const honest = await thief.meet(await addressOf(lubeck));
    const shown = await remote(catalogPeerContract, honest.carrier).list({});
    expect(shown.items).toEqual([]);
  });
});
