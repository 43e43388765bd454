// The ten risks of OWASP's list for APIs (2023), each against a node as people run it. The titles
// are the list; what a helper of a risk shows in depth stands in its own test.
import { statSync, readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { PermissionRow } from '@hansa/capabilities/access/contract';
import type { LoggedIn, OneTimeCode } from '@hansa/capabilities/logins/contract';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { callApi, startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { must } from './harness/linking.ts';

const password = 'a-password-of-some-length';

let lubeck: Cluster;
/** A viewer, and somebody without any role. */
let anna: LoggedIn;
let olaf: LoggedIn;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
  await must(lubeck, 'user', 'add', 'anna', '--role', 'viewer');
  await must(lubeck, 'user', 'add', 'olaf');
  [anna, olaf] = [await enter('anna'), await enter('olaf')];
  await must(lubeck, 'kv', 'create', 'prices');
  await must(lubeck, 'kv', 'create', 'wages');
  await must(lubeck, 'kv', 'put', 'wages', 'anna', 'much');
});

async function enter(user: string): Promise<LoggedIn> {
  const invite = await lubeck.api<OneTimeCode>('POST', `/logins/users/${user}/invite`, {});
  const { code } = invite.body;
  const login = await as<LoggedIn>(undefined, 'POST', '/login/code', { code, password });
  expect(login.status).toBe(200);
  return login.body;
}

function as<T>(
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  const given = {
    ...(token === undefined ? {} : { token }),
    ...(body === undefined ? {} : { body }),
  };
  return callApi<T>({ url: lubeck.url, method, path, ...given });
}

async function codeOf(answer: Promise<Answer<unknown>>): Promise<string> {
  const { status, body } = await answer;
  expect(status).toBeGreaterThanOrEqual(400);
  return (body as ErrorReport).code;
}

function tokenFor(...caps: readonly string[]): Promise<IssuedToken> {
  const words = caps.flatMap((cap) => ['--cap', cap]);
  return must<IssuedToken>(lubeck, 'token', 'issue', '--audience', 'bearer', ...words);
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly permission: string;
}

async function operations(): Promise<readonly Operation[]> {
  const { body } = await lubeck.api<{
    paths: Record<string, Record<string, { 'x-permission'?: string }>>;
  }>('GET', '/openapi.json');
  return Object.entries(body.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({
      method: verb.toUpperCase(),
      path: path.replaceAll(/\{[^}]+\}/g, 'none'),
      permission: operation['x-permission'] ?? 'open',
    })),
  );
}

describe('1. broken object level authorisation', () => {
  test('a token for one space opens no other, and tells nothing of it', async () => {
    const { token } = await tokenFor('api:kv.read:prices', 'api:kv.write:prices');
    const entry = (space: string): string => `/kv/entry?space=${space}&key=anna`;
    expect(await codeOf(as(token, 'GET', entry('prices')))).toBe('ENTRY_NOT_FOUND');
    const refused = await codeOf(as(token, 'GET', entry('wages')));
    expect(refused).toBe(await codeOf(as(token, 'GET', entry('not-there'))));
    expect(['TOKEN_SCOPE', 'FORBIDDEN']).toContain(refused);
    const write = { space: 'wages', key: 'anna', text: 'more' };
    expect(await codeOf(as(token, 'PUT', '/kv/entry', write))).toBe(refused);
  });

  test('nobody ends another’s session, or revokes another’s token, as if it were their own', async () => {
    const own = await as<IssuedToken>(anna.session, 'POST', '/tokens/own', {
      audience: ['bearer'],
      caps: ['api:links.read'],
    });
    expect(own.status).toBe(200);
    const { jti } = own.body;
    expect(await codeOf(as(olaf.session, 'POST', `/tokens/own/${jti}/revoke`, {}))).toBe(
      'TOKEN_NOT_FOUND',
    );
    const ended = as(olaf.session, 'DELETE', `/session/all/${anna.id}`);
    const absent = as(
      olaf.session,
      'DELETE',
      `/session/all/${anna.id.slice(1)}${anna.id[0] ?? ''}`,
    );
    expect(await codeOf(ended)).toBe(await codeOf(absent));
    expect((await as(anna.session, 'GET', '/session')).status).toBe(200);
    expect((await as(own.body.token, 'GET', '/links')).status).toBe(200);
  });
});

