// Ways up that an attacker with some rights would try, over real processes: by honouring a cluster
// of their own, by groups, names and workloads that a policy favours, by the spelling of a path,
// and by a stream that was opened in time.
import { request } from 'node:http';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';

let lubeck: Cluster;
let mallory: Cluster;
let eve: string;

beforeAll(async () => {
  [lubeck, mallory] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'mallory' }),
  ]);
  await linkClusters(lubeck, mallory);
  const scopes = ['api:tokens.*', 'api:directory.*', 'api:certificates.*', 'api:forge.*:team-a/*'];
  await must(lubeck, 'role', 'define', 'clerk', ...scopes.flatMap((one) => ['--scope', one]));
  await must(lubeck, 'role', 'define', 'reader', '--scope', 'api:kv.read');
  await must(lubeck, 'user', 'add', 'eve', '--role', 'clerk', '--role', 'reader');
  await must(lubeck, 'kv', 'create', 'prices');
  for (const name of ['team-a/app', 'team-b/app']) {
    await must(lubeck, 'repo', 'create', name);
  }
  const issued = await must<IssuedToken>(
    lubeck,
    'token',
    'issue',
    '--for',
    'eve',
    '--cap',
    'api:*',
  );
  eve = issued.token;
}, 90_000);

function as<T = ErrorReport>(
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  return callApi<T>({
    url: lubeck.url,
    token,
    method,
    path,
    ...(body === undefined ? {} : { body }),
  });
}

const widened = { status: 403, body: { code: 'GRANT_WIDENED' } };

test('whoever makes tokens honours no cluster for more than they may themselves', async () => {
  const honour = (caps: readonly string[]) =>
    as(eve, 'POST', '/tokens/honoured', { peer: 'mallory', caps });
  expect(await honour(['api:*'])).toMatchObject(widened);
  expect((await honour(['api:kv.read'])).status).toBe(200);
  const wide = ['token', 'issue', '--audience', 'bearer', '--cap', 'api:*'];
  const made = await must<IssuedToken>(mallory, ...wide);
  const owned = await as(made.token, 'POST', '/logins/owner-code', {});
  expect([401, 403]).toContain(owned.status);
});

test('nobody gets what a policy gives to a group, a name or a workload', async () => {
  const permit = (who: string): string =>
    `permit(principal ${who}, action == Action::"access.write", resource);`;
  const said = {
    ops: permit('in Group::"ops"'),
    deploy: permit('== Service::"deploy"'),
    web: permit('== Workload::"web"'),
  };
  for (const [id, text] of Object.entries(said)) {
    expect((await lubeck.api('PUT', `/access/policies/${id}`, { text })).status).toBe(200);
  }
  const ways: readonly (readonly [string, string, object])[] = [
    ['POST', '/directory/members', { group: 'ops', member: 'eve' }],
    ['PUT', '/directory/users', { user: 'puppet', groups: ['ops'] }],
    ['PUT', '/directory/services', { service: 'deploy' }],
    ['POST', '/certificates', { subject: 'workload:web' }],
  ];
  expect((await as(eve, 'PUT', '/directory/groups', { group: 'ops' })).status).toBe(200);
  for (const [method, path, body] of ways) {
    expect([path, await as(eve, method, path, body)]).toMatchObject([path, widened]);
  }
  expect((await as(eve, 'PUT', '/directory/users', { user: 'puppet' })).status).toBe(200);
});

test('no spelling of a path leads out of the names that a role is bound to', async () => {
  // Not by fetch, which would resolve the dots itself.
  const refs = (path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(lubeck.url);
      const asked = request({
        hostname,
        port,
        path: `/git/${path}/info/refs?service=git-upload-pack`,
        headers: { authorization: `Bearer ${eve}` },
      });
      asked.on('error', reject).on('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.end();
    });
  expect(await refs('team-a/app.git')).toBe(200);
  const tricks = [
    'team-b/app.git',
    'team-a/../team-b/app.git',
    'team-a%2f..%2fteam-b%2fapp.git',
    'team-a/%2e%2e/team-b/app.git',
    'team-a//../team-b/app.git',
    'lane/@lubeck/team-b/app.git',
    '@lubeck/team-b/app.git',
    'team-b/app.git%00/team-a/app.git',
    'TEAM-B/app.git',
    'team-a/app.git/../../team-b/app.git',
  ];
  for (const path of tricks) {
    expect([path, await refs(path)]).toEqual([path, expect.not.toBeOneOf([200])]);
  }
});

test('a stream ends when the role it was opened by is taken away', async () => {
  const response = await fetch(`${lubeck.url}/kv/changes?space=prices`, {
    headers: { authorization: `Bearer ${eve}` },
    signal: AbortSignal.timeout(20_000),
  });
  expect(response.status).toBe(200);
  const text = response.text();
  await must(lubeck, 'role', 'unassign', 'reader', 'eve');
  const last = (await text).trimEnd().split('\n').at(-1) ?? '';
  expect(JSON.parse(last)).toMatchObject({ error: { code: 'FORBIDDEN' } });
});
