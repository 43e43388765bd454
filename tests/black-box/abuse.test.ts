// The first five of OWASP's ten risks for APIs (2023), each against a node as people run it. The
// titles are the list; the other five stand in abuse-beyond.test.ts.
import { connect } from 'node:net';
import type { LoggedIn } from '@hansa/capabilities/logins/contract';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { askAs, codeOf, enter, operations, password, patiently, type Ask } from './rooms/asking.ts';

let lubeck: Cluster;
/** A viewer, and somebody without any role. */
let anna: LoggedIn;
let olaf: LoggedIn;
const as: Ask = (...asked) => askAs(lubeck)(...asked);

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
  await must(lubeck, 'user', 'add', 'anna', '--role', 'viewer');
  await must(lubeck, 'user', 'add', 'olaf');
  [anna, olaf] = [await enter(lubeck, 'anna'), await enter(lubeck, 'olaf')];
  await must(lubeck, 'kv', 'create', 'prices');
  await must(lubeck, 'kv', 'create', 'wages');
  await must(lubeck, 'kv', 'put', 'wages', 'anna', 'much');
});

function tokenFor(...caps: readonly string[]): Promise<IssuedToken> {
  const words = caps.flatMap((cap) => ['--cap', cap]);
  return must<IssuedToken>(lubeck, 'token', 'issue', '--audience', 'bearer', ...words);
}

describe('1. broken object level authorisation', () => {
  test('a token for one space opens no other, and tells nothing of it', async () => {
    const { token } = await tokenFor('api:kv.read:prices', 'api:kv.write:prices');
    const entry = (space: string): string => `/kv/entry?space=${space}&key=anna`;
    expect(await codeOf(as(token, ['GET', entry('prices')]))).toBe('ENTRY_NOT_FOUND');
    const refused = await codeOf(as(token, ['GET', entry('wages')]));
    expect(refused).toBe(await codeOf(as(token, ['GET', entry('not-there')])));
    expect(['TOKEN_SCOPE', 'FORBIDDEN']).toContain(refused);
    const write = { space: 'wages', key: 'anna', text: 'more' };
    expect(await codeOf(as(token, ['PUT', '/kv/entry'], write))).toBe(refused);
  });

  test('nobody ends another’s session, or revokes another’s token, as if it were their own', async () => {
    const own = await as<IssuedToken>(anna.session, ['POST', '/tokens/own'], {
      audience: ['bearer'],
      caps: ['api:links.read'],
    });
    expect(own.status).toBe(200);
    const { jti } = own.body;
    expect(await codeOf(as(olaf.session, ['POST', `/tokens/own/${jti}/revoke`], {}))).toBe(
      'TOKEN_NOT_FOUND',
    );
    const ended = as(olaf.session, ['DELETE', `/session/all/${anna.id}`]);
    const absent = as(olaf.session, [
      'DELETE',
      `/session/all/${anna.id.slice(1)}${anna.id[0] ?? ''}`,
    ]);
    expect(await codeOf(ended)).toBe(await codeOf(absent));
    expect((await as(anna.session, ['GET', '/session'])).status).toBe(200);
    expect((await as(own.body.token, ['GET', '/links'])).status).toBe(200);
  });
});