describe('2. broken authentication', () => {
  test('a credential counts in its header alone: not in the query, the path or the body', async () => {
    const token = lubeck.token();
    const places = [
      as(undefined, 'GET', `/status?token=${token}`),
      as(undefined, 'GET', `/status?access_token=${token}&authorization=Bearer+${token}`),
      as(undefined, 'POST', '/stop', { token, authorization: `Bearer ${token}` }),
      as(anna.session, 'POST', '/stop', { token }),
    ];
    for (const place of places) {
      expect(['UNAUTHENTICATED', 'FORBIDDEN', 'INPUT_INVALID']).toContain(await codeOf(place));
    }
    const inCookie = await fetch(`${lubeck.url}/status`, {
      headers: { cookie: `hansa-session=${token}; token=${token}` },
    });
    expect(inCookie.status).toBe(401);
  });

  test('a token that nobody signed, signed with none, or another’s session is nothing', async () => {
    const part = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = part({ iss: 'x', sub: 'user:anna', aud: ['x'], exp: 4_102_444_800 });
    const forged = [
      `${part({ alg: 'none' })}.${claims}.`,
      `${part({ alg: 'HS256', kid: 'owner' })}.${claims}.${part({})}`,
      `hs_${'A'.repeat(43)}`,
      `${anna.session.slice(0, -1)}${anna.session.endsWith('A') ? 'B' : 'A'}`,
    ];
    for (const token of forged) {
      const answer = await as<ErrorReport>(token, 'GET', '/status');
      expect([400, 401]).toContain(answer.status);
    }
  });

  test('a session is over at once when it is ended, for cookies and headers alike', async () => {
    const again = await as<LoggedIn>(undefined, 'POST', '/login', { user: 'olaf', password });
    const { session } = again.body;
    expect((await as(session, 'GET', '/session')).status).toBe(200);
    expect((await as(session, 'POST', '/logout', {})).status).toBe(200);
    expect(await codeOf(as(session, 'GET', '/session'))).toBe('UNAUTHENTICATED');
  });

  test('who is there and who is not cannot be told by trying passwords, and guessing is slowed', async () => {
    const attempt = (user: string): Promise<Answer<ErrorReport>> =>
      as<ErrorReport>(undefined, 'POST', '/login', { user, password: 'not-the-password' });
    const [known, unknown] = [await attempt('olaf'), await attempt('nobody')];
    expect([known.status, known.body.code]).toEqual([unknown.status, unknown.body.code]);
    expect(known.body.message.replace('olaf', '')).toBe(unknown.body.message.replace('nobody', ''));
    const statuses: number[] = [];
    for (let at = 0; at < 12; at += 1) {
      statuses.push((await attempt('guessed')).status);
    }
    expect(statuses).toContain(429);
  });
});

describe('3. broken object property level authorisation', () => {
  test('a field that no contract has is refused, not ignored: nobody assigns what is not offered', async () => {
    const token = lubeck.token();
    const inputs: readonly (readonly [string, string, Record<string, unknown>])[] = [
      ['PUT', '/directory/users', { user: 'eve', disabled: false, owner: true }],
      ['POST', '/login', { user: 'olaf', password, principal: 'user:anna' }],
      [
        'POST',
        '/tokens',
        { audience: ['bearer'], caps: ['api:links.read'], ttlMs: 1_000, iss: 'x' },
      ],
      ['PUT', '/kv/entry', { space: 'prices', key: 'a', text: 'b', modRevision: 1 }],
      ['POST', '/sealing/rewrap', { keyFile: '/a', key: 'b' }],
    ];
    for (const [method, path, body] of inputs) {
      expect(await codeOf(as(token, method, path, body))).toBe('INPUT_INVALID');
    }
    const polluted = await fetch(`${lubeck.url}/kv/entry`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"space":"prices","key":"a","text":"b","__proto__":{"admin":true}}',
    });
    expect(polluted.status).toBe(400);
    expect(await codeOf(as(olaf.session, 'GET', '/status'))).toBe('FORBIDDEN');
  });
});

