import { describe, expect, test } from 'vitest';
import { makeLoginCluster, stranger, type LoginCluster } from '../../testkit/login-cluster.ts';
import type { LoggedIn } from './contract.ts';

describe('providers', () => {
  const corp = { provider: 'corp', issuer: stranger.issuer, client: 'hansa', secret: 'c-secret' };
  const finish = async (cluster: LoginCluster, provider = 'corp'): Promise<LoggedIn> => {
    const { url, ticket } = await cluster.logins.oidcStart({ provider });
    const state = new URL(url).searchParams.get('state') ?? '';
    const path = `/login/oidc/:provider/callback`;
    const route = cluster.capability.routes.find((each) => each.path === path);
    const back = await route?.handle(
      {
        method: 'GET',
        params: { provider },
        query: { state, code: 'c' },
        headers: {},
        body: none(),
      },
      { signal: new AbortController().signal },
    );
    const page = new TextDecoder().decode(back?.body as Uint8Array);
    const code = /<code>([\w-]+)<\/code>/.exec(page)?.[1] ?? '';
    return cluster.logins.oidcFinish({ ticket, code });
  };

  test('never show their secret, and keep it where it is not said anew', async () => {
    const { logins } = await makeLoginCluster();
    expect(await logins.putProvider(corp)).toMatchObject({ hasSecret: true });
    const { secret: _secret, ...rest } = corp;
    expect(await logins.putProvider(rest)).toMatchObject({ hasSecret: true });
    expect(JSON.stringify(await logins.providers({}))).not.toContain(corp.secret);
    expect(await logins.putProvider({ ...corp, secret: '' })).toMatchObject({ hasSecret: false });
  });

  test('are asked by https, or on this machine', async () => {
    const { logins } = await makeLoginCluster();
    const put = (more: object) => logins.putProvider({ ...corp, ...more });
    for (const unsafe of [{ issuer: 'http://id.example' }, { at: 'http://hansa.example' }]) {
      await expect(put(unsafe)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
    await put({ issuer: 'http://127.0.0.1:9', at: 'http://localhost:8' });
  });

  test('let in nobody by an address that only looks alike once it is written small', async () => {
    const cluster = await makeLoginCluster();
    cluster.people.put('user:kate', {});
    cluster.emails.set('user:kate', 'kate@example.org');
    await cluster.logins.putProvider(corp);
    for (const email of ['\u212Aate@example.org', 'kate@example.org\u00A0']) {
      cluster.vouched = { ...stranger, email, emailVerified: true };
      await expect(finish(cluster)).rejects.toMatchObject({ code: 'LOGIN_UNBOUND' });
      expect((await cluster.logins.list({})).logins[0]?.bindings).toEqual([]);
    }
  });

  test('let in whom an operator has bound, or whose verified address is a user’s own', async () => {
    const cluster = await makeLoginCluster();
    const { logins, people, emails } = cluster;
    people.put('user:anna', {});
    emails.set('user:anna', 'anna@example.org');
    await logins.putProvider(corp);
    const unbound = { code: 'LOGIN_UNBOUND' };
    await expect(finish(cluster))
      .rejects.toMatchObject(unbound)
      .catch(() => undefined);
    cluster.vouched = { ...stranger, email: 'ANNA@example.org', emailVerified: true };
    expect(await finish(cluster)).toMatchObject({ principal: 'user:anna' });
    people.put('user:bob', {});
    await logins.bind({ provider: 'corp', user: 'bob', subject: stranger.subject });
    expect(await finish(cluster)).toMatchObject({ principal: 'user:bob' });
  });

  test('an address that two users have is nobody’s', async () => {
    const cluster = await makeLoginCluster();
    for (const user of ['user:anna', 'user:bob']) {
      cluster.people.put(user, {});
      cluster.emails.set(user, 'both@example.org');
    }
    await cluster.logins.putProvider(corp);
    cluster.vouched = { ...stranger, email: 'both@example.org', emailVerified: true };
    await expect(finish(cluster)).rejects.toMatchObject({ code: 'LOGIN_UNBOUND' });
  });

  test('that become another issuer lose whom they vouched for', async () => {
    const cluster = await makeLoginCluster();
    const { logins, people } = cluster;
    people.put('user:anna', {});
    await logins.putProvider(corp);
    await logins.bind({ provider: 'corp', user: 'anna', subject: stranger.subject });
    await logins.putProvider({ ...corp, issuer: 'https://other.example' });
    await expect(finish(cluster)).rejects.toMatchObject({ code: 'LOGIN_UNBOUND' });
  });

  test('end the sessions that began by them when they are removed', async () => {
    const cluster = await makeLoginCluster();
    const { logins, people } = cluster;
    people.put('user:anna', {});
    await logins.putProvider(corp);
    await logins.bind({ provider: 'corp', user: 'anna', subject: stranger.subject });
    const { session } = await finish(cluster);
    await logins.removeProvider({ provider: 'corp' });
    expect(() => cluster.as(session)).toThrow('the session is over');
    expect(await logins.ways({})).toEqual({ providers: [] });
  });

  test('a ticket without its code, and a code without its ticket, end in nothing', async () => {
    const cluster = await makeLoginCluster();
    await cluster.logins.putProvider(corp);
    const { ticket } = await cluster.logins.oidcStart({ provider: 'corp' });
    for (const given of [
      { ticket, code: 'guess' },
      { ticket: 'guess', code: 'guess' },
    ]) {
      await expect(cluster.logins.oidcFinish(given)).rejects.toMatchObject({
        code: 'LOGIN_REFUSED',
      });
    }
  });
});

async function* none(): AsyncIterable<Uint8Array> {
  yield* [];
}
