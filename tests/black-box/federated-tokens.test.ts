// One person's token at several clusters, over real processes: made at home, taken where it says,
// refused everywhere else, taken back from afar, and good while its home is away.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRecord } from '@hansa/capabilities/audit/contract';
import type {
  IssuedToken,
  TokenReport,
  VerificationKey,
} from '@hansa/capabilities/tokens/contract';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { ErrorReport } from '@hansa/foundation';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { makePerson, type Person } from './harness/people.ts';
import { until } from './harness/until.ts';
import { joinAt } from './rooms/signal-router.ts';

const revokedWithinMs = 30_000; // the promise for clusters that are connected
const caughtUpWithinMs = 5_000; // and for one that comes back, from its link on
const password = 'the sea at Travemünde';

let lubeck: Cluster;
let bergen: Cluster;
let visby: Cluster;
let narvik: Cluster;
let anna: Person;

beforeAll(async () => {
  const flags = ['--sync-interval', '2'];
  [lubeck, bergen, visby, narvik] = await Promise.all([
    startCluster({ name: 'lubeck', flags }),
    startCluster({ name: 'bergen', flags: [...flags, '--signals', '127.0.0.1:0'] }),
    startCluster({ name: 'visby', flags }),
    startCluster({ name: 'narvik', flags }),
  ]);
  const chosen = ['--cluster', 'bergen', '--cluster', 'visby'];
  for (const other of [bergen, visby, narvik]) {
    await linkClusters(lubeck, other);
  }
  await must(lubeck, 'user', 'add', 'anna', '--role', 'editor', ...chosen);
  const known = [bergen, visby].map(async (other) => {
    await must(lubeck, 'share', 'add', 'directory/people', '--to', other.name);
    await must(other, 'mirror', 'add', 'lubeck:directory/people');
    await untilState(other, 'lubeck:directory/people', { state: 'current' });
    await must(other, 'role', 'map', 'lubeck', 'role:editor', 'viewer', '--yes');
  });
  [anna] = await Promise.all([loggedIn(lubeck, 'anna'), ...known]);
}, 90_000);

async function loggedIn(cluster: Cluster, name: string): Promise<Person> {
  const { code } = await must<{ code: string }>(cluster, 'login', 'invite', name);
  const person = makePerson(cluster, name);
  const words = ['login', '--url', cluster.url, '--code', code, '--password-stdin'];
  const done = await person.says([password], ...words);
  expect(done.json()).toMatchObject({ principal: `user:${name}` });
  return person;
}

async function issue(...words: string[]): Promise<IssuedToken> {
  const done = await anna.hansa('token', 'issue', ...words);
  if (done.code !== 0) {
    throw new Error(done.stderr);
  }
  return done.json<IssuedToken>();
}

/** Where sessions of signals connect. */
function signalsOf({ data }: Cluster): string {
  return (JSON.parse(readFileSync(join(data, 'api.json'), 'utf8')) as { signals: string }).signals;
}

/** `OK`, or the code of the refusal. */
async function tried(cluster: Cluster, token: string, path = '/links'): Promise<string> {
  const { url } = cluster;
  const { status, body } = await callApi<ErrorReport>({ url, token, method: 'GET', path });
  return status === 200 ? 'OK' : body.code;
}

/** How long after that moment it was refused there. */
async function untilRevoked(
  cluster: Cluster,
  token: string,
  { sinceMs = performance.now(), withinMs = revokedWithinMs } = {},
): Promise<number> {
  await until(
    `${cluster.name} refuses it`,
    async () => ((await tried(cluster, token)) === 'TOKEN_REVOKED' ? true : undefined),
    withinMs,
  );
  return performance.now() - sinceMs;
}

async function audited(cluster: Cluster, outcome: string): Promise<AuditRecord[]> {
  const { records } = await must<{ records: AuditRecord[] }>(
    cluster,
    'audit',
    'list',
    '--outcome',
    outcome,
  );
  return records;
}

test('it opens the chosen clusters as far as their roles go, and no other', async () => {
  const { token, speaksFor } = await issue('--at', 'bergen', '--at', 'visby');
  expect(speaksFor).toBe('user:anna');
  expect([await tried(bergen, token), await tried(visby, token)]).toEqual(['OK', 'OK']);
  expect(await tried(narvik, token)).toBe('TOKEN_WRONG_AUDIENCE');
  expect(await tried(lubeck, token)).toBe('TOKEN_WRONG_AUDIENCE');
  // editor at home is viewer there, by their own mapping.
  expect(await tried(bergen, token, '/tokens')).toBe('TOKEN_SCOPE');
  const wide = await issue('--at', 'bergen', '--cap', 'api:*');
  expect(await tried(bergen, wide.token, '/tokens')).toBe('FORBIDDEN');
  const report = await must<TokenReport>(bergen, 'token', 'check', token);
  const { cluster: home } = await must<DaemonStatus>(lubeck, 'status');
  expect(report).toMatchObject({
    usable: true,
    speaksFor: `user:anna@${home}`,
    clusters: [{ name: 'bergen' }, {}],
  });
  expect(await audited(narvik, 'TOKEN_WRONG_AUDIENCE')).not.toEqual([]);
});

test('it is made for nobody else and for no other cluster', async () => {
  const refusal = async (...words: string[]): Promise<string> =>
    (await anna.hansa('token', 'issue', ...words)).report().code;
  expect(await refusal('--at', 'narvik')).toBe('TOKEN_CLUSTER_REFUSED');
  expect(await refusal('--for', 'bo', '--at', 'bergen')).toBe('FORBIDDEN');
  await must(lubeck, 'service', 'add', 'ci', '--role', 'editor', '--cluster', 'bergen');
  const words = ['--for', 'service:ci', '--at', 'bergen', '--ttl', '30d', '--cap', 'api:kv.read'];
  const { token } = await must<IssuedToken>(lubeck, 'token', 'issue', ...words);
  await until('bergen knows ci', async () =>
    (await tried(bergen, token, '/links')) === 'TOKEN_SCOPE' ? true : undefined,
  );
});

