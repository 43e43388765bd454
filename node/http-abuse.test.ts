// What those send who mean no good: every one of these is answered or cut off, with nothing of ours
// in the answer, and the next request is served.
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { TokenAuthority, TokenCaller } from '@hansa/capabilities/tokens/contract';
import { HansaError, silentLog } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { createHandClock } from '../testkit/hand-clock.ts';
import { createApiGate } from './gate.ts';
import { gateLimits } from './gate-limits.ts';
import { httpLimits } from './http-limits.ts';
import { securityHeaders } from './http-guard.ts';
import type { HttpRoad } from './http.ts';
import { ask, openShelves, token } from './shelves.suite.ts';

/** Says it over a bare socket; everything that comes back until the end. */
function speak({ address }: HttpRoad, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, address.host, () => socket.end(text));
    let heard = '';
    socket.on('data', (part) => (heard += part.toString()));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(heard) : reject(error),
    );
    socket.once('close', () => resolve(heard));
  });
}

function head(line: string, headers: readonly string[] = []): string {
  const all = ['Host: localhost', `Authorization: Bearer ${token}`, ...headers];
  return `${line} HTTP/1.1\r\n${all.join('\r\n')}\r\nConnection: close\r\n\r\n`;
}

const statusOf = (answer: string): string => answer.slice(9, 12);

test.each([
  ['Host', 'Host: evil.example'],
  ['Host of its own', 'Host: localhost'],
  ['Authorization', 'Authorization: Bearer guess'],
  ['Origin', 'Origin: http://localhost\r\nOrigin: http://evil.example'],
  ['proof of possession', 'Hansa-Proof: a\r\nHansa-Proof: b'],
  ['Cookie', 'Cookie: a=1\r\nCookie: b=2'],
  ['Content-Type', 'Content-Type: application/json\r\nContent-Type: text/plain'],
])('a second %s is refused: nobody chooses which one counts', async (_name, twice) => {
  const road = await openShelves();
  const answer = await speak(road, head('GET /books', [twice]));
  expect(statusOf(answer)).toBe('400');
  expect(answer).toContain('INPUT_INVALID');
});

