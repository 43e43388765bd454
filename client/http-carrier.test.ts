import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HansaError,
  serve,
  silentLog,
  type Call,
  type Contract,
  type Gate,
} from '@hansa/foundation';
import { openHttp, type HttpRoad } from '@hansa/node';
import { createSystemClock } from '@hansa/system-node';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { connect, createHttpCarrier } from './index.ts';

interface Harbour {
  moor(
    input: { berth: string; ship: string; tons?: number | undefined },
    call?: Call,
  ): Promise<{ ok: true }>;
  find(input: Search, call?: Call): Promise<Search>;
  clear(input: { berth: string }, call?: Call): Promise<undefined>;
  arrivals(input: { count: number }, call?: Call): AsyncIterable<{ ship: number }>;
  secret(input: Record<string, never>, call?: Call): Promise<undefined>;
}
interface Search {
  readonly words?: readonly string[] | undefined;
  readonly from?: { readonly port: string; readonly day: number | null } | undefined;
  readonly any?: unknown;
}
const search: z.ZodType<Search> = z.object({
  words: z.array(z.string()).optional(),
  from: z.object({ port: z.string(), day: z.number().nullable() }).optional(),
  any: z.unknown().optional(),
});
const harbour: Contract<Harbour> = {
  name: 'harbour',
  version: 1,
  methods: {
    moor: {
      summary: 'Moors.',
      permission: 'harbour.write',
      route: 'POST /berths/:berth/ships',
      errors: [],
      input: z.strictObject({ berth: z.string(), ship: z.string(), tons: z.number().optional() }),
      output: z.object({ ok: z.literal(true) }),
    },
    find: {
      summary: 'Finds.',
      permission: 'harbour.read',
      route: 'GET /ships',
      errors: [],
      input: search,
      output: search,
    },
    clear: {
      summary: 'Clears.',
      permission: 'harbour.write',
      route: 'DELETE /berths/:berth',
      errors: [],
      input: z.strictObject({ berth: z.string() }),
      output: z.undefined(),
    },
    arrivals: {
      watch: true,
      summary: 'Arrivals.',
      permission: 'harbour.read',
      route: 'GET /arrivals/:count',
      errors: [],
      input: z.strictObject({ count: z.number() }),
      output: z.object({ ship: z.number() }),
    },
    secret: {
      summary: 'Not over HTTP.',
      permission: 'harbour.read',
      errors: [],
      input: z.strictObject({}),
      output: z.undefined(),
    },
  },
};
const service: Harbour = {
  moor: async () => ({ ok: true }),
  find: async (input) => input,
  async clear({ berth }) {
    if (berth !== 'a/b é:1') {
      throw new HansaError('RESOURCE_NOT_FOUND', `no berth ${berth}`, {
        fix: 'look again',
        facts: { berth },
      });
    }
    return undefined;
  },
  async *arrivals({ count }) {
    for (let ship = 0; ship < count; ship += 1) {
      yield { ship };
    }
  },
  secret: async () => undefined,
};
const gate: Gate = {
  admit: () => undefined,
  async authenticate({ token }) {
    if (token !== 'right') {
      throw new HansaError('UNAUTHENTICATED', 'who are you?');
    }
    return { kind: 'owner' };
  },
  authorise: () => undefined,
  record: () => undefined,
};

async function openHarbour(parts: Partial<Harbour> = {}, socketPath?: string): Promise<HttpRoad> {
  const road = await openHttp({
    edge: serve([{ contract: harbour, service: { ...service, ...parts } }], gate),
    routes: [],
    gate,
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    clock: createSystemClock(),
    version: '1',
    ...(socketPath !== undefined && { socketPath }),
  });
  onTestFinished(() => road.close());
  return road;
}

async function harbourAt(parts: Partial<Harbour> = {}, token = 'right'): Promise<Harbour> {
  const { address } = await openHarbour(parts);
  return connect(harbour, { url: `http://127.0.0.1:${address.port}`, token });
}

test('a call arrives whole: path, body and query, whatever the values are', async () => {
  const seen: unknown[] = [];
  const at = await harbourAt({
    async moor(input) {
      seen.push(input);
      return { ok: true };
    },
  });
  expect(await at.moor({ berth: '7/a?b#c%', ship: 'é\u0000', tons: 0.5 })).toEqual({ ok: true });
  expect(seen).toEqual([{ berth: '7/a?b#c%', ship: 'é\u0000', tons: 0.5 }]);
  const asked = { words: ['7', 'a b&c'], from: { port: 'x', day: null }, any: '7' };
  expect(await at.find(asked)).toEqual(asked);
  expect(await at.find({})).toEqual({});
  expect(await at.clear({ berth: 'a/b é:1' })).toBeUndefined();
});

test('an error arrives with its code, fix and facts', async () => {
  const at = await harbourAt();
  await expect(at.clear({ berth: 'x' })).rejects.toMatchObject({
    code: 'RESOURCE_NOT_FOUND',
    message: 'no berth x',
    fix: 'look again',
    facts: { berth: 'x' },
  });
});

