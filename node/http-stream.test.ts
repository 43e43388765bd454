import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import {
  HansaError,
  type Gate,
  type HttpRequest,
  type HttpResponse,
  type HttpRoute,
} from '@hansa/foundation';
import { expect, test } from 'vitest';
import type { HttpRoad } from './http.ts';
import { httpLimits } from './http-limits.ts';
import { ask, openShelves, token } from './shelves.suite.ts';

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

test('a watch is a line per item and a last line that says it ended', async () => {
  const road = await openShelves();
  const answer = await ask(road, '/readings/2');
  expect(answer.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
  expect(lines(answer.text)).toEqual([
    { item: { page: 0, text: 'la' } },
    { item: { page: 1, text: 'la' } },
    { end: true },
  ]);
});

test('an error inside a started watch is its last line', async () => {
  const road = await openShelves({
    service: {
      async *readings() {
        yield { page: 0, text: 'la' };
        throw new HansaError('STORE_WATCH_OVERFLOW', 'too slow');
      },
    },
  });
  const answer = await ask(road, '/readings/2');
  expect(answer.status).toBe(200);
  expect(lines(answer.text).at(-1)).toEqual({
    error: { code: 'STORE_WATCH_OVERFLOW', message: 'too slow' },
  });
});

test('a watch that is refused is a status, not a stream', async () => {
  const road = await openShelves();
  expect((await ask(road, '/readings/many')).status).toBe(400);
  expect((await ask(road, '/readings/2', { anonymous: true })).status).toBe(401);
});

test('a quiet watch stands before its first item, and its client’s leaving ends it', async () => {
  let left: (reason: unknown) => void = () => undefined;
  const reason = new Promise((resolve) => (left = resolve));
  const road = await openShelves({
    service: {
      // oxlint-disable-next-line require-yield
      async *readings(_input, call) {
        const over = new Promise<void>((resolve) => {
          call?.signal?.addEventListener('abort', () => resolve());
        });
        await over;
        left(call?.signal?.reason);
      },
    },
  });
  const { sent, response } = await open(road, '/readings/2');
  expect(response.statusCode).toBe(200);
  sent.destroy();
  expect(await reason).toMatchObject({ code: 'CANCELLED' });
});

test('nothing is pulled while the client does not read', async () => {
  let pulled = 0;
  const text = 'x'.repeat(64 * 1_024);
  const road = await openShelves({
    service: {
      async *readings({ count }) {
        for (let page = 0; page < count; page += 1) {
          pulled += 1;
          yield { page, text };
        }
      },
    },
  });
  const { response } = await open(road, '/readings/2000');
  await settled(() => pulled);
  const whileFull = pulled;
  expect(whileFull).toBeLessThan(500);
  let size = 0;
  for await (const part of response) {
    size += (part as Buffer).length;
  }
  expect(pulled).toBe(2_000);
  expect(size).toBeGreaterThan(2_000 * text.length);
});

test('a client that stops reading for too long is let go', async () => {
  let ended: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (ended = resolve));
  const road = await openShelves({
    needs: { limits: { ...httpLimits, stalledReaderMs: 50 } },
    service: {
      async *readings() {
        try {
          for (let page = 0; ; page += 1) {
            yield { page, text: 'x'.repeat(64 * 1_024) };
          }
        } finally {
          ended();
        }
      },
    },
  });
  const { sent } = await open(road, '/readings/1');
  await over;
  sent.destroy();
});

test('closing the road ends its watches with the reason, and frees the port', async () => {
  const road = await openShelves({
    service: {
      async *readings(_input, call) {
        yield { page: 0, text: 'la' };
        await new Promise<void>((resolve) => {
          call?.signal?.addEventListener('abort', () => resolve());
        });
      },
    },
  });
  const { response } = await open(road, '/readings/1');
  const parts: string[] = [];
  const read = (async () => {
    for await (const part of response.setEncoding('utf8')) {
      parts.push(String(part));
    }
  })();
  await expect.poll(() => parts.length).toBeGreaterThan(0);
  await Promise.all([read, road.close()]);
  expect(lines(parts.join('')).at(-1)).toMatchObject({ error: { code: 'SHUTTING_DOWN' } });
  await openShelves({ needs: { listen: road.address } });
});

test('a raw route reads any body as a stream and answers with one', async () => {
  const road = await openShelves({ routes: [echo()] });
  const headers = { 'content-type': 'application/x-git-upload-pack-request' };
  const body = 'a'.repeat(3 * 1_024 * 1_024);
  const answer = await ask(road, '/raw/a%20b/c?service=x', { method: 'POST', body, headers });
  expect(answer.headers['x-params']).toBe('{"*":"a b/c"} {"service":"x"}');
  expect(answer.headers['content-type']).toBe('application/octet-stream');
  expect(answer.text === body).toBe(true);
});

test('a raw route never sees the token', async () => {
  let seen: HttpRequest['headers'] = {};
  const road = await openShelves({
    routes: [
      raw(async (given) => ((seen = given.headers), { status: 204, headers: {}, body: none })),
    ],
  });
  await ask(road, '/raw/x', { method: 'POST', headers: { 'x-mine': 'yes' } });
  expect(seen['x-mine']).toBe('yes');
  expect(JSON.stringify(seen)).not.toContain(token);
});