describe('4. unrestricted resource consumption', () => {
  test('bodies, pages, names and times have their bounds', async () => {
    const token = lubeck.token();
    const large = { space: 'prices', key: 'a', text: 'x'.repeat(2 * 1_024 * 1_024) };
    expect(await codeOf(as(token, 'PUT', '/kv/entry', large))).toBe('INPUT_TOO_LARGE');
    const bounded = [
      as(token, 'GET', '/kv/entries?space=prices&limit=1000000000'),
      as(token, 'GET', `/kv/entry?space=prices&key=${'k'.repeat(5_000)}`),
      as(token, 'POST', '/tokens', { audience: ['bearer'], caps: ['api:*'], ttlMs: 1e15 }),
      as(token, 'POST', '/login', { user: 'olaf', password: 'p'.repeat(100_000) }),
    ];
    for (const one of bounded) {
      expect(await codeOf(one)).toBe('INPUT_INVALID');
    }
  });

  test('one caller among many requests is told when to come back, and others go on', async () => {
    const { token } = await tokenFor('api:links.read');
    const statuses = new Map<number, number>();
    let retryAfter: string | null = null;
    const ask = async (): Promise<void> => {
      const response = await fetch(`${lubeck.url}/links`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      retryAfter = response.headers.get('retry-after') ?? retryAfter;
    };
    for (let round = 0; round < 60 && !statuses.has(429); round += 1) {
      await Promise.all(Array.from({ length: 100 }, ask));
    }
    expect(statuses.get(429)).toBeGreaterThan(0);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect([...statuses.keys()].every((status) => status === 200 || status === 429)).toBe(true);
    // By the unix socket, which is another address: the operator's own way in.
    expect((await lubeck.hansa('status')).code).toBe(0);
  }, 60_000);

  test('connections that say nothing are closed, and hold nobody up', async () => {
    const { hostname, port } = new URL(lubeck.url);
    const silent = Array.from({ length: 50 }, () => connect(Number(port), hostname));
    const ended = silent.map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on('error', () => undefined)
            .once('close', resolve)
            .resume(),
        ),
    );
    expect((await fetch(`${lubeck.url}/health`)).status).toBeLessThan(500);
    await Promise.all(ended);
  }, 60_000);
});

describe('5. broken function level authorisation', () => {
  test('every operation that changes something is refused to a viewer, and to nobody', async () => {
    const writes = (await operations()).filter(({ permission }) => permission.endsWith('.write'));
    expect(writes.length).toBeGreaterThan(50);
    const let_in: string[] = [];
    for (const { method, path } of writes) {
      const body = method === 'GET' || method === 'DELETE' ? undefined : {};
      const [viewer, stranger] = await Promise.all([
        patiently(() => as(anna.session, method, path, body)),
        patiently(() => as(undefined, method, path, body)),
      ]);
      // What a schema refuses is refused before it is asked whose it is.
      if (![400, 403].includes(viewer.status) || stranger.status !== 401) {
        let_in.push(`${method} ${path}: ${viewer.status}, ${stranger.status}`);
      }
    }
    expect(let_in).toEqual([]);
  }, 60_000);

  test('another verb, or another spelling of the path, is no way around', async () => {
    for (const [method, path] of [
      ['PUT', '/stop'],
      ['DELETE', '/stop'],
      ['POST', '/STOP'],
      ['POST', '/stop/'],
      ['POST', '//stop'],
      ['POST', '/./stop'],
      ['POST', '/status/../stop'],
      ['POST', '/%73top'],
      ['POST', '/stop?permission=open'],
    ] as const) {
      const answer = await as(anna.session, method, path, {});
      expect([400, 403, 404]).toContain(answer.status);
    }
    const overridden = await fetch(`${lubeck.url}/status`, {
      headers: {
        authorization: `Bearer ${olaf.session}`,
        'x-http-method-override': 'POST',
        'x-original-url': '/health',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-user': 'owner',
      },
    });
    expect(overridden.status).toBe(403);
  });
});