describe('2. broken authentication', () => {
  test('a credential counts in its header alone: not in the query, the path or the body', async () => {
    const token = lubeck.token();
    const places = [
      as(undefined, ['GET', `/status?token=${token}`]),
      as(undefined, ['GET', `/status?access_token=${token}&authorization=Bearer+${token}`]),
      as(undefined, ['POST', '/stop'], { token, authorization: `Bearer ${token}` }),
      as(anna.session, ['POST', '/stop'], { token }),
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
      const answer = await as<ErrorReport>(token, ['GET', '/status']);
      expect([400, 401]).toContain(answer.status);
    }
  });

  test('a session is over at once when it is ended, for cookies and headers alike', async () => {
    const again = await as<LoggedIn>(undefined, ['POST', '/login'], { user: 'olaf', password });
    const { session } = again.body;
    expect((await as(session, ['GET', '/session'])).status).toBe(200);
    expect((await as(session, ['POST', '/logout'], {})).status).toBe(200);
    expect(await codeOf(as(session, ['GET', '/session']))).toBe('UNAUTHENTICATED');
  });

  test('who is there and who is not cannot be told by trying passwords, and guessing is slowed', async () => {
    const attempt = (user: string): Promise<Answer<ErrorReport>> =>
      as<ErrorReport>(undefined, ['POST', '/login'], { user, password: 'not-the-password' });
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
      expect(await codeOf(as(token, [method, path], body))).toBe('INPUT_INVALID');
    }
    const polluted = await fetch(`${lubeck.url}/kv/entry`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"space":"prices","key":"a","text":"b","__proto__":{"admin":true}}',
    });
    expect(polluted.status).toBe(400);
    expect(await codeOf(as(olaf.session, ['GET', '/status']))).toBe('FORBIDDEN');
  });
});

describe('4. unrestricted resource consumption', () => {
  test('bodies, pages, names and times have their bounds', async () => {
    const token = lubeck.token();
    const large = { space: 'prices', key: 'a', text: 'x'.repeat(2 * 1_024 * 1_024) };
    expect(await codeOf(as(token, ['PUT', '/kv/entry'], large))).toBe('INPUT_TOO_LARGE');
    const bounded = [
      as(token, ['GET', '/kv/entries?space=prices&limit=1000000000']),
      as(token, ['GET', `/kv/entry?space=prices&key=${'k'.repeat(5_000)}`]),
      as(token, ['POST', '/tokens'], { audience: ['bearer'], caps: ['api:*'], ttlMs: 1e15 }),
      as(token, ['POST', '/login'], { user: 'olaf', password: 'p'.repeat(100_000) }),
    ];
    for (const one of bounded) {
      expect(await codeOf(one)).toBe('INPUT_INVALID');
    }
  });

  test('one caller among many requests is told when to come back, and others go on', async () => {
    const { token } = await tokenFor('api:links.read');
    // What costs the node least: a full machine answers the rest more slowly than anybody may ask.
    const said = await flood(lubeck, { token, path: '/health', count: 5_000 });
    const statuses = [...said.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    expect(statuses).toHaveLength(5_000);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(Number(/^retry-after: (\d+)/im.exec(said)?.[1])).toBeGreaterThan(0);
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

/** All in one go on one connection, so that asking costs less than answering; the answers. */
function flood(
  { url }: Cluster,
  asked: { readonly token: string; readonly path: string; readonly count: number },
): Promise<string> {
  const { hostname, port, host } = new URL(url);
  const lines = [`GET ${asked.path} HTTP/1.1`, `Host: ${host}`];
  const head = [...lines, `Authorization: Bearer ${asked.token}`].join('\r\n');
  const rest = `${head}\r\n\r\n`.repeat(asked.count - 1);
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(Number(port), hostname);
    socket.once('error', reject).once('close', () => resolve(said));
    socket.setEncoding('utf8').on('data', (text: string) => (said += text));
    socket.write(`${rest}${head}\r\nConnection: close\r\n\r\n`);
  });
}

describe('5. broken function level authorisation', () => {
  test('every operation that changes something is refused to a viewer, and to nobody', async () => {
    const writes = (await operations(lubeck)).filter(({ permission }) =>
      permission.endsWith('.write'),
    );
    expect(writes.length).toBeGreaterThan(50);
    const let_in: string[] = [];
    for (const { method, path } of writes) {
      const body = method === 'GET' || method === 'DELETE' ? undefined : {};
      const [viewer, stranger] = await Promise.all([
        patiently(() => as(anna.session, [method, path], body)),
        patiently(() => as(undefined, [method, path], body)),
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
      const answer = await as(anna.session, [method, path], {});
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