test('a gzipped body arrives gunzipped, within a bound', async () => {
  const limits = { ...httpLimits, gunzippedBytesMax: 1_000 };
  const road = await openShelves({ routes: [echo()], needs: { limits } });
  const headers = { 'content-encoding': 'gzip' };
  const send = (body: Uint8Array) => ask(road, '/raw/x', { method: 'POST', body, headers });
  expect((await send(gzipSync('hello'))).text).toBe('hello');
  expect((await send(gzipSync('b'.repeat(1_000_000)))).json).toMatchObject({
    code: 'INPUT_TOO_LARGE',
  });
  expect((await send(Buffer.from('no gzip'))).json).toMatchObject({ code: 'INPUT_INVALID' });
  const other = { method: 'POST', body: 'x', headers: { 'content-encoding': 'br' } };
  expect((await ask(road, '/raw/x', other)).json).toMatchObject({ code: 'INPUT_INVALID' });
});

test('after a refused upload the connection goes on', async () => {
  const refuse = raw(async () => {
    throw new HansaError('POLICY_DENIED', 'read-only mirror of b');
  });
  const road = await openShelves({ routes: [refuse] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = 'x'.repeat(500_000);
  const refused = await ask(road, '/raw/x', { method: 'POST', body, agent });
  expect(refused.json).toMatchObject({ code: 'POLICY_DENIED' });
  expect(await ask(road, '/raw/x', { method: 'POST', body, agent })).toMatchObject({
    status: 403,
    freshSocket: false,
  });
  agent.destroy();
});

test('a raw answer that fails before its first byte has an error’s status, later it breaks off', async () => {
  const failing = (before: readonly string[]): HttpRoute =>
    raw(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield* before.map((text) => Buffer.from(text));
        throw new HansaError('GIT_FAILED', 'git refused');
      })(),
    }));
  const early = await openShelves({ routes: [failing([])] });
  expect((await ask(early, '/raw/x', { method: 'POST' })).json).toMatchObject({
    code: 'GIT_FAILED',
  });
  const late = await openShelves({ routes: [failing(['some'])] });
  await expect(ask(late, '/raw/x', { method: 'POST' })).rejects.toThrow(/aborted|hang up/);
});

test('a raw answer breaks off when whoever reads it may no longer', async () => {
  let lapse: (refusal: unknown) => void = () => undefined;
  let letGo = 0;
  const outcomes: string[] = [];
  const gate: Gate = {
    admit: () => undefined,
    authenticate: async () => ({ kind: 'owner' }),
    authorise: () => undefined,
    hold({ lapsed }) {
      lapse = lapsed;
      return () => void (letGo += 1);
    },
    record: ({ outcome }) => void outcomes.push(outcome),
  };
  const endless = raw(async () => ({
    status: 200,
    headers: {},
    body: (async function* () {
      yield Buffer.from('some');
      await new Promise(() => undefined);
    })(),
  }));
  const road = await openShelves({ routes: [endless], needs: { gate } });
  const answer = ask(road, '/raw/x', { method: 'POST' }).catch((error: unknown) => error);
  await expect.poll(() => lapse.length).toBe(1);
  lapse(new HansaError('FORBIDDEN', 'the role was taken away'));
  // Its head may or may not have gone out by then: it is told, or it breaks off.
  await answer;
  expect(outcomes).toEqual(['FORBIDDEN']);
  expect(letGo).toBe(1);
});

test('a body that stops arriving times out: slow loris', async () => {
  const limits = { ...httpLimits, bodyIdleMs: 30, jsonBodyMs: 30, drainMs: 30 };
  const sink = raw(async ({ body }) => {
    for await (const _part of body);
    return { status: 200, headers: {}, body: none };
  });
  const road = await openShelves({ routes: [sink], needs: { limits } });
  for (const [method, path] of [
    ['POST', '/raw/x'],
    ['PUT', '/books/x'],
  ] as const) {
    const headers = { authorization: `Bearer ${token}`, 'content-length': '100' };
    const sent = request({ ...road.address, path, method, headers });
    sent.on('error', () => undefined);
    sent.write('{');
    const [status, closed] = await new Promise<[number | undefined, string | undefined]>(
      (resolve) => {
        sent.once('response', ({ statusCode, headers: { connection } }) =>
          resolve([statusCode, connection]),
        );
      },
    );
    expect([status, closed]).toEqual([504, 'close']);
    sent.destroy();
  }
});

const none = new Uint8Array(0);

function raw(handle: HttpRoute['handle']): HttpRoute {
  return { method: 'POST', path: '/raw/*', permission: 'shelves.write', summary: 'Raw.', handle };
}

function echo(): HttpRoute {
  return raw(async ({ params, query, body }): Promise<HttpResponse> => {
    const said = `${JSON.stringify(params)} ${JSON.stringify(query)}`;
    return {
      status: 200,
      headers: { 'x-params': said, 'content-type': 'application/octet-stream' },
      body,
    };
  });
}

function open(
  road: HttpRoad,
  path: string,
): Promise<{ sent: ClientRequest; response: IncomingMessage }> {
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request({ ...road.address, path, headers }, (response) => {
      response.on('error', () => undefined);
      resolve({ sent, response });
    });
    sent.once('error', reject);
    sent.end();
  });
}

/** Waits until a number has stayed the same between two looks. */
async function settled(look: () => number): Promise<void> {
  let before = -1;
  await expect
    .poll(
      () => {
        const now = look();
        const same = now === before && now > 0;
        before = now;
        return same;
      },
      { interval: 200 },
    )
    .toBe(true);
}
