// From the first start to a second person with a limited role: over real processes, as people type
// it, and over HTTP as programs and browsers do.
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { firstCode, logOf, makePerson, type Person } from './harness/people.ts';
import { until } from './harness/until.ts';

const anna = { user: 'anna', password: 'the sea at Travemünde' };
const bob = { user: 'bob', password: 'a quiet harbour at night' };
const secrets: string[] = [anna.password, bob.password];

let lubeck: Cluster;
let owner: Person;
let second: Person;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
  owner = makePerson(lubeck, 'anna');
  second = makePerson(lubeck, 'bob');
});

interface Answer {
  readonly code: string;
  readonly session: string;
  readonly mark: string;
  readonly facts: { readonly retryAfterSeconds: number };
}

function login(body: object, path = '/login') {
  return callApi<Answer>({ url: lubeck.url, method: 'POST', path, body });
}

/** Some answers come with headers, or ask for some. */
function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<Response> {
  return fetch(`${lubeck.url}${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(20_000),
  });
}

test('nothing is open before the first login but health and the logins themselves', async () => {
  for (const path of ['/status', '/session', '/logins/users', '/openapi.json', '/nowhere']) {
    expect((await ask('GET', path)).status).toBe(401);
  }
  expect((await ask('GET', '/health')).status).toBe(200);
  expect(await (await ask('GET', '/login/ways')).json()).toEqual({ providers: [] });
});

test('the code of the first start makes an owner, once', async () => {
  const code = firstCode(lubeck);
  secrets.push(code);
  const login = ['login', '--url', lubeck.url, '--code', code, '--password-stdin'];
  const nobody = await owner.says([anna.password], ...login);
  expect(nobody.report()).toMatchObject({ code: 'INPUT_INVALID' });
  const weak = await owner.says(['short'], ...login, '--user', 'anna');
  expect(weak.report()).toMatchObject({ code: 'PASSWORD_WEAK' });
  const done = await owner.says([anna.password], ...login, '--user', 'anna');
  expect(done.json()).toMatchObject({ context: 'lubeck', principal: 'user:anna' });
  secrets.push(owner.session());
  expect(done.stdout).not.toContain(owner.session());
  const again = await second.says([bob.password], ...login, '--user', 'mallory');
  expect(again.report()).toMatchObject({ code: 'LOGIN_REFUSED' });
  expect((await owner.hansa('user', 'list')).code).toBe(0);
});

test('a later start prints no code', async () => {
  const printed = (): number => lubeck.log().split('first login').length - 1;
  expect(printed()).toBe(1);
  await lubeck.restart();
  expect(printed()).toBe(1);
  await owner.says(
    [anna.password],
    'login',
    '--url',
    lubeck.url,
    '--user',
    'anna',
    '--password-stdin',
  );
  secrets.push(owner.session());
});

test('somebody who is invited as a viewer may list and not write, and is told why', async () => {
  expect((await owner.hansa('user', 'add', 'bob')).code).toBe(0);
  expect((await owner.hansa('role', 'assign', 'viewer', 'bob')).code).toBe(0);
  const invited = await owner.hansa('login', 'invite', 'bob');
  const { code } = invited.json<{ code: string }>();
  secrets.push(code);
  // An option of `login` means nothing to what stands behind it.
  expect((await owner.hansa('login', 'list', '--user', 'bob')).report().code).toBe('USAGE');
  const words = ['login', '--url', lubeck.url, '--code', code.toLowerCase(), '--password-stdin'];
  const done = await second.says([bob.password], ...words);
  expect(done.json()).toMatchObject({ principal: 'user:bob' });
  secrets.push(second.session());
  expect((await second.hansa('catalog', 'list')).code).toBe(0);
  const refused = await second.hansa('kv', 'create', 'prices');
  expect(refused.code).toBe(4);
  expect(refused.report()).toMatchObject({ code: 'FORBIDDEN' });
  expect(refused.report().message).toContain('user:bob');
  const escalated = await second.hansa('login', 'owner-code');
  expect(escalated.report()).toMatchObject({ code: 'FORBIDDEN' });
});

test('nobody opens a way into an account that may do more than they may', async () => {
  await must(lubeck, 'user', 'add', 'carl');
  await must(lubeck, 'role', 'define', 'doorman', '--scope', 'api:logins.*');
  await must(lubeck, 'role', 'assign', 'doorman', 'carl');
  const { code } = await must<{ code: string }>(lubeck, 'login', 'invite', 'carl');
  const carl = makePerson(lubeck, 'carl');
  const words = ['login', '--url', lubeck.url, '--code', code, '--password-stdin'];
  expect((await carl.says(['the keys of all rooms'], ...words)).code).toBe(0);
  for (const escalation of [
    ['login', 'invite', 'anna'],
    ['login', 'owner-code'],
    ['login', 'provider', 'put', 'x', '--issuer', 'https://x.example', '--client', 'c', '--yes'],
  ]) {
    expect((await carl.hansa(...escalation)).report()).toMatchObject({ code: 'GRANT_WIDENED' });
  }
  const password = ['login', 'password', 'anna', '--password-stdin'];
  const set = await carl.says(['mine from now on'], ...password);
  expect(set.report()).toMatchObject({ code: 'GRANT_WIDENED' });
});

test('a wrong password and an unknown user are told alike, and locked out alike', async () => {
  const guess = (user: string) => login({ user, password: 'not the password' });
  await must(lubeck, 'user', 'add', 'dora');
  const told = new Set<string>();
  for (const user of ['dora', 'nobody', 'dora', 'nobody', 'dora']) {
    const { status, text } = await guess(user);
    expect(status).toBe(401);
    told.add(text);
  }
  expect(told.size).toBe(1);
  const locked = await ask('POST', '/login', {}, { user: 'dora', password: 'x' });
  expect(locked.status).toBe(429);
  expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await locked.json()).toMatchObject({ code: 'LOGIN_LOCKED' });
  // The address is locked out, not the person: they come from elsewhere, by the node's own socket.
  const elsewhere = await lubeck.hansaPlain('login', 'list');
  expect(elsewhere.code).toBe(0);
});

test('a browser’s session is a cookie that changes nothing without its mark', async () => {
  const begun = await until('the lock-out is over', async () => {
    const answer = await ask('POST', '/session', {}, anna);
    return answer.status === 200 ? answer : undefined;
  });
  const cookie = begun.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(
    /^hansa=hs_[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=604800$/,
  );
  const [pair = ''] = cookie.split(';');
  secrets.push(pair.slice('hansa='.length));
  const { mark, session } = (await begun.json()) as Answer;
  expect(session).toBeUndefined();
  const shown = await ask('GET', '/session', { cookie: pair });
  expect(await shown.json()).toMatchObject({ principal: 'user:anna', mark });

  const greet = (headers: Readonly<Record<string, string>>) =>
    ask('POST', '/greetings', { cookie: pair, ...headers }, { name: 'Ada' });
  expect((await greet({})).status).toBe(403);
  expect((await greet({ 'hansa-mark': 'another' })).status).toBe(403);
  const crossSite = { 'hansa-mark': mark, 'sec-fetch-site': 'cross-site' };
  expect((await greet(crossSite)).status).toBe(403);
  expect((await greet({ 'hansa-mark': mark, origin: 'http://evil.example' })).status).toBe(403);
  expect((await greet({ 'hansa-mark': mark })).status).toBe(200);
  // As a cookie, no other token counts: somebody else may have put it there.
  expect((await ask('GET', '/status', { cookie: `hansa=${lubeck.token()}` })).status).toBe(401);
  // A login page is served whatever the browser still has.
  const stale = { cookie: 'hansa=hs_over' };
  expect((await ask('GET', '/login/ways', stale)).status).toBe(200);
  expect((await ask('GET', '/status', stale)).status).toBe(401);

  expect((await ask('DELETE', '/session', { cookie: pair })).status).toBe(403);
  const ended = await ask('DELETE', '/session', { cookie: pair, 'hansa-mark': mark });
  expect(ended.headers.get('set-cookie')).toContain('Max-Age=0');
  expect((await ask('GET', '/session', { cookie: pair })).status).toBe(401);
});

test('a disabled user’s stream ends at once, and the right password tells them why', async () => {
  const bearer = { authorization: `Bearer ${second.session()}` };
  const watch = await ask('GET', '/greetings', bearer);
  expect(watch.status).toBe(200);
  const lines = watch.text();
  await must(lubeck, 'user', 'disable', 'bob');
  const last = (await lines).trim().split('\n').at(-1) ?? '';
  expect(JSON.parse(last)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  expect((await ask('GET', '/session', bearer)).status).toBe(401);
  const patient = (body: object) =>
    until('the lock-out is over', async () => {
      const answer = await login(body);
      return answer.status === 429 ? undefined : answer;
    });
  const right = await patient(bob);
  expect(right).toMatchObject({ status: 403, body: { code: 'PRINCIPAL_DISABLED' } });
  const wrong = await patient({ ...bob, password: 'not the password' });
  expect(wrong).toMatchObject({ status: 401, body: { code: 'LOGIN_REFUSED' } });
});

test('a password that an operator has set is changed at the next login', async () => {
  await must(lubeck, 'user', 'enable', 'bob');
  const given = 'until you come back';
  secrets.push(given);
  const set = await owner.says([given], 'login', 'password', 'bob', '--password-stdin');
  expect(set.json()).toMatchObject({ user: 'bob' });
  const words = ['login', '--url', lubeck.url, '--user', 'bob', '--password-stdin'];
  const attempt = (lines: readonly string[]) =>
    until('the lock-out is over', async () => {
      const done = await second.says(lines, ...words);
      return done.code === 6 ? undefined : done;
    });
  // Without a second line there is nothing to change it to.
  expect((await attempt([given])).report()).toMatchObject({ code: 'USAGE' });
  expect((await attempt([given, given])).report()).toMatchObject({ code: 'PASSWORD_WEAK' });
  expect((await attempt([given, bob.password])).code).toBe(0);
  secrets.push(second.session());
  const own = await second.hansa('session', 'list');
  expect(own.json<{ sessions: unknown[] }>().sessions).toHaveLength(1);
  const session = second.session();
  expect((await second.hansa('logout')).code).toBe(0);
  const over = await ask('GET', '/session', { authorization: `Bearer ${session}` });
  expect(over.status).toBe(401);
});

test('no password, code or session stands in the log or in the audit', async () => {
  const audit = await lubeck.hansa('audit', 'list', '--limit', '1000');
  expect(audit.code).toBe(0);
  expect(audit.stdout).toContain('login.succeeded');
  const written = `${logOf(lubeck)}\n${audit.stdout}`;
  expect(secrets.length).toBeGreaterThan(8);
  for (const secret of secrets) {
    expect(written).not.toContain(secret);
  }
});
