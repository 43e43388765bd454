// Every method of every contract and every other route of a node, asked over real HTTP without a
// token, with every permission but its own, and with its own alone. What is behind the edge does
// not matter here: whatever gets there answers CONFLICT.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Directory } from '@hansa/capabilities/directory/contract';
import type { Sessions } from '@hansa/capabilities/logins/contract';
import { createCertificateMaker } from '@hansa/certificates-x509';
import {
  errorCodes,
  HansaError,
  serve,
  silentLog,
  type AnyContract,
  type HttpRoute,
  type Principal,
} from '@hansa/foundation';
import {
  compose,
  createApiGate,
  createPeerGate,
  openHttp,
  readConfig,
  type Composition,
  type HttpRoad,
} from '@hansa/node';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { globSync } from 'tinyglobby';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpCall, type HttpCall } from '../client/http-request.ts';
import { openDrivers } from '../node/drivers.ts';
import { openOwnGround } from '../node/ground.ts';
import { sampleInput } from './sample-input.ts';

// Everybody may ask these; whoever adds one here says why nothing of the cluster is in its answer.
const openCalls: readonly string[] = [
  'access.whoami', // who the caller is, to the caller
  'access.whyMe', // and what they may
  'GET /.well-known/spiffe-bundle', // certificates of the authority: they are there to be known
  // Ways in: nobody has a credential before.
  'GET /login/oidc/:provider',
  'GET /login/oidc/:provider/callback',
  'POST /session',
  'logins.codeLogin',
  'logins.oidcFinish',
  'logins.oidcStart',
  'logins.passwordLogin',
  'logins.ways',
  'tokens.keys', // public keys, for whoever checks tokens of this cluster by himself
];

// What rules between the fields ask for.
const besides: Readonly<Record<string, object>> = {
  'apps.call': { path: '/' },
  'logins.putProvider': { issuer: 'https://a.example' },
  'policies.add': { verbs: ['see'] },
  'sealing.rewrap': { keyFile: '/a' },
};

interface Asked {
  /** `kv.put`, or `GET /git/*`. */
  readonly name: string;
  readonly permission: string;
  readonly call: HttpCall;
}

const reached = errorCodes.CONFLICT.status;
const unauthenticated = errorCodes.UNAUTHENTICATED.status;
const forbidden = errorCodes.FORBIDDEN.status;
const undo: (() => Promise<unknown>)[] = [];
let composed: Composition;
let road: HttpRoad;
let all: readonly Asked[];
let directory: Directory;

beforeAll(async () => {
  const data = await mkdtemp(join(tmpdir(), 'hansa-matrix-'));
  undo.push(() => rm(data, { recursive: true, force: true }));
  const clock = createSystemClock();
  const base = { clock, random: createSystemRandom(), log: silentLog, undo };
  const config = await readConfig({ data, flags: { name: 'lubeck' }, environment: {} });
  const { signal } = new AbortController();
  const opening = { ...base, config, signal };
  const ground = await openOwnGround(opening);
  const drivers = await openDrivers(opening, { ports: {}, ground });
  composed = compose({
    ...drivers,
    peerGate: createPeerGate(silentLog),
    certificates: {
      maker: createCertificateMaker(),
      validities: config.certificates,
      names: { dns: [], ips: [] },
    },
    facts: {
      version: 'test',
      pid: process.pid,
      data,
      settings: [],
      api: () => '',
      addresses: () => [],
      memoryBytes: () => 0,
      stop: () => undefined,
    },
  });
  for (const each of composed.capabilities) {
    await each.start(signal);
    undo.push(() => each.stop());
  }
  const served = composed.capabilities.flatMap((each) => each.serves);
  const contracts = served.map(({ contract }) => contract);
  const routes = composed.capabilities.flatMap((each) => each.routes);
  directory = served.find(({ contract }) => contract.name === 'directory')?.service as Directory;
  const unlimited = 1_000_000;
  const gate = createApiGate({
    token: 'the-owner',
    clock,
    log: silentLog,
    contracts,
    routes,
    sessions: sessionsByName,
    access: composed.access,
    limits: {
      requestsPerSecond: unlimited,
      requestsBurst: unlimited,
      callerRequestsPerSecond: unlimited,
      callerRequestsBurst: unlimited,
      failuresPerMinute: unlimited,
      sourcesMax: 64,
    },
  });
  const stubs = contracts.map((contract) => ({ contract, service: answersOnly(contract) }));
  road = await openHttp({
    edge: serve(stubs, gate),
    routes: routes.map((route) => ({ ...route, handle: async () => arrive() })),
    gate,
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    clock,
    version: 'test',
  });
  undo.push(() => road.close());
  all = [...contracts.flatMap(callsOf), ...routes.map(callOf)];
}, 60_000);

afterAll(async () => {
  for (const step of undo.toReversed()) {
    await step();
  }
});

