import { Agent } from 'node:http';
import { HansaError, silentLog, type AuditEntry } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { createApiGate } from './gate.ts';
import { ask, openShelves, token } from './shelves.suite.ts';

const json = (value: unknown): string => JSON.stringify(value);

test('a query becomes what the schema expects: numbers, booleans, lists and objects', async () => {
  const road = await openShelves();
  const near = encodeURIComponent(json({ shelf: 3 }));
  const answer = await ask(road, `/books?limit=10&all=true&words=a&words=b&near=${near}&title=7`);
  expect(answer.json).toEqual({
    echo: { limit: 10, all: true, words: ['a', 'b'], near: { shelf: 3 }, title: '7' },
  });
});

test('a query may hold the whole input as one JSON text', async () => {
  const road = await openShelves();
  const answer = await ask(road, `/books?json=${encodeURIComponent(json({ title: null }))}`);
  expect(answer.json).toEqual({ echo: { title: null } });
});

test('a query that does not fit is refused with the field’s name', async () => {
  const road = await openShelves();
  const answer = await ask(road, '/books?limit=many');
  expect(answer.status).toBe(400);
  expect(answer.json).toMatchObject({ code: 'INPUT_INVALID' });
  expect(answer.text).toContain('limit');
});

test('path parameters are decoded and join the body', async () => {
  const road = await openShelves();
  const body = json({ pages: 12 });
  const answer = await ask(road, '/books/a%2Fb%20%C3%A9', { method: 'PUT', body });
  expect(answer.json).toEqual({ title: 'a/b é', pages: 12 });
});

test('a field that says one thing in the path and another in the body is refused', async () => {
  const road = await openShelves();
  const body = json({ title: 'other', pages: 1 });
  const answer = await ask(road, '/books/one', { method: 'PUT', body });
  expect(answer).toMatchObject({ status: 400 });
});

test('a method that promises nothing answers 204', async () => {
  const road = await openShelves();
  const answer = await ask(road, '/books/Faust%2FI', { method: 'DELETE' });
  expect(answer).toMatchObject({ status: 204, text: '' });
});

test('an error is its report with the register’s status', async () => {
  const road = await openShelves();
  const answer = await ask(road, '/books/none', { method: 'DELETE' });
  expect(answer.status).toBe(404);
  expect(answer.json).toEqual({
    code: 'RESOURCE_NOT_FOUND',
    message: 'no book "none"',
    facts: { title: 'none' },
  });
});

test('a fault of ours tells nothing of its inside', async () => {
  const road = await openShelves({
    service: {
      find: async () => {
        throw new Error('password is 1234');
      },
    },
  });
  const answer = await ask(road, '/books');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('1234');
});

test('unknown paths and methods are METHOD_UNKNOWN, and only for those who hold the token', async () => {
  const road = await openShelves();
  expect((await ask(road, '/nowhere')).json).toMatchObject({ code: 'METHOD_UNKNOWN' });
  expect((await ask(road, '/books', { method: 'OPTIONS' })).status).toBe(404);
  expect((await ask(road, '/nowhere', { anonymous: true })).status).toBe(401);
});

test('health needs no token; everything else asks for one in words that git and browsers know', async () => {
  const road = await openShelves();
  const health = await ask(road, '/health', { anonymous: true });
  expect(health.json).toEqual({ status: 'ok', version: '9.9.9' });
  const books = await ask(road, '/books', { anonymous: true });
  expect(books.status).toBe(401);
  expect(books.headers['www-authenticate']).toBe('Basic realm="hansa"');
  expect((await ask(road, '/openapi.json', { anonymous: true })).status).toBe(401);
});

test('the token may come as a Basic password with any user name', async () => {
  const road = await openShelves();
  const basic = (pair: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  });
  const right = { anonymous: true, headers: basic('git:an-owner-token') };
  const wrong = { anonymous: true, headers: basic('an-owner-token:git') };
  expect((await ask(road, '/books', right)).status).toBe(200);
  expect((await ask(road, '/books', wrong)).status).toBe(401);
});

test('wrong tokens are counted, and the right one is still let in', async () => {
  const road = await openShelves();
  const wrong = { anonymous: true, headers: { authorization: 'Bearer guess' } };
  const statuses: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    statuses.push((await ask(road, '/books', wrong)).status);
  }
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401));
  expect(statuses.slice(10)).toEqual([429, 429]);
  expect(Number((await ask(road, '/books', wrong)).headers['retry-after'])).toBeGreaterThan(0);
  expect((await ask(road, '/books')).status).toBe(200);
});

