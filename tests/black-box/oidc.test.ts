// Logins by an identity provider, which is the real library on loopback: from the command line and
// from a browser, and all that must not let anybody in.
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import {
  openBrowser,
  startIdentityProvider,
  type IdentityProvider,
  type Visited,
} from './harness/identity-provider.ts';
import { must } from './harness/linking.ts';
import { logOf, makePerson } from './harness/people.ts';
import { until } from './harness/until.ts';

const anna = {
  sub: 'id-of-anna',
  email: 'Anna@Example.org',
  email_verified: true,
  preferred_username: 'somebody',
};
const secrets: string[] = [];

let lubeck: Cluster;
let corp: IdentityProvider;
let callback: string;

beforeAll(async () => {
  [lubeck, corp] = await Promise.all([startCluster({ name: 'lubeck' }), startIdentityProvider()]);
  callback = `${lubeck.url}/login/oidc/corp/callback`;
  corp.allow(callback, callback.replace('/corp/', '/made/'));
  secrets.push(corp.secret);
  await must(lubeck, 'user', 'add', 'anna', '--email', 'anna@example.org');
  await must(lubeck, 'role', 'assign', 'viewer', 'anna');
  await must(lubeck, 'group', 'add', 'ops');
  const put = await putProvider('corp', {});
  expect(put.status).toBe(200);
  expect(put.text).not.toContain(corp.secret);
});

function putProvider(name: string, more: object) {
  const { issuer, client, secret } = corp;
  const body = { issuer, client, secret, ...more };
  return lubeck.api<unknown>('PUT', `/logins/providers/${name}`, body);
}

function begin(provider = 'corp'): string {
  return `${lubeck.url}/login/oidc/${provider}`;
}

function codeOf({ text }: Visited): unknown {
  return (JSON.parse(text) as { code: string }).code;
}

test('a verified address is a user’s own: the command line waits for the browser', async () => {
  corp.seat(anna);
  const person = makePerson(lubeck, 'anna');
  const login = person.begins('login', '--url', lubeck.url, '--provider', 'corp');
  const url = await until('the command prints an address', () =>
    login
      .said()
      .split('\n')
      .find((line) => line.startsWith(corp.issuer)),
  );
  expect(url).toContain('code_challenge_method=S256');
  expect(url).not.toContain(corp.secret);
  const end = await openBrowser().visit(url);
  expect(end).toMatchObject({ status: 200 });
  expect(new URL(end.url).hostname).toBe('127.0.0.1');
  secrets.push(new URL(end.url).searchParams.get('code') ?? '');
  expect(await login.ended).toBe(0);
  secrets.push(person.session());
  const shown = await person.hansa('session', 'show');
  expect(shown.json()).toMatchObject({ principal: 'user:anna', by: 'corp' });
  const bound = await lubeck.hansa('login', 'list');
  expect(bound.json()).toMatchObject({
    logins: [{ user: 'anna', bindings: [{ subject: 'id-of-anna', by: 'e-mail' }] }],
  });
});

test('a browser comes back with a cookie, and goes on to a page of this node alone', async () => {
  corp.seat(anna);
  for (const [then, goes] of [
    ['/catalog', '/catalog'],
    ['//evil.example', '/session'],
    ['/\\evil.example', '/session'],
    ['https://evil.example', '/session'],
  ]) {
    const browser = openBrowser();
    const end = await browser.visit(`${begin()}?then=${encodeURIComponent(then ?? '')}`);
    expect(end.status).toBe(200);
    expect(end.text).toContain(`content="0;url=${goes}"`);
    expect(end.cookies[0]).toContain('HttpOnly; SameSite=Strict; Path=/');
    const session = await browser.visit(`${lubeck.url}/session`);
    expect(JSON.parse(session.text)).toMatchObject({ principal: 'user:anna' });
  }
});

test('the way back is open once, to the browser that left, with the state that it took along', async () => {
  corp.seat(anna);
  const browser = openBrowser();
  const back = await browser.visit(begin(), callback);
  const another = await openBrowser().visit(back.url);
  expect(another.status).toBe(401);
  expect(codeOf(another)).toBe('LOGIN_REFUSED');

  const wrongState = new URL((await browser.visit(begin(), callback)).url);
  wrongState.searchParams.set('state', 'another');
  expect((await browser.visit(wrongState.href)).status).toBe(401);

  const used = await browser.visit(begin(), callback);
  expect((await browser.visit(used.url)).status).toBe(200);
  const replayed = await browser.visit(used.url);
  expect(replayed.status).toBe(401);
  expect(codeOf(replayed)).toBe('LOGIN_REFUSED');

  // A code that was used, with a state that waits: the provider refuses it.
  const fresh = new URL((await browser.visit(begin(), callback)).url);
  fresh.searchParams.set('code', new URL(used.url).searchParams.get('code') ?? '');
  const stolen = await browser.visit(fresh.href);
  expect(stolen.status).toBe(401);
  expect(codeOf(stolen)).toBe('LOGIN_REFUSED');
});