/** `hs_service:only` is the session of that account: passwords are not what is tested here. */
const sessionsByName: Sessions = {
  authenticate: (text) => ({
    kind: 'principal',
    principal: text.slice('hs_'.length) as Principal,
    proof: 'session:test',
    expiresMs: Number.MAX_SAFE_INTEGER,
  }),
  requireMark: () => undefined,
  lapse: () => ({ signal: new AbortController().signal, done: () => undefined }),
};

function arrive(): never {
  throw new HansaError('CONFLICT', 'it got here');
}

function answersOnly({ methods }: AnyContract): object {
  return Object.fromEntries(Object.keys(methods).map((method) => [method, arrive]));
}

function callsOf(contract: AnyContract): readonly Asked[] {
  return Object.entries(contract.methods)
    .filter(([, { route }]) => route !== undefined)
    .map(([method, { permission }]) => ({
      name: `${contract.name}.${method}`,
      permission,
      call: httpCall(
        contract,
        method,
        sampleInput(contract, method, besides[`${contract.name}.${method}`]),
      ),
    }));
}

/** Below a star there is git; other routes take any word. */
function callOf({ method, path, permission, asked }: HttpRoute): Asked {
  const rest = method === 'GET' ? 'x/info/refs' : 'x/git-receive-pack';
  const filled = path.replace('*', rest).replaceAll(/:\w+/g, 'a'.repeat(64));
  const takes = asked?.({ params: { '*': rest }, query: {} }).permission ?? permission;
  return { name: `${method} ${path}`, permission: takes, call: { method, path: filled } };
}

async function statusOf({ method, path, body }: HttpCall, token?: string): Promise<number> {
  const response = await fetch(`http://${road.address.host}:${road.address.port}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  await response.body?.cancel();
  return response.status;
}

/** Those that answer otherwise. */
async function otherwise(
  calls: readonly Asked[],
  expected: number,
  token?: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, call } of calls) {
    const status = await statusOf(call, token);
    if (status !== expected) {
      found.push(`${name} answers ${status}, not ${expected}`);
    }
  }
  return found;
}

const ruled = ({ permission }: Asked): boolean => !['open', 'self'].includes(permission);
const isOpen = ({ permission }: Asked): boolean => permission === 'open';
const isOwn = ({ permission }: Asked): boolean => permission === 'self';

test('nothing but what is open answers without a token', async () => {
  const closed = all.filter((one) => !isOpen(one));
  expect(closed.length).toBeGreaterThan(150);
  expect(await otherwise(closed, unauthenticated)).toEqual([]);
});

test('what is open is written down here, and answers everybody', async () => {
  const open = all.filter(isOpen);
  expect(open.map(({ name }) => name).toSorted()).toEqual([...openCalls].toSorted());
  expect(await otherwise(open, reached)).toEqual([]);
});

test('the owner gets everywhere but to what is about people themselves', async () => {
  const calls = all.filter((one) => !isOwn(one));
  expect(await otherwise(calls, reached, 'the-owner')).toEqual([]);
  const own = all.filter(isOwn);
  expect(await otherwise(own, forbidden, 'the-owner')).toEqual([]);
});

test('with a role of that permission alone every route is reached, with all others none', async () => {
  const permissions = [...new Set(all.filter(ruled).map(({ permission }) => permission))];
  const role = (name: string, given: readonly string[]) =>
    directory.defineRole({ role: name, scopes: given.map((one) => `api:${one}`) });
  for (const name of ['only', 'others']) {
    await role(name, ['none.read']);
    await directory.putService({ service: name });
    await directory.assign({ role: name, to: `service:${name}` });
  }
  for (const permission of permissions) {
    const calls = all.filter((one) => one.permission === permission);
    await role('only', [permission]);
    await role(
      'others',
      permissions.filter((one) => one !== permission),
    );
    expect(await otherwise(calls, forbidden, 'hs_service:others')).toEqual([]);
    expect(await otherwise(calls, reached, 'hs_service:only')).toEqual([]);
  }
});

test('what is about people themselves is reached by whoever has logged in, and is let in', async () => {
  const own = all.filter(isOwn);
  await directory.putService({ service: 'nobody-special' });
  expect(await otherwise(own, reached, 'hs_service:nobody-special')).toEqual([]);
});

test('every permission is of the form that roles can name', () => {
  const names = all.filter(ruled).map(({ permission }) => permission);
  expect(names.filter((name) => !/^[a-z][a-z-]*\.(?:read|write)$/.test(name))).toEqual([]);
});

test('besides contracts and routes, a node answers its health and its description alone', async () => {
  const files = globSync(['node/*.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    ignore: ['**/*.test.ts'],
    absolute: true,
  });
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const added = texts.flatMap((text) =>
    text.match(/\bapp\.(?:get|post|put|delete|route|all)\(.*/g),
  );
  expect(added.filter((line) => line !== null).toSorted()).toEqual([
    "app.get('/openapi.json', async (_request, reply) => {",
    'app.get(healthPath, async (_request, reply) =>',
    'app.route({',
    'app.route({',
  ]);
  expect(await statusOf({ method: 'GET', path: '/openapi.json' })).toBe(unauthenticated);
});