describe('6. unrestricted access to sensitive flows', () => {
  test('a one-time code lets in once, and an invitation for one user no other', async () => {
    await must(lubeck, 'user', 'add', 'ida');
    const { body } = await lubeck.api<OneTimeCode>('POST', '/logins/users/ida/invite', {});
    const login = (user?: string): Promise<Answer<LoggedIn>> =>
      patiently(() => as(undefined, 'POST', '/login/code', { code: body.code, password, user }));
    expect((await login('anna')).status).toBeGreaterThanOrEqual(400);
    expect((await login()).status).toBe(200);
    expect((await login()).status).toBeGreaterThanOrEqual(400);
  });
});

describe('7. server side request forgery', () => {
  test('an issuer that sends elsewhere is not followed, and what is there is not told', async () => {
    const inside = await listen((_request, response) => response.end('{"secret":"of-the-inside"}'));
    const issuer = await listen((_request, response) => {
      response.writeHead(302, { location: `${inside.url}/latest/meta-data` }).end();
    });
    await lubeck.api('PUT', '/logins/providers/elsewhere', { issuer: issuer.url, client: 'hansa' });
    const answer = await patiently(() =>
      as<ErrorReport>(undefined, 'POST', '/login/oidc', { provider: 'elsewhere', port: 9 }),
    );
    expect(answer.body.code).toBe('PROVIDER_FAILED');
    expect(answer.text).not.toContain('of-the-inside');
    expect(issuer.paths.length).toBeGreaterThan(0);
    expect(inside.paths).toEqual([]);
  });

  test('nobody but who may configure names an address, and none of another kind than the web’s', async () => {
    for (const issuer of ['file:///etc/passwd', 'gopher://127.0.0.1:1', 'unix:/run/x.sock', 'x']) {
      const put = lubeck.api('PUT', '/logins/providers/odd', { issuer, client: 'hansa' });
      expect(await codeOf(put)).toBe('INPUT_INVALID');
    }
    const asked = { provider: 'http://127.0.0.1:1', port: 9 };
    const named = await patiently(() => as<ErrorReport>(undefined, 'POST', '/login/oidc', asked));
    expect(['INPUT_INVALID', 'PROVIDER_NOT_FOUND']).toContain(named.body.code);
  });

  test('a file that a caller names is never told, whatever it holds', async () => {
    const keyFile = join(lubeck.data, 'owner.token');
    const asked = await patiently(() => lubeck.api('POST', '/sealing/rewrap', { keyFile }));
    expect(asked.status).toBe(409);
    expect(asked.text).not.toContain(lubeck.token());
  });
});

