// Apps over real processes: registered, told of, called here, and over three clusters with the
// caller's own token and nobody else's rights.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { App, AppAnswer } from '@hansa/capabilities/apps/contract';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { IssuedToken, ReceivedRow } from '@hansa/capabilities/tokens/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly caller: string;
  readonly body: string;
}

let lubeck: Cluster;
let bergen: Cluster;
let riga: Cluster;
let listener: Server;
let endpoint: string;
const asked: Asked[] = [];

/** The app at riga: writes down what it is asked, and says so. */
async function answer(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) {
    parts.push(part);
  }
  asked.push({
    method: request.method ?? '',
    path: request.url ?? '',
    caller: String(request.headers['hansa-caller']),
    body: Buffer.concat(parts).toString('utf8'),
  });
  return `answer ${asked.length}`;
}

beforeAll(async () => {
  listener = createServer((request, response) => {
    answer(request).then(
      (text) => response.end(text),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  endpoint = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/base`;
  const flags = ['--proxy', 'on'];
  [lubeck, bergen, riga] = await Promise.all([
    startCluster({ name: 'lubeck', flags }),
    startCluster({ name: 'bergen', flags }),
    startCluster({ name: 'riga', flags }),
  ]);
  await linkClusters(lubeck, bergen);
  await linkClusters(bergen, riga);
});

afterAll(() => {
  listener.closeAllConnections();
  listener.close();
});

function register(cluster: Cluster, id: string, ...options: string[]): Promise<App> {
  const words = ['--app-version', '1.4.0', '--capability', 'book.keeping', ...options];
  return must<App>(cluster, 'app', 'register', id, ...words);
}

async function idOf(cluster: Cluster): Promise<string> {
  return (await must<DaemonStatus>(cluster, 'status')).cluster;
}

function untilKnown(cluster: Cluster, id: string): Promise<App> {
  return until(`${cluster.name} knows of ${id}`, async () => {
    const { body } = await cluster.api<{ apps: App[] }>('GET', '/apps');
    return body.apps.find((app) => app.id === id) ?? notYet(body.apps);
  });
}

test('an app is called where it is, and hinted at where it is not', async () => {
  await register(riga, 'ledger', '--endpoint', endpoint, '--name', 'The ledger');
  const words = ['/accounts?open=1', '--method', 'POST', '--body', '{"a":1}'];
  const here = await must<AppAnswer>(riga, 'app', 'call', 'ledger', ...words);
  expect(here).toMatchObject({ status: 200, body: 'answer 1', hops: [] });
  expect(asked.at(-1)).toEqual({
    method: 'POST',
    path: '/base/accounts?open=1',
    caller: 'owner',
    body: '{"a":1}',
  });
  expect(await untilKnown(bergen, 'ledger')).toMatchObject({ name: 'The ledger', distance: 0 });
  expect(await untilKnown(lubeck, 'ledger')).toMatchObject({ distance: 1 });
  expect(JSON.stringify(await untilKnown(bergen, 'ledger'))).not.toContain(endpoint);
  const found = await must<{ apps: App[] }>(lubeck, 'app', 'find', 'book.keeping');
  expect(found.apps.map(({ id }) => id)).toEqual(['ledger']);

  const refused = await lubeck.hansa('app', 'call', 'ledger', '/accounts');
  expect(refused.report()).toMatchObject({
    code: 'PROXY_REFUSED',
    facts: { app: 'ledger', clusters: await idOf(riga) },
  });
  const nowhere = await lubeck.hansa('app', 'call', 'chart', '/');
  expect([nowhere.code, nowhere.report()]).toMatchObject([
    3,
    { code: 'CAPABILITY_UNAVAILABLE', facts: { app: 'chart', clusters: '' } },
  ]);
});

test('a call goes over three clusters with the caller’s own token, and no further than it says', async () => {
  const key = join(temporaryFolder('ada'), 'ada.key');
  const { audience } = await must<{ audience: string }>(lubeck, 'token', 'keygen', '--out', key);
  const ask = ['--audience', audience, '--cap', 'app:ledger', 'app:chart', '--delegable'];
  const root = await must<IssuedToken>(riga, 'token', 'issue', ...ask, '--subject', 'ada');
  const narrow = async (...options: string[]): Promise<string> => {
    const words = ['--token', root.token, '--key', key, '--expires', '10m', ...options];
    return (await must<IssuedToken>(lubeck, 'token', 'attenuate', ...words)).token;
  };
  const forLubeck = ['--audience', `cluster:${await idOf(lubeck)}`, '--delegable'];
  const call = (token: string) =>
    lubeck.hansa('app', 'call', 'ledger', '/accounts', '--token', token);

  const good = await narrow(...forLubeck, '--cap', 'app:ledger', '--fact', 'proxy');
  const done = await call(good);
  expect(done.json<AppAnswer>()).toMatchObject({
    status: 200,
    cluster: await idOf(riga),
    hops: [await idOf(lubeck), await idOf(bergen)],
  });
  expect(asked.at(-1)?.caller).toBe(`token ada of ${await idOf(riga)} by ${await idOf(bergen)}`);

  const count = asked.length;
  const other = await narrow(...forLubeck, '--cap', 'app:chart', '--fact', 'proxy');
  expect((await call(other)).report().code).toBe('TOKEN_SCOPE');
  const silent = await narrow(...forLubeck, '--cap', 'app:ledger');
  expect((await call(silent)).report().code).toBe('PROXY_REFUSED');
  // bergen cannot use what was made for lubeck, nor lubeck what it issued itself.
  const elsewhere = await bergen.hansa('app', 'call', 'ledger', '/', '--token', good);
  expect(elsewhere.report().code).toBe('TOKEN_WRONG_AUDIENCE');
  const own = [...forLubeck, '--cap', 'app:ledger', '--fact', 'proxy', '--ttl', '10m'];
  const mine = await must<IssuedToken>(lubeck, 'token', 'issue', ...own);
  expect((await call(mine.token)).report().code).toBe('TOKEN_ISSUER');
  await must(riga, 'token', 'revoke', root.jti, '--yes');
  expect((await call(good)).report().code).toBe('TOKEN_REVOKED');
  expect(asked).toHaveLength(count);
});

test('a cluster may use a token that it was given, as long as the way is open', async () => {
  const ask = ['--audience', 'bergen', '--cap', 'app:ledger', '--delegable'];
  const { token } = await must<IssuedToken>(riga, 'token', 'issue', ...ask);
  const { jti } = await must<ReceivedRow>(bergen, 'token', 'add', token);
  const call = () => bergen.hansa('app', 'call', 'ledger', '/', '--received', jti);
  expect((await call()).json<AppAnswer>()).toMatchObject({ hops: [await idOf(bergen)] });
  await riga.restart([]);
  await untilKnown(bergen, 'ledger');
  await until('riga takes no calls', async () => {
    const done = await call();
    return done.code !== 0 && done.report().code === 'PROXY_REFUSED' ? true : notYet(done.stderr);
  });
  const first = await must<{ apps: App[] }>(riga, 'app', 'list');
  expect(first.apps.map(({ id }) => id)).toContain('ledger');
  await must(riga, 'app', 'remove', 'ledger');
  await until('bergen forgets it', async () => {
    const { body } = await bergen.api<{ apps: App[] }>('GET', '/apps');
    return body.apps.length === 0 ? true : notYet(body.apps);
  });
});