test('a wrong token is UNAUTHENTICATED, for calls and watches', async () => {
  const at = await harbourAt({}, 'wrong');
  await expect(at.find({})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(collect(at.arrivals({ count: 1 }))).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
});

test('a method without a route is not offered', async () => {
  const at = await harbourAt();
  await expect(at.secret({})).rejects.toMatchObject({ code: 'METHOD_UNKNOWN' });
});

test('a path parameter that would change the path is refused', async () => {
  const at = await harbourAt();
  for (const berth of ['', '.', '..']) {
    await expect(at.clear({ berth })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  }
});

test('a watch gives every item and ends', async () => {
  const at = await harbourAt();
  expect(await collect(at.arrivals({ count: 3 }))).toEqual([{ ship: 0 }, { ship: 1 }, { ship: 2 }]);
});

test('an error inside a watch comes after its items', async () => {
  const at = await harbourAt({
    async *arrivals() {
      yield { ship: 1 };
      throw new HansaError('STORE_COMPACTED', 'too old');
    },
  });
  const items: unknown[] = [];
  const read = collect(at.arrivals({ count: 1 }), items);
  await expect(read).rejects.toMatchObject({ code: 'STORE_COMPACTED' });
  expect(items).toEqual([{ ship: 1 }]);
});

test('leaving a quiet watch ends it at once, here and there', async () => {
  const [begun, left] = [deferred(), deferred()];
  const at = await harbourAt({
    // oxlint-disable-next-line require-yield
    async *arrivals(_input, call) {
      begun.resolve();
      await new Promise<void>((resolve) => {
        call?.signal?.addEventListener('abort', () => resolve());
      });
      left.resolve();
    },
  });
  const items = at.arrivals({ count: 1 })[Symbol.asyncIterator]();
  const next = items.next();
  await begun.promise;
  await items.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
  await left.promise;
});

test('an aborted call and an aborted watch reject with the signal’s reason', async () => {
  const called = deferred();
  const at = await harbourAt({
    find: () => {
      called.resolve();
      return new Promise(() => undefined);
    },
    async *arrivals() {
      yield { ship: 1 };
      await new Promise(() => undefined);
    },
  });
  const controller = new AbortController();
  const reason = new HansaError('TIMED_OUT', 'enough');
  const call = at.find({}, { signal: controller.signal });
  const items = at.arrivals({ count: 1 }, { signal: controller.signal })[Symbol.asyncIterator]();
  await called.promise;
  await items.next();
  const next = items.next();
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  await expect(next).rejects.toBe(reason);
});

test('a call without an answer is TIMED_OUT', async () => {
  const { address } = await openHarbour({ find: () => new Promise(() => undefined) });
  const url = `http://127.0.0.1:${address.port}`;
  const at = connect(harbour, { url, token: 'right', timeoutMs: 50 });
  await expect(at.find({})).rejects.toMatchObject({ code: 'TIMED_OUT' });
});

test('the unix socket goes before the address', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hansa-client-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, 'api.sock');
  await openHarbour({}, socketPath);
  const at = connect(harbour, { url: 'http://127.0.0.1:1', socketPath, token: 'right' });
  expect(await at.find({})).toEqual({});
});

test('where nobody listens the node is unreachable, with the cause', async () => {
  const road = await openHarbour();
  await road.close();
  const at = connect(harbour, { url: `http://127.0.0.1:${road.address.port}`, token: 'right' });
  await expect(at.find({})).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    fix: 'start it: hansa up',
    cause: { code: 'ECONNREFUSED' },
  });
  await expect(collect(at.arrivals({ count: 1 }))).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
  });
});

test('an address that is none is refused before anything is sent', () => {
  for (const url of ['ftp://x', 'nonsense', 'https://127.0.0.1:1']) {
    expect(() => createHttpCarrier({ url, token: 't' })).toThrow('no http:// address');
  }
});

test('a connection that breaks is told from a node that is not there', async () => {
  const cut = await strange((_request, response) => void response.socket?.destroy());
  await expect(cut.find({})).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  const half = await strange((_request, response) => {
    response.write('{"item":{"ship":1}}\n', () => response.socket?.destroy());
  });
  const items: unknown[] = [];
  const read = collect(half.arrivals({ count: 1 }), items);
  await expect(read).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  expect(items).toEqual([{ ship: 1 }]);
});

test('a stream that ends without saying so is broken, not finished', async () => {
  const at = await strange((_request, response) => response.end('{"item":{"ship":1}}\n'));
  await expect(collect(at.arrivals({ count: 1 }))).rejects.toMatchObject({
    code: 'CONNECTION_CLOSED',
  });
});

test('another program at the address is told from a node', async () => {
  const at = await strange((_request, response) => response.writeHead(404).end('<html>'));
  await expect(at.find({})).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
  const page = await strange((_request, response) => response.end('<html>'));
  await expect(page.find({})).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
});

async function strange(listener: RequestListener): Promise<Harbour> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return connect(harbour, { url: `http://127.0.0.1:${port}`, token: 'right' });
}

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) {
    into.push(item);
  }
  return into;
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
