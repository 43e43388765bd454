import { describe, expect, test } from 'vitest';
import { makeLoginCluster, stranger, type LoginCluster } from '../../testkit/login-cluster.ts';
import {
  invitesMax,
  oneTimeCodeMs,
  passwordLengthMax,
  passwordLengthMin,
  sessionIdleMs,
  sessionsPerUserMax,
  sessionTotalMs,
  sessionUseGapMs,
  type LoggedIn,
} from './contract.ts';

const right = 'a right password';

async function withAnna(): Promise<{ cluster: LoginCluster; login(): Promise<LoggedIn> }> {
  const cluster = await makeLoginCluster();
  cluster.people.put('user:anna', {});
  const { code } = await cluster.logins.invite({ user: 'anna' });
  await cluster.logins.codeLogin({ code, password: right });
  return { cluster, login: () => cluster.logins.passwordLogin({ user: 'anna', password: right }) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('one-time codes', () => {
  test('the first start has one, no later one does', async () => {
    const cluster = await makeLoginCluster();
    expect(await cluster.firstCode()).toMatchObject({ code: expect.stringMatching(/^[\w-]{23}$/) });
    expect(await cluster.firstCode()).toBeUndefined();
    expect(await (await cluster.restart()).firstCode()).toBeUndefined();
  });

  test('the owner’s makes the user it is used for the owner, whether they are known or not', async () => {
    const { logins, people } = await makeLoginCluster();
    people.put('user:bob', { roles: ['viewer'] });
    for (const user of ['anna', 'bob']) {
      const { code } = await logins.ownerCode({});
      await logins.codeLogin({ code, user, password: right });
      const roles = people.find(`user:${user}` as never)?.roles.map(({ role }) => role);
      expect(roles).toContain('owner');
    }
  });

  test('is used once, is gone after a day, and the next one replaces it', async () => {
    const { clock, logins, people } = await makeLoginCluster();
    people.put('user:anna', {});
    const use = (code: string) => logins.codeLogin({ code, password: right });
    const refused = { code: 'LOGIN_REFUSED' };
    const one = await logins.invite({ user: 'anna' });
    const two = await logins.invite({ user: 'anna' });
    await expect(use(one.code)).rejects.toMatchObject(refused);
    await use(two.code.toLowerCase().replaceAll('-', ' '));
    await expect(use(two.code)).rejects.toMatchObject(refused);
    const late = await logins.invite({ user: 'anna' });
    clock.advance(oneTimeCodeMs);
    await expect(use(late.code)).rejects.toMatchObject(refused);
  });

  test('of many who come with it at once, one is let in', async () => {
    const { logins } = await makeLoginCluster();
    const { code } = await logins.ownerCode({});
    const all = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((user) => logins.codeLogin({ code, user, password: right })),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a weak password or a disabled user does not use it up', async () => {
    const { logins, people } = await makeLoginCluster();
    people.put('user:anna', { disabled: true });
    const { code } = await logins.invite({ user: 'anna' });
    await expect(logins.codeLogin({ code, password: 'short' })).rejects.toMatchObject({
      code: 'PASSWORD_WEAK',
    });
    await expect(logins.codeLogin({ code, password: right })).rejects.toMatchObject({
      code: 'PRINCIPAL_DISABLED',
    });
    people.put('user:anna', {});
    await expect(logins.codeLogin({ code, password: right })).resolves.toBeDefined();
  });

  test(`${invitesMax} wait at most; one more is STORE_LIMIT until some are used`, async () => {
    const { logins, people } = await makeLoginCluster();
    for (let at = 0; at <= invitesMax; at += 1) {
      people.put(`user:u${at}`, {});
    }
    const [first] = await Promise.all(
      Array.from({ length: invitesMax }, (_, at) => logins.invite({ user: `u${at}` })),
    );
    const more = () => logins.invite({ user: `u${invitesMax}` });
    await expect(more()).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    await logins.codeLogin({ code: first?.code ?? '', password: right });
    await expect(more()).resolves.toBeDefined();
  });
});

describe('passwords', () => {
  test('let their user in; wrong ones and unknown users are told alike', async () => {
    const { cluster, login } = await withAnna();
    expect(await login()).toMatchObject({ principal: 'user:anna' });
    const tell = (user: string) =>
      cluster.logins
        .passwordLogin({ user, password: 'not the right one' })
        .catch((error: Error) => ({ ...error, message: error.message }));
    expect(await tell('anna')).toEqual(await tell('nobody'));
  });

  test('of a disabled user are right, and are told so; wrong ones are not', async () => {
    const { cluster, login } = await withAnna();
    cluster.people.put('user:anna', { disabled: true });
    await expect(login()).rejects.toMatchObject({ code: 'PRINCIPAL_DISABLED' });
    const wrong = cluster.logins.passwordLogin({ user: 'anna', password: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
  });

  test('are letters alike however a keyboard composes them', async () => {
    const { cluster } = await withAnna();
    const call = cluster.as(
      (await cluster.logins.passwordLogin({ user: 'anna', password: right })).session,
    );
    await cluster.logins.changePassword({ password: right, newPassword: 'Travemu\u0308nde' }, call);
    const login = { user: 'anna', password: 'Travem\u00fcnde' };
    await expect(cluster.logins.passwordLogin(login)).resolves.toBeDefined();
  });

  test.each(['x'.repeat(passwordLengthMin - 1), 'a'.repeat(20), 'abababababababab'])(
    'that anybody would guess are PASSWORD_WEAK: %s',
    async (password) => {
      const { logins, people } = await makeLoginCluster();
      people.put('user:anna', {});
      const set = logins.setPassword({ user: 'anna', newPassword: password });
      await expect(set).rejects.toMatchObject({ code: 'PASSWORD_WEAK' });
    },
  );

  test('of the greatest length are taken, and longer ones fit no schema', async () => {
    const { logins, people } = await makeLoginCluster();
    people.put('user:anna', {});
    const newPassword = 'long'.repeat(passwordLengthMax / 4);
    await logins.setPassword({ user: 'anna', newPassword });
    const { loginsContract } = await import('./contract.ts');
    const { input } = loginsContract.methods.setPassword;
    expect(input.safeParse({ user: 'anna', newPassword }).success).toBe(true);
    expect(input.safeParse({ user: 'anna', newPassword: `${newPassword}x` }).success).toBe(false);
  });

  test('set by others have to be changed, to another one, and end every session', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    const given = 'given by an operator';
    expect(await cluster.logins.setPassword({ user: 'anna', newPassword: given })).toEqual({
      user: 'anna',
      ended: 2,
    });
    expect(() => cluster.as(session)).toThrow('the session is over');
    const attempt = (newPassword?: string) =>
      cluster.logins.passwordLogin({ user: 'anna', password: given, newPassword });
    await expect(attempt()).rejects.toMatchObject({ code: 'PASSWORD_CHANGE_NEEDED' });
    await expect(attempt(given)).rejects.toMatchObject({ code: 'PASSWORD_WEAK' });
    await expect(attempt(right)).resolves.toBeDefined();
    await expect(login()).resolves.toBeDefined();
  });

  test('changed by oneself take the old one, and end every other session', async () => {
    const { cluster, login } = await withAnna();
    const [mine, other] = [await login(), await login()];
    const call = cluster.as(mine.session);
    const change = (password: string) =>
      cluster.logins.changePassword({ password, newPassword: 'quite another one' }, call);
    await expect(change('wrong')).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
    expect(await change(right)).toEqual({ ended: 2 });
    expect(() => cluster.as(other.session)).toThrow('the session is over');
    expect(cluster.as(mine.session)).toBeDefined();
  });

  test('of a user who was removed do not count for whoever takes the name', async () => {
    const { cluster, login } = await withAnna();
    cluster.people.remove('user:anna');
    cluster.people.put('user:anna', {});
    await settled();
    await settled();
    await expect(login()).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
  });

  test('and codes and sessions stand in no log and no act', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    const { code } = await cluster.logins.ownerCode({});
    await cluster.logins
      .passwordLogin({ user: 'my password', password: 'x' })
      .catch(() => undefined);
    const text = `${cluster.written.join('\n')}\n${JSON.stringify(cluster.acts)}`;
    expect(text).toContain('login.succeeded');
    for (const secret of [right, session, code, 'my password']) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('sessions', () => {
  test('end after twelve hours without use, and after a week however busy', async () => {
    const { cluster, login } = await withAnna();
    const idle = await login();
    const busy = await login();
    for (let atMs = 0; atMs < sessionTotalMs - sessionIdleMs; atMs += sessionIdleMs / 2) {
      cluster.as(busy.session);
      await settled();
      await settled();
      cluster.clock.advance(sessionIdleMs / 2);
    }
    expect(() => cluster.as(idle.session)).toThrow('the session is over');
    cluster.as(busy.session);
    await settled();
    await settled();
    cluster.clock.advance(sessionIdleMs / 2);
    expect(cluster.as(busy.session)).toBeDefined();
    await settled();
    await settled();
    cluster.clock.advance(sessionIdleMs / 2);
    expect(() => cluster.as(busy.session)).toThrow('the session is over');
  });

  test('say when they were last used within five minutes, and survive a restart', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    const used = async (): Promise<number> =>
      (await cluster.logins.session({}, cluster.as(session))).usedMs;
    cluster.clock.advance(sessionUseGapMs - 1);
    cluster.as(session);
    await settled();
    expect(await used()).toBe(0);
    cluster.clock.advance(1);
    cluster.as(session);
    await settled();
    await settled();
    expect(await used()).toBe(sessionUseGapMs);
    const again = await cluster.restart();
    expect(again.as(session)).toMatchObject({ caller: { principal: 'user:anna' } });
  });

  test(`a user has ${sessionsPerUserMax}; the one unused the longest gives way`, async () => {
    const { cluster, login } = await withAnna();
    const sessions: LoggedIn[] = [];
    for (let at = 0; at <= sessionsPerUserMax; at += 1) {
      cluster.clock.advance(1);
      sessions.push(await login());
    }
    const [first, second] = sessions;
    expect(() => cluster.as(first?.session ?? '')).toThrow('the session is over');
    expect(cluster.as(second?.session ?? '')).toBeDefined();
    const listed = await cluster.logins.sessions({ user: 'anna' });
    expect(listed.sessions).toHaveLength(sessionsPerUserMax);
  });

  test('a text that only begins like one is none', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    for (const text of ['hs_', session.slice(0, -1), `${session}x`, session.toUpperCase()]) {
      expect(() => cluster.as(text)).toThrow('the session is over');
    }
  });

  test('carry a mark that nothing else fits', async () => {
    const { cluster, login } = await withAnna();
    const { session, mark } = await login();
    cluster.sessions.requireMark(session, mark);
    for (const wrong of [undefined, '', `${mark}x`, session]) {
      expect(() => cluster.sessions.requireMark(session, wrong)).toThrow('its session’s mark');
    }
  });

  test('end what goes on by them: by logout, by being disabled, by their time', async () => {
    const { cluster, login } = await withAnna();
    const { sessions, logins, people, clock } = cluster;
    const hold = async () => {
      const call = cluster.as((await login()).session);
      return { call, ...sessions.lapse(call.caller as never) };
    };
    const [out, off, late] = [await hold(), await hold(), await hold()];
    await logins.logout({}, out.call);
    expect(out.signal.aborted).toBe(true);
    expect(off.signal.aborted).toBe(false);
    people.put('user:anna', { disabled: true });
    expect(off.signal.aborted).toBe(true);
    expect(late.signal.aborted).toBe(true);
    people.put('user:anna', {});
    await settled();
    await settled();
    const idle = await hold();
    clock.advance(sessionIdleMs);
    await settled();
    expect(idle.signal.aborted).toBe(true);
    expect(idle.signal.reason).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('of others end by name or id; one’s own ends by its id alone', async () => {
    const { cluster, login } = await withAnna();
    const { logins, people } = cluster;
    people.put('user:bob', {});
    const { code } = await logins.invite({ user: 'bob' });
    const bob = cluster.as((await logins.codeLogin({ code, password: right })).session);
    const anna = await login();
    const end = logins.endOwnSession({ id: anna.id }, bob);
    await expect(end).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    expect((await logins.ownSessions({}, bob)).sessions).toHaveLength(1);
    await logins.endSession({ id: anna.id });
    expect(() => cluster.as(anna.session)).toThrow('the session is over');
    expect(await logins.endSessions({ user: 'bob' })).toEqual({ ended: 1 });
    await expect(logins.session({}, { caller: { kind: 'owner' } })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });
});

describe('nobody opens a way in to more than they may', () => {
  test('not by a code, a password or a provider', async () => {
    const { cluster, login } = await withAnna();
    const { logins, people, lacks } = cluster;
    people.put('user:bob', {});
    const call = cluster.as((await login()).session);
    lacks.add('api:*.*');
    const widened = { code: 'GRANT_WIDENED' };
    await expect(logins.ownerCode({}, call)).rejects.toMatchObject(widened);
    await expect(logins.invite({ user: 'anna' }, call)).rejects.toMatchObject(widened);
    const set = logins.setPassword({ user: 'anna', newPassword: right }, call);
    await expect(set).rejects.toMatchObject(widened);
    const put = { provider: 'x', issuer: 'https://x.example', client: 'c' };
    await expect(logins.putProvider(put, call)).rejects.toMatchObject(widened);
    await logins.putProvider(put);
    const bind = { provider: 'x', user: 'anna', subject: 's' };
    await expect(logins.bind(bind, call)).rejects.toMatchObject(widened);
    await expect(logins.invite({ user: 'bob' }, call)).resolves.toBeDefined();
    lacks.add('api:kv.read');
    await expect(logins.invite({ user: 'bob' }, call)).rejects.toMatchObject(widened);
  });
});

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