test('it opens the router of signals there, and its session ends with it', async () => {
  const { token, jti } = await issue('--at', 'bergen');
  await must(bergen, 'signal', 'set', '/stage/light', '0.5');
  const client = await joinAt(signalsOf(bergen), token);
  const seen: unknown[] = [];
  client.on('/stage/**', (value) => void seen.push(value));
  await until('she sees the light', () => seen.length > 0);
  client.set('/stage/light', 1); // a viewer there: she may not
  await must(bergen, 'signal', 'set', '/stage/light', '0.75');
  await until('she sees the next', () => seen.includes(0.75));
  expect(seen).not.toContain(1);
  expect((await anna.hansa('token', 'revoke', jti, '--mine', '--yes')).code).toBe(0);
  await until('her session ended', () => !client.connected);
  await expect(joinAt(signalsOf(bergen), token)).rejects.toBeInstanceOf(Error);
});

test('anybody verifies it with the keys that its home shows to all', async () => {
  const { token } = await issue('--at', 'bergen');
  const answer = await fetch(`${lubeck.url}/.well-known/jwks.json`);
  const { keys } = (await answer.json()) as { keys: VerificationKey[] };
  const keySet = createLocalJWKSet({ keys: keys.map((key) => ({ ...key })) });
  const { payload } = await jwtVerify(token, keySet, { typ: 'hansa-cap+jwt' });
  expect(payload.sub).toBe('user:anna');
});

test('taken back at home, it is refused at both within seconds, and what it streams ends', async () => {
  const { token, jti } = await issue('--at', 'bergen', '--at', 'visby');
  const headers = { authorization: `Bearer ${token}` };
  const stream = await fetch(`${bergen.url}/links/changes`, { headers });
  expect(stream.status).toBe(200);
  const rest = stream.text();
  const sinceMs = performance.now();
  expect((await anna.hansa('token', 'revoke', jti, '--mine', '--yes')).code).toBe(0);
  const tookMs = await Promise.all(
    [bergen, visby].map((cluster) => untilRevoked(cluster, token, { sinceMs })),
  );
  expect(Math.max(...tookMs)).toBeLessThan(revokedWithinMs);
  process.stdout.write(`revoked after ${tookMs.map(Math.round).join(' and ')} ms\n`);
  expect((await rest).trim().split('\n').at(-1)).toContain('TOKEN_REVOKED');
  expect(await audited(bergen, 'TOKEN_REVOKED')).not.toEqual([]);
});

test('a cluster that was away hears of it when it is back', async () => {
  const { token, jti } = await issue('--at', 'bergen');
  await bergen.stop();
  expect((await anna.hansa('token', 'revoke', jti, '--mine', '--yes')).code).toBe(0);
  await bergen.restart();
  await untilLinked(bergen, 'lubeck');
  const tookMs = await untilRevoked(bergen, token, { withinMs: caughtUpWithinMs });
  process.stdout.write(`refused ${Math.round(tookMs)} ms after the link was back\n`);
});

test('it dies with its person, everywhere', async () => {
  const { token } = await issue('--at', 'bergen');
  expect(await tried(bergen, token)).toBe('OK');
  await must(lubeck, 'user', 'disable', 'anna');
  await until('bergen knows that she is disabled', async () =>
    (await tried(bergen, token)) === 'PRINCIPAL_DISABLED' ? true : undefined,
  );
  await must(lubeck, 'user', 'enable', 'anna');
  await until('bergen knows that she is back', async () =>
    (await tried(bergen, token)) === 'OK' ? true : undefined,
  );
  anna = await loggedIn(lubeck, 'anna');
});

test('with its home away it goes on counting, what was revoked does not, and local logins work', async () => {
  const good = await issue('--at', 'bergen');
  const revoked = await issue('--at', 'bergen');
  expect((await anna.hansa('token', 'revoke', revoked.jti, '--mine', '--yes')).code).toBe(0);
  await untilRevoked(bergen, revoked.token);
  await lubeck.stop();
  expect(await tried(bergen, good.token)).toBe('OK');
  await bergen.restart();
  expect(await tried(bergen, revoked.token)).toBe('TOKEN_REVOKED');
  expect(await tried(bergen, good.token)).toBe('OK');
  await must(bergen, 'user', 'add', 'bo', '--role', 'viewer');
  const bo = await loggedIn(bergen, 'bo');
  expect((await bo.hansa('link', 'list')).code).toBe(0);
});

test('one that fails opens nothing in another way', async () => {
  const { token } = await must<IssuedToken>(bergen, 'token', 'issue', '--for', 'bo');
  expect(await tried(bergen, token)).toBe('OK');
  await must(bergen, 'user', 'disable', 'bo');
  expect(await tried(bergen, token)).toBe('PRINCIPAL_DISABLED');
  const pair = Buffer.from(`bo:${token}`).toString('base64');
  const basic = await fetch(`${bergen.url}/links`, { headers: { authorization: `Basic ${pair}` } });
  expect(((await basic.json()) as ErrorReport).code).toBe('PRINCIPAL_DISABLED');
  const body = { user: 'anna', password };
  const login = await callApi<ErrorReport>({
    url: bergen.url,
    method: 'POST',
    path: '/login',
    body,
  });
  expect(login.body.code).toBe('LOGIN_REFUSED');
});
