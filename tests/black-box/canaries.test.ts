// Secrets are planted by doing the real things, errors are provoked that might tell them, and then
// everything that a node says or keeps is searched for each of them: in plain, base64 and hex.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Acceptance, Invitation } from '@hansa/capabilities/links/contract';
import type { LoggedIn, OneTimeCode } from '@hansa/capabilities/logins/contract';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { callApi, startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { must, untilLinked } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { findBelow, findIn, type Canary } from './rooms/search.ts';

const sealKey = 'a5'.repeat(32);
const password = 'Canary-of-a-password-0001';
const mistyped = 'Canary-of-a-password-mistyped';
const clientSecret = 'canary-of-a-client-secret-0002';
const sealedValue = 'canary-of-a-sealed-value-0003';
const guess = 'canary.of.a-token-that-is-none-0004';

let lubeck: Cluster;
let bergen: Cluster;
/** All of them, by what they are. */
const planted: Canary[] = [];
/** What was said to somebody on purpose: the only place where that secret may be. */
const answers: { readonly to: string; readonly text: string }[] = [];

function plant<T extends string>(what: string, text: T): T {
  planted.push({ what, text });
  return text;
}

function without(...what: readonly string[]): readonly Canary[] {
  return planted.filter((canary) => !what.includes(canary.what));
}

function send<T>(
  method: string,
  path: string,
  given: { readonly token?: string; readonly body?: unknown } = {},
): Promise<Answer<T>> {
  return callApi<T>({ url: lubeck.url, method, path, token: lubeck.token(), ...given });
}

async function made<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await send<T>(method, path, { body });
  if (answer.status !== 200) {
    throw new Error(`${method} ${path}: ${answer.text}`);
  }
  return answer.body;
}

beforeAll(async () => {
  const keyFile = join(temporaryFolder('seal'), 'seal.key');
  writeFileSync(keyFile, sealKey, { mode: 0o600 });
  const plainFirst = await startCluster({ name: 'lubeck' });
  for (const name of readdirSync(join(plainFirst.data, 'keys'))) {
    const text = readFileSync(join(plainFirst.data, 'keys', name), 'utf8').trim();
    planted.push({ what: name, text, bytes: Buffer.from(text, 'hex') });
  }
  const [started] = await Promise.all([
    startCluster({ name: 'bergen' }),
    plainFirst.restart(['--seal-key-file', keyFile]),
  ]);
  [lubeck, bergen] = [plainFirst, started];
  planted.push({ what: 'seal key', text: sealKey, bytes: Buffer.from(sealKey, 'hex') });
  plant('owner token', lubeck.token());
  plant('mistyped password', mistyped);
  plant('wrong token', guess);
  await plantPeople();
  await plantTokens();
  await provoke();
});

async function plantPeople(): Promise<void> {
  plant('password', password);
  plant('client secret', clientSecret);
  await must(lubeck, 'user', 'add', 'anna', '--role', 'viewer');
  await must(lubeck, 'user', 'add', 'olaf');
  const { code } = await made<OneTimeCode>('POST', '/logins/users/anna/invite', {});
  plant('used code', code);
  const first = await made<LoggedIn>('POST', '/login/code', { code, password });
  plant('first session', first.session);
  const second = await made<LoggedIn>('POST', '/login', { user: 'anna', password });
  plant('session', second.session);
  plant('mark', second.mark);
  const waiting = await made<OneTimeCode>('POST', '/logins/users/olaf/invite', {});
  plant('code', waiting.code);
  await made('PUT', '/logins/providers/company', {
    issuer: 'http://127.0.0.1:9/realm',
    client: 'hansa',
    secret: clientSecret,
  });
}