describe('8. security misconfiguration', () => {
  test('by default it listens on this machine alone, and its files are for their owner', async () => {
    expect(new URL(lubeck.url).hostname).toBe('127.0.0.1');
    const open = readdirSync(lubeck.data, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => join(each.parentPath, each.name))
      .filter((path) => /(?:token|key|json)$/.test(path) && (statSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
    expect(statSync(join(lubeck.data, 'keys')).mode & 0o077).toBe(0);
  });

  test('errors tell no stack, path or version, pages of others get nothing, and nothing is cached', async () => {
    const answers = await Promise.all([
      fetch(`${lubeck.url}/%E0%A4%A`),
      fetch(`${lubeck.url}/nowhere`),
      fetch(`${lubeck.url}/login`, { method: 'POST', body: '{' }),
      fetch(`${lubeck.url}/status`, {
        method: 'OPTIONS',
        headers: { origin: 'http://evil.example' },
      }),
    ]);
    for (const answer of answers) {
      const text = await answer.text();
      expect(text).not.toMatch(/node_modules|\.ts:\d|\.js:\d|at Object\.|fastify/i);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('server')).toBeNull();
    }
  });
});

describe('9. improper inventory management', () => {
  test('/openapi.json takes a credential, and lists exactly what is served', async () => {
    expect((await as(undefined, 'GET', '/openapi.json')).status).toBe(401);
    const listed = new Set((await operations()).map(({ permission }) => permission));
    const { body } = await lubeck.api<{ permissions: readonly PermissionRow[] }>(
      'GET',
      '/access/permissions',
    );
    // Permissions of tables are all that a caller can be given; each has an operation, and back.
    const unruled = new Set(['open', 'peer', 'self']);
    expect([...listed].filter((each) => !unruled.has(each)).toSorted()).toEqual(
      body.permissions.map(({ permission }) => permission).toSorted(),
    );
    const unserved: string[] = [];
    for (const { method, path } of await operations()) {
      const answer = await patiently(() =>
        as<ErrorReport>(olaf.session, method, path, method === 'GET' ? undefined : {}),
      );
      if (answer.body?.code === 'METHOD_UNKNOWN') {
        unserved.push(`${method} ${path}`);
      }
    }
    expect(unserved).toEqual([]);
  }, 60_000);

  test('nothing is served beside it: no debug, no admin, no older API', async () => {
    for (const path of [
      '/admin',
      '/debug',
      '/v0/status',
      '/api/v1',
      '/.env',
      '/metrics/',
      '/git',
    ]) {
      const answer = await patiently(() => lubeck.api<ErrorReport>('GET', path));
      expect([path, answer.body.code]).toEqual([path, 'METHOD_UNKNOWN']);
    }
  });
});

describe('10. unsafe consumption of APIs', () => {
  test('what a provider answers is bounded and checked: garbage, other issuers and floods fail alike', async () => {
    const floods = 64 * 1_024;
    const bodies: readonly ((url: string) => string)[] = [
      () => 'not json',
      () => '{"issuer":"https://other.example"}',
      (url) => JSON.stringify({ issuer: url, authorization_endpoint: 'javascript:alert(1)' }),
      (url) => JSON.stringify({ issuer: url, padding: 'x'.repeat(floods) }),
    ];
    for (const [at, bodyOf] of bodies.entries()) {
      const issuer = await listen((_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(bodyOf(issuer.url));
      });
      const provider = `liar-${at}`;
      await lubeck.api('PUT', `/logins/providers/${provider}`, {
        issuer: issuer.url,
        client: 'hansa',
      });
      const answer = await patiently(() =>
        as<ErrorReport>(undefined, 'POST', '/login/oidc', { provider, port: 9 }),
      );
      const refused = ['PROVIDER_FAILED', 'LOGIN_REFUSED'].includes(answer.body.code);
      expect([at, answer.text, refused]).toEqual([at, answer.text, true]);
    }
  });

  test('a peer that answers outside every contract is an error of its link, and of nothing else', async () => {
    await linkByHand(await makePeer('riga'), lubeck, { mine: true });
    const answer = await patiently(() => lubeck.api<ErrorReport>('GET', '/catalog?peer=riga'));
    expect(answer.status).not.toBe(500);
    expect((await patiently(() => lubeck.api('GET', '/status'))).status).toBe(200);
  });
});

/** Whoever is told to come back does: the tests of limits use up what all have together. */
async function patiently<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 429) {
      return answer;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 250);
    });
  }
}

interface Listening {
  readonly url: string;
  readonly paths: string[];
}

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Listening> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, paths };
}