test('whoever is turned away at the door is recorded, without what they sent', async () => {
  const entries: AuditEntry[] = [];
  const gate = createApiGate({ token, clock: createSystemClock(), log: silentLog });
  const road = await openShelves({
    needs: { gate: { ...gate, record: (entry) => void entries.push(entry) } },
  });
  await ask(road, '/books', { anonymous: true, headers: { authorization: 'Bearer a-guess' } });
  await ask(road, '/books', { anonymous: true });
  await ask(road, '/health', { anonymous: true });
  const refused = {
    contract: 'http',
    method: 'authenticate',
    caller: { kind: 'anonymous' },
    source: '127.0.0.1',
    outcome: 'UNAUTHENTICATED',
  };
  expect(entries).toEqual([refused, refused]);
});

test('a body over one mebibyte is refused, and the connection goes on', async () => {
  const road = await openShelves();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = json({ pages: 1, title: 'x'.repeat(2 * 1_024 * 1_024) });
  const refused = await ask(road, '/books/x', { method: 'PUT', body, agent });
  expect(refused.json).toMatchObject({ code: 'INPUT_TOO_LARGE', facts: { bytesMax: 1_048_576 } });
  const next = await ask(road, '/books', { agent });
  expect(next).toMatchObject({ status: 200, freshSocket: false });
  agent.destroy();
});

test('a chunked body is bounded without a declared length', async () => {
  const road = await openShelves();
  const body = 'x'.repeat(1_024 * 1_024 + 1);
  const headers = { 'transfer-encoding': 'chunked' };
  const answer = await ask(road, '/books/x', { method: 'PUT', body, headers });
  expect(answer.status).toBe(413);
});

test('a body is JSON and says so', async () => {
  const road = await openShelves();
  const asText = { method: 'PUT', body: '{"pages":1}', headers: { 'content-type': 'text/plain' } };
  expect((await ask(road, '/books/x', asText)).json).toMatchObject({ code: 'INPUT_INVALID' });
  const broken = await ask(road, '/books/x', { method: 'PUT', body: '{"pages":' });
  expect(broken.json).toMatchObject({ code: 'INPUT_INVALID' });
  const list = await ask(road, '/books/x', { method: 'PUT', body: '[]' });
  expect(list.json).toMatchObject({ code: 'INPUT_INVALID' });
});

test('malformed escapes in a path are the caller’s mistake', async () => {
  const road = await openShelves();
  const answer = await ask(road, '/books/%E0%A4%A', { method: 'DELETE' });
  expect(answer.status).toBe(400);
});

test('answers carry the headers that keep browsers out, and no CORS', async () => {
  const road = await openShelves();
  const { headers } = await ask(road, '/books', { headers: { origin: `http://${host(road)}` } });
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
  });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('a Host that is not this node’s is refused: DNS rebinding', async () => {
  const road = await openShelves({ needs: { hosts: ['node.example'] } });
  const status = async (name: string): Promise<number> =>
    (await ask(road, '/health', { headers: { host: name } })).status;
  expect(await status('evil.example')).toBe(403);
  expect(await status('127.0.0.1.evil.example:80')).toBe(403);
  expect(await status('LOCALHOST:1')).toBe(200);
  expect(await status('[::1]:9')).toBe(200);
  expect(await status('node.example')).toBe(200);
});

test('requests that a page of another origin causes are refused, token or not', async () => {
  const road = await openShelves();
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await ask(road, '/books', { headers })).status;
  expect(await status({ origin: 'http://evil.example' })).toBe(403);
  expect(await status({ origin: 'null' })).toBe(403);
  expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await status({ 'sec-fetch-site': 'none' })).toBe(200);
});

test('stock git gets its errors as text, which it shows', async () => {
  const road = await openShelves();
  const headers = { 'user-agent': 'git/2.39.5' };
  const answer = await ask(road, '/nowhere', { headers });
  expect(answer.headers['content-type']).toContain('text/plain');
  expect(answer.text).toContain('[METHOD_UNKNOWN]');
});

test('a client that leaves cancels its call', async () => {
  let cancelled: (reason: unknown) => void = () => undefined;
  let called: () => void = () => undefined;
  const reason = new Promise((resolve) => (cancelled = resolve));
  const started = new Promise<void>((resolve) => (called = resolve));
  const road = await openShelves({
    service: {
      find: (_input, call) =>
        new Promise((_, reject) => {
          called();
          call?.signal?.addEventListener('abort', () => {
            cancelled(call.signal?.reason);
            reject(new HansaError('CANCELLED', 'left'));
          });
        }),
    },
  });
  const agent = new Agent();
  const asked = ask(road, '/books', { agent }).catch(() => undefined);
  await started;
  agent.destroy();
  await asked;
  expect(await reason).toMatchObject({ code: 'CANCELLED' });
});

function host(road: { address: { host: string; port: number } }): string {
  return `${road.address.host}:${road.address.port}`;
}