async function plantTokens(): Promise<void> {
  const invitation = await must<Invitation>(lubeck, 'link', 'invite');
  plant('link token', invitation.token);
  const { link } = await must<Acceptance>(bergen, 'link', 'accept', invitation.token);
  await must(bergen, 'link', 'confirm', 'lubeck', '--words', link.checkWords);
  await must(lubeck, 'link', 'confirm', 'bergen', '--words', link.checkWords);
  await untilLinked(lubeck, 'bergen');
  plant('unused link token', (await must<Invitation>(lubeck, 'link', 'invite')).token);
  const issue = (audience: string): Promise<IssuedToken> =>
    must(lubeck, 'token', 'issue', '--audience', audience, '--cap', 'api:links.read');
  const { token } = await issue('bearer');
  plant('bearer token', token);
  const { token: forBergen } = await issue('bergen');
  plant('received token', forBergen);
  await must(bergen, 'token', 'add', forBergen);
  await must(lubeck, 'kv', 'create', 'secrets');
  plant('sealed value', sealedValue);
  await must(lubeck, 'kv', 'put', 'secrets', 'vault', sealedValue);
}

const textOf = (what: string): string => planted.find((each) => each.what === what)?.text ?? '';

/** Every mistake with a secret in it, each in a place where it might be repeated. */
async function provoke(): Promise<void> {
  const session = textOf('session');
  const bearer = textOf('bearer token');
  const requests: readonly (readonly [string, string, string | undefined, unknown?])[] = [
    ['POST', '/login', undefined, { user: 'anna', password: mistyped }],
    ['POST', '/login', undefined, { user: 'anna', password, extra: clientSecret }],
    ['POST', '/login/code', undefined, { code: textOf('code'), password: 'short' }],
    ['POST', '/login/oidc', undefined, { provider: 'company', port: 9 }],
    ['POST', '/login/oidc/finish', undefined, { ticket: session, code: textOf('code') }],
    ['PUT', '/logins/providers/company', lubeck.token(), { secret: clientSecret }],
    ['GET', '/status', guess],
    ['GET', '/status', `${bearer}x`],
    ['GET', '/status', bearer],
    ['GET', '/status', `${session}x`],
    ['PUT', '/kv/entry', session, { space: 'secrets', key: 'a', text: sealedValue }],
    ['GET', `/links/${encodeURIComponent(bearer)}`, lubeck.token()],
    ['GET', `/${session}`, lubeck.token()],
    ['GET', `/links?token=${encodeURIComponent(bearer)}`, lubeck.token()],
    ['POST', '/links', lubeck.token(), { token: `${textOf('unused link token')}x` }],
    ['POST', '/links', lubeck.token(), { token: textOf('link token') }],
    ['POST', '/tokens/received', lubeck.token(), { token: `${bearer}x` }],
    ['POST', '/tokens/check', lubeck.token(), { token: `${bearer}x` }],
    ['POST', '/sealing/rewrap', lubeck.token(), { keyFile: join(lubeck.data, 'owner.token') }],
    ['DELETE', `/logins/sessions/${encodeURIComponent(session)}`, lubeck.token()],
  ];
  for (const [method, path, token, body] of requests) {
    const answer = await callApi({
      url: lubeck.url,
      method,
      path,
      ...(token === undefined ? {} : { token }),
      ...(body === undefined ? {} : { body }),
    });
    answers.push({ to: `${method} ${path.slice(0, 24)}`, text: answer.text });
  }
  const broken = await fetch(`${lubeck.url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"user":"anna","password":"${password}`,
  });
  answers.push({ to: 'broken JSON', text: await broken.text() });
  const twice = await fetch(`${lubeck.url}/status`, {
    headers: { cookie: `hansa-session=${session}; hansa-session=${session}` },
  });
  answers.push({ to: 'a cookie', text: await twice.text() });
}