test.each([
  ['two lengths', ['Content-Length: 2', 'Content-Length: 3'], '{}'],
  ['a length and chunks', ['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
  ['chunks spelled twice', ['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n'],
  ['chunks that are not the last coding', ['Transfer-Encoding: chunked, gzip'], '0\r\n\r\n'],
  ['a coding nobody knows', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
  ['a space before the colon', ['Content-Length : 2'], '{}'],
  ['a negative length', ['Content-Length: -2'], '{}'],
  ['a folded header', ['X-A: 1\r\n Content-Length: 2'], '{}'],
  ['a bare line feed', ['X-A: 1\nTransfer-Encoding: chunked'], '0\r\n\r\n'],
  ['a zero byte', ['X-A: \0'], '{}'],
])('a body with %s smuggles no second request', async (_what, headers, body) => {
  const road = await openShelves();
  const smuggled = head('DELETE /books/Faust%2FI');
  const answer = await speak(road, `${head('PUT /books/x', headers)}${body}${smuggled}`);
  expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
  expect(statusOf(answer)).toMatch(/^4/);
  expect(statusOf(answer)).not.toBe('404');
  expect((await ask(road, '/books')).status).toBe(200);
});

test.each(['TRACE', 'CONNECT', 'PROPFIND', 'OPTIONS', 'HEAD', 'PATCH', 'FOO', 'get'])(
  'the method %s does nothing, and echoes nothing',
  async (method) => {
    const road = await openShelves();
    const answer = await speak(road, head(`${method} /books`, ['X-Canary: tweet']));
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/);
    expect(answer).not.toContain('tweet');
    expect(answer).not.toContain(token);
    expect((await ask(road, '/books')).status).toBe(200);
  },
);

test('a preflight gets nothing that lets a page in', async () => {
  const road = await openShelves();
  const headers = {
    origin: 'http://evil.example',
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization',
  };
  for (const anonymous of [true, false]) {
    const asked = { method: 'OPTIONS', headers, anonymous };
    const answer = await ask(road, '/books/x', asked);
    expect(answer.status).toBe(403);
    const names = Object.keys(answer.headers);
    expect(names.filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(names).not.toContain('allow');
  }
});

test.each([
  '/books/../openapi.json',
  '/books/..%2f..%2fopenapi.json',
  '/./openapi.json/../books/x',
  '//openapi.json',
  '/openapi.json%00',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/books/x;/../../health',
  '/books\\..\\health',
])('the path %s leads nowhere but where it says', async (path) => {
  const road = await openShelves();
  for (const anonymous of [true, false]) {
    const answer = await ask(road, path, { anonymous, method: 'DELETE' });
    expect(answer.status).toBe(anonymous ? 401 : 404);
  }
});

test('every answer carries the headers that keep browsers out: refusals, errors and malformed ones', async () => {
  const limits = { ...httpLimits, headersMs: 50 };
  const road = await openShelves({
    needs: { limits },
    service: {
      find: async () => {
        throw new HansaError('RATE_LIMITED', 'not now');
      },
    },
  });
  const body = JSON.stringify({ pages: 'x'.repeat(2 * 1_024 * 1_024) });
  const declared = ['Content-Type: application/json', `Content-Length: ${body.length}`];
  const answers = [
    head('GET /health'),
    head('GET /books'),
    head('GET /nowhere'),
    head('DELETE /books/none'),
    head('DELETE /books/Faust%2FI'),
    head('PUT /books/%E0%A4%A'),
    `${head('PUT /books/x', declared)}${body}`,
    head('GET /books', ['Origin: null']),
    head('GET /books', ['Expect: the-unexpected']),
    head('GET /readings/2'),
    'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET /health HTTP/1.0\r\n\r\n',
    'GET /books HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    'EHLO there\r\n\r\n',
    head('GET /books', [`X: ${'x'.repeat(20_000)}`]),
  ];
  for (const text of answers) {
    const answer = await speak(road, text);
    for (const [name, value] of Object.entries(securityHeaders)) {
      expect(answer.toLowerCase()).toContain(`${name}: ${value}`.toLowerCase());
    }
    expect(answer.toLowerCase()).not.toMatch(/\r\n(server|x-powered-by|access-control-[a-z-]+):/);
  }
});

test('a request is counted once against its address, whoever brings it', async () => {
  const anna: TokenCaller = {
    kind: 'token',
    holder: 'bearer',
    subject: 'anna',
    scopes: ['api:*'],
    chain: ['t'],
    expiresMs: 1,
  };
  const gate = createApiGate({
    token,
    clock: createHandClock(),
    log: silentLog,
    limits: { ...gateLimits, requestsBurst: 3 },
    tokens: { authenticate: () => anna } as unknown as TokenAuthority,
    access: { authorise: () => undefined } as unknown as AccessControl,
  });
  const road = await openShelves({ needs: { gate } });
  const statuses: number[] = [];
  for (let asked = 0; asked < 4; asked += 1) {
    const headers = { authorization: 'Bearer a.b.c' };
    statuses.push((await ask(road, '/books', { anonymous: true, headers })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test('whoever is told to come less often is told when', async () => {
  const road = await openShelves({
    service: {
      find: async () => {
        throw new HansaError('RATE_LIMITED', 'not now');
      },
      burn: async () => {
        throw new HansaError('BUDGET_EXHAUSTED', 'used up', { facts: { retryAfterSeconds: 90 } });
      },
    },
  });
  const limited = await ask(road, '/books');
  expect([limited.status, limited.headers['retry-after']]).toEqual([429, '1']);
  const spent = await ask(road, '/books/x', { method: 'DELETE' });
  expect([spent.status, spent.headers['retry-after']]).toEqual([429, '90']);
});

test('paths that cannot be decoded count like all that an address asks', async () => {
  const limits = { ...gateLimits, requestsPerSecond: 1, requestsBurst: 2 };
  const gate = createApiGate({ token, clock: createSystemClock(), log: silentLog, limits });
  const road = await openShelves({ needs: { gate } });
  const statuses: number[] = [];
  for (let at = 0; at < 4; at += 1) {
    statuses.push((await ask(road, '/%E0%A4%A', { anonymous: true })).status);
  }
  expect(statuses).toEqual([400, 400, 429, 429]);
});

test('one address holds so many connections: connectionsPerAddressMax; room comes back', async () => {
  const limits = { ...httpLimits, connectionsPerAddressMax: 2 };
  const { address, ...road } = await openShelves({ needs: { limits } });
  const hold = async (): Promise<Socket> => {
    const socket = connect(address.port, address.host);
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    return socket;
  };
  const first = await hold();
  await hold();
  await expect(ask({ address, ...road }, '/health')).rejects.toThrow(/hang up|ECONNRESET/);
  first.destroy();
  await expect
    .poll(() =>
      ask({ address, ...road }, '/health').then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
});

test('a hundred heads that never end hold nobody else up', async () => {
  const limits = { ...httpLimits, headersMs: 500 };
  const road = await openShelves({ needs: { limits } });
  const sockets = Array.from({ length: 100 }, () =>
    connect(road.address.port, road.address.host, function dribble(this: Socket) {
      this.write('GET /health HTTP/1.1\r\nHost: localhost\r\nX: ');
    }),
  );
  const closed = sockets.map((socket) => {
    socket.on('error', () => undefined).resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  expect((await ask(road, '/books')).status).toBe(200);
  await Promise.all(closed);
});
