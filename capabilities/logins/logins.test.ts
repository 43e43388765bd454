import { reportOf } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { makeLoginCluster, settled, withAnna } from '../../testkit/login-cluster.ts';
import { failuresFree } from './lock-out.ts';
import { invitesMax, oneTimeCodeMs, passwordLengthMax, passwordLengthMin } from './contract.ts';

const right = 'a right password';

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
        .catch((error: unknown) => JSON.stringify(reportOf(error)));
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

  test('of whom no running node saw leave do not count for the next of the name', async () => {
    const { cluster } = await withAnna();
    const { people, clock } = cluster;
    await cluster.capability.stop();
    people.remove('user:anna');
    const again = await cluster.restart();
    clock.advance(1);
    people.put('user:anna', {});
    await settled();
    await settled();
    const login = again.logins.passwordLogin({ user: 'anna', password: right });
    await expect(login).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
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

test('guesses from one network of version 6 are those of one source', async () => {
  const { logins } = await makeLoginCluster();
  const guess = (source: string, user: string) =>
    logins.passwordLogin({ user, password: 'a wrong password' }, { source }).catch(reportOf);
  for (let at = 0; at < failuresFree; at += 1) {
    const source = `2001:db8:1:2::${at}`;
    expect(await guess(source, `u${at}`)).toMatchObject({ code: 'LOGIN_REFUSED' });
  }
  expect(await guess('2001:db8:1:2::99', 'more')).toMatchObject({ code: 'LOGIN_LOCKED' });
  expect(await guess('2001:db8:1:3::1', 'more')).toMatchObject({ code: 'LOGIN_REFUSED' });
});