test('an answer to another question is refused: its nonce, its verifier, its issuer', async () => {
  corp.seat(anna);
  const change = async (name: string, value: string): Promise<Visited> => {
    const browser = openBrowser();
    const left = await browser.visit(begin(), corp.issuer);
    const asked = new URL(left.url);
    asked.searchParams.set(name, value);
    return browser.visit(asked.href);
  };
  for (const [name, value] of [
    ['nonce', 'another'],
    ['code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
  ]) {
    const end = await change(name ?? '', value ?? '');
    expect(end.status).toBe(401);
    expect(codeOf(end)).toBe('LOGIN_REFUSED');
  }
  const browser = openBrowser();
  const back = new URL((await browser.visit(begin(), callback)).url);
  back.searchParams.set('iss', 'https://evil.example');
  expect(codeOf(await browser.visit(back.href))).toBe('LOGIN_REFUSED');
});

test('an address that nobody has verified is nobody’s, and a stranger is refused', async () => {
  corp.seat({ sub: 'mallory', email: 'anna@example.org', email_verified: false });
  const end = await openBrowser().visit(begin());
  expect(end.status).toBe(403);
  expect(JSON.parse(end.text)).toMatchObject({
    code: 'LOGIN_UNBOUND',
    facts: { provider: 'corp', subject: 'mallory' },
  });
  await must(lubeck, 'user', 'add', 'bob');
  await must(lubeck, 'login', 'provider', 'bind', 'corp', 'bob', 'mallory');
  const browser = openBrowser();
  expect((await browser.visit(begin())).status).toBe(200);
  const session = await browser.visit(`${lubeck.url}/session`);
  expect(JSON.parse(session.text)).toMatchObject({ principal: 'user:bob' });
  await must(lubeck, 'login', 'provider', 'unbind', 'corp', 'mallory');
  expect((await browser.visit(`${lubeck.url}/session`)).status).toBe(401);
});

test('only a provider that may makes users, with the role and groups that were said', async () => {
  const put = await putProvider('made', {
    create: true,
    role: 'viewer',
    scopes: ['email', 'profile', 'groups'],
    groups: { engineering: 'ops' },
  });
  expect(put.status).toBe(200);
  const carl = { sub: 'id-of-carl', preferred_username: 'Carl', groups: ['engineering', 'all'] };
  corp.seat(carl);
  expect((await openBrowser().visit(begin('made'))).status).toBe(200);
  const user = await must<{ groups: string[]; roles: string[] }>(lubeck, 'user', 'show', 'carl');
  expect(user).toMatchObject({ groups: ['ops'], roles: ['viewer'] });
  // What the provider says later counts from the next login on.
  corp.seat({ ...carl, groups: [] });
  expect((await openBrowser().visit(begin('made'))).status).toBe(200);
  expect(await must(lubeck, 'user', 'show', 'carl')).toMatchObject({ groups: [] });
  // A name that somebody has is not taken over.
  corp.seat({ sub: 'id-of-another', preferred_username: 'anna' });
  expect(codeOf(await openBrowser().visit(begin('made')))).toBe('LOGIN_UNBOUND');
});

test('a disabled user is let in by no provider', async () => {
  corp.seat(anna);
  await must(lubeck, 'user', 'disable', 'anna');
  const end = await openBrowser().visit(begin());
  expect(end.status).toBe(403);
  expect(codeOf(end)).toBe('PRINCIPAL_DISABLED');
  await must(lubeck, 'user', 'enable', 'anna');
});

test('a command line that waits for another browser’s login gets nothing', async () => {
  const { url } = lubeck;
  const post = <T>(path: string, body: object) => callApi<T>({ url, method: 'POST', path, body });
  const started = await post<{ ticket: string }>('/login/oidc', { provider: 'corp' });
  expect(started.status).toBe(200);
  const finish = { ticket: started.body.ticket, code: 'guessed' };
  expect((await post('/login/oidc/finish', finish)).status).toBe(401);
});

test('a provider that is away is told so, and passwords go on', async () => {
  corp.seat(anna);
  const browser = openBrowser();
  const back = await browser.visit(begin(), callback);
  await corp.stop();
  const end = await browser.visit(back.url);
  expect(end.status).toBe(502);
  expect(codeOf(end)).toBe('PROVIDER_FAILED');
  expect((await putProvider('gone', { client: 'never asked before' })).status).toBe(200);
  expect(codeOf(await openBrowser().visit(begin('gone')))).toBe('PROVIDER_FAILED');
  const password = { newPassword: 'while the provider is away' };
  expect((await lubeck.api('PUT', '/logins/users/anna/password', password)).status).toBe(200);
  const login = {
    user: 'anna',
    password: password.newPassword,
    newPassword: 'and back again soon',
  };
  secrets.push(login.password, login.newPassword);
  const { url } = lubeck;
  const done = await callApi({ url, method: 'POST', path: '/login', body: login });
  expect(done.status).toBe(200);
});

test('no secret of the provider, code or session stands in the log', async () => {
  const log = logOf(lubeck);
  expect(log).toContain('login.succeeded');
  for (const secret of secrets) {
    expect(secret).not.toBe('');
    expect(log).not.toContain(secret);
  }
});