describe('no secret', () => {
  test('is missing from the search itself: each is found where it was put', () => {
    expect(planted.length).toBeGreaterThanOrEqual(18);
    for (const { what, text, bytes } of planted) {
      expect(text.length).toBeGreaterThanOrEqual(12);
      const kept = bytes ?? Buffer.from(text);
      const shifted = Buffer.concat([Buffer.from('x'), kept, Buffer.from('yz')]);
      for (const place of [text, kept, shifted.toString('base64'), kept.toString('hex')]) {
        expect(findIn(place, planted)).toContain(what);
      }
    }
    expect(findIn('nothing of that kind', planted)).toEqual([]);
  });

  test('is in an answer to whoever made a mistake with it', () => {
    expect(answers.length).toBeGreaterThan(15);
    // A path of its own making reaches nothing; all others reach what they are about.
    const unknown = answers.filter(({ text }) => text.includes('METHOD_UNKNOWN'));
    expect(unknown.map(({ to }) => to.slice(0, 8))).toEqual([
      `GET /${textOf('session').slice(0, 3)}`,
    ]);
    const told = answers.flatMap(({ to, text }) =>
      findIn(text, planted).map((what) => `${to}: ${what}`),
    );
    expect(told).toEqual([]);
  });

  test('is in what a GET of any path answers, metrics, audit and the API’s description included', async () => {
    const { body } = await send<{ paths: Record<string, Record<string, unknown>> }>(
      'GET',
      '/openapi.json',
    );
    const paths = Object.entries(body.paths)
      .filter(([path, { get }]) => get !== undefined && !path.includes('{'))
      .map(([path]) => path);
    expect(paths.length).toBeGreaterThan(40);
    const found: string[] = [];
    let answered = 0;
    for (const path of [...paths, '/metrics', '/openapi.json']) {
      const { text, status } = await firstOf(path);
      answered += status === 200 ? 1 : 0;
      found.push(...findIn(text, planted).map((what) => `${path}: ${what}`));
    }
    expect(found).toEqual([]);
    expect(answered).toBeGreaterThan(30);
  });

  test('is in what commands show, as JSON, as a table or in their errors', async () => {
    const folder = temporaryFolder('dumps');
    const lines = [
      ['status'],
      ['status', '--config'],
      ['doctor'],
      ['audit', 'list'],
      ['audit', 'verify'],
      ['audit', 'export', '--out', join(folder, 'audit.jsonl')],
      ['evidence', 'export', 'kv/secrets', '--since', '0'],
      ['login', 'list'],
      ['login', 'provider', 'list'],
      ['session', 'list'],
      ['token', 'list'],
      ['token', 'received'],
      ['link', 'list'],
      ['seal', 'status'],
      ['cert', 'list'],
      ['metrics'],
    ] as const;
    const found: string[] = [];
    const ofPeer = lines.filter(([noun, verb]) => noun === 'token' || verb === 'list');
    for (const [cluster, asked] of [[lubeck, lines] as const, [bergen, ofPeer] as const]) {
      for (const [at, line] of asked.entries()) {
        // Both would double the time; every other one as people see it.
        const done = await (at % 2 === 0 ? cluster.hansa(...line) : cluster.hansaPlain(...line));
        const said = `${done.stdout}${done.stderr}`;
        // Evidence holds what the resource holds: its whole content is what it proves.
        const sought = line[0] === 'evidence' ? without('sealed value') : planted;
        found.push(...findIn(said, sought).map((what) => `${line.join(' ')}: ${what}`));
      }
    }
    expect(found).toEqual([]);
    expect(findBelow(folder, planted)).toEqual([]);
  });

  test('is in the log of a node', () => {
    for (const cluster of [lubeck, bergen]) {
      const log = cluster
        .log()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .join('\n');
      expect(log).toContain('"name":"node.started"');
      expect(findIn(log, planted)).toEqual([]);
    }
  });

  test('is in any file of a sealed data folder but the owner’s own way in', async () => {
    const open = without('owner token');
    expect(findBelow(lubeck.data, open)).toEqual([]);
    expect(findBelow(lubeck.data, planted)).toEqual(['owner.token: owner token']);
    await lubeck.stop();
    expect(findBelow(lubeck.data, open)).toEqual([]);
  });
});

/** What comes within a moment: some paths are watches, and never end. */
async function firstOf(path: string): Promise<{ text: string; status: number }> {
  const leave = new AbortController();
  const response = await fetch(`${lubeck.url}${path}`, {
    headers: { authorization: `Bearer ${lubeck.token()}` },
    signal: leave.signal,
  });
  const isWatch = response.headers.get('content-type')?.includes('ndjson') === true;
  if (!isWatch) {
    return { text: await response.text(), status: response.status };
  }
  let text = '';
  const timer = setTimeout(() => leave.abort(), 500);
  try {
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString('utf8');
    }
  } catch {
    // Left on purpose.
  } finally {
    clearTimeout(timer);
  }
  return { text, status: response.status };
}
