// Who may what over real processes: a role that is bound to names holds for calls and for git, a
// policy takes it away, another cluster's people may what they are mapped to, and every refusal
// names the command that explains it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  Able,
  AccessPolicy,
  Explained,
  Myself,
  PermissionRow,
  PolicyPlan,
} from '@hansa/capabilities/access/contract';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { commit, git, makeRepository } from './harness/git.ts';
import { linkClusters, must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let ci: string;
let work: string;

beforeAll(async () => {
  const flags = ['--sync-interval', '2'];
  [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck', flags }),
    startCluster({ name: 'bergen', flags }),
  ]);
  for (const space of ['builds', 'prices']) {
    await must(lubeck, 'kv', 'create', space);
  }
  for (const name of ['team-a/app', 'team-b/app']) {
    await must(lubeck, 'repo', 'create', name);
  }
  const scopes = ['api:forge.*:team-a/*', 'api:kv.*:builds', 'api:daemon.read'];
  await must(lubeck, 'role', 'define', 'builder', ...scopes.flatMap((one) => ['--scope', one]));
  await must(lubeck, 'service', 'add', 'ci', '--role', 'builder');
  ci = await tokenFor(lubeck, 'service:ci', '--cap', 'api:*');
  work = await makeRepository('work');
}, 90_000);

async function tokenFor(cluster: Cluster, who: string, ...words: string[]): Promise<string> {
  const issued = await must<IssuedToken>(cluster, 'token', 'issue', '--for', who, ...words);
  return issued.token;
}

function write<T = ErrorReport>(token: string, space: string): Promise<Answer<T>> {
  const body = { space, key: 'a', text: '1' };
  return callApi<T>({ url: lubeck.url, token, method: 'PUT', path: '/kv/entry', body });
}

/** Stock git, with a token for a password. */
function asCi(verb: 'push' | 'ls-remote', name: string): ReturnType<typeof git> {
  const url = `${lubeck.url.replace('://', `://ci:${ci}@`)}/git/${name}.git`;
  return verb === 'push'
    ? git(work, 'push', '--quiet', url, 'HEAD:refs/heads/main')
    : git(work, 'ls-remote', url);
}

test('a role that is bound to names holds for these alone, however they are spelled', async () => {
  const { cluster } = await must<DaemonStatus>(lubeck, 'status');
  for (const space of ['builds', 'kv/builds', `${cluster}:kv/builds`]) {
    expect([space, (await write(ci, space)).status]).toEqual([space, 200]);
  }
  const refused = await write(ci, 'prices');
  expect([refused.status, refused.body]).toEqual([
    403,
    expect.objectContaining({
      code: 'FORBIDDEN',
      fix: 'hansa access why service:ci kv.write kv/prices',
    }),
  ]);
  const all = await callApi<ErrorReport>({
    url: lubeck.url,
    token: ci,
    method: 'GET',
    path: '/kv/spaces',
  });
  expect(all.status).toBe(403);
});

test('it limits pushes and fetches of stock git in the same way', async () => {
  await commit(work, 'Built');
  expect((await asCi('push', 'team-a/app')).code).toBe(0);
  expect((await asCi('ls-remote', 'team-a/app')).stdout).toContain('refs/heads/main');
  for (const verb of ['push', 'ls-remote'] as const) {
    const refused = await asCi(verb, 'team-b/app');
    expect([refused.code, refused.stderr]).toEqual([128, expect.stringContaining('403')]);
  }
});

test('why, who-can and whoami tell the same as the edge does', async () => {
  const why = (target: string): Promise<Explained> =>
    must<Explained>(lubeck, 'access', 'why', 'service:ci', 'kv.write', target);
  expect(await why('kv/prices')).toMatchObject({
    allowed: false,
    reason: 'no role of ci here allows it (builder)',
  });
  expect(await why('lubeck:kv/builds')).toMatchObject({
    allowed: true,
    policies: ['role:builder'],
  });
  const { principals } = await must<{ principals: readonly Able[] }>(
    lubeck,
    'access',
    'who-can',
    'kv.write',
    'kv/builds',
  );
  expect(principals.map(({ principal }) => principal)).toContain('service:ci');
  const path = '/whoami';
  const me = await callApi<Myself>({ url: lubeck.url, token: ci, method: 'GET', path });
  expect(me.body).toMatchObject({
    kind: 'token',
    principal: 'service:ci',
    roles: [{ role: 'builder' }],
    scopes: ['api:*'],
  });
  expect(await must<Myself>(lubeck, 'whoami')).toMatchObject({ kind: 'owner', all: true });
  const { permissions } = await must<{ permissions: readonly PermissionRow[] }>(
    lubeck,
    'access',
    'permissions',
  );
  const pushing = permissions.find(({ permission }) => permission === 'forge.write');
  expect(pushing?.uses.map(({ call }) => call)).toContain('POST /git/*');
});

test('a policy is planned, counts at once and after a restart, and is named where it refuses', async () => {
  const file = join(temporaryFolder('policies'), 'freeze.cedar');
  writeFileSync(file, 'forbid(principal, action in Action::"kv.wriet", resource);');
  const faulty = await lubeck.hansa('access', 'put-policy', 'freeze', file, '--yes');
  expect([faulty.code, faulty.stderr]).toEqual([2, expect.stringContaining('line 1, column')]);
  writeFileSync(
    file,
    'forbid(principal, action == Action::"kv.write", resource)\n' +
      'when { resource.own && resource.name == "builds" };\n',
  );
  const put = ['access', 'put-policy', 'freeze', file];
  const { changes } = await must<PolicyPlan>(lubeck, ...put, '--plan', '--on', 'kv/builds');
  expect(changes).toEqual([
    expect.objectContaining({ principal: 'service:ci', before: true, after: false }),
  ]);
  expect((await write(ci, 'builds')).status).toBe(200);
  await must<AccessPolicy>(lubeck, ...put, '--yes');
  const refused = async (): Promise<void> => {
    const { status, body } = await write(ci, 'lubeck:builds');
    expect([status, body.message]).toEqual([
      403,
      expect.stringContaining('the policy freeze forbids it'),
    ]);
  };
  await refused();
  await lubeck.restart();
  await refused();
  await must(lubeck, 'access', 'remove-policy', 'freeze', '--yes');
  expect((await write(ci, 'builds')).status).toBe(200);
});

test('who is disabled, and who is removed, is refused from the next request on', async () => {
  await must(lubeck, 'service', 'add', 'old', '--role', 'builder');
  const token = await tokenFor(lubeck, 'service:old', '--cap', 'api:*');
  expect((await write(token, 'builds')).status).toBe(200);
  await must(lubeck, 'service', 'disable', 'old');
  expect((await write(token, 'builds')).body.code).toBe('PRINCIPAL_DISABLED');
  await must(lubeck, 'service', 'remove', 'old', '--yes');
  // The token is revoked with the account, a moment later.
  const gone = ['CALLER_UNKNOWN', 'TOKEN_REVOKED'];
  expect(gone).toContain((await write(token, 'builds')).body.code);
  await until('it is revoked', async () =>
    (await write(token, 'builds')).body.code === 'TOKEN_REVOKED' ? true : undefined,
  );
});

test('people of another cluster may what they are mapped to here, and nothing before', async () => {
  await linkClusters(lubeck, bergen);
  const chosen = ['--cluster', 'lubeck'];
  await must(bergen, 'user', 'add', 'eva', '--role', 'admin', ...chosen);
  await must(bergen, 'share', 'add', 'directory/people', '--to', 'lubeck');
  await must(lubeck, 'mirror', 'add', 'bergen:directory/people');
  await untilState(lubeck, 'bergen:directory/people', { state: 'current' });
  const eva = await tokenFor(bergen, 'eva', '--at', 'lubeck', '--cap', 'api:*');
  expect((await write(eva, 'prices')).body).toMatchObject({ code: 'FORBIDDEN' });
  await must(lubeck, 'role', 'map', 'bergen', 'role:admin', 'editor', '--yes');
  expect((await write(eva, 'prices')).status).toBe(200);
  const explained = await must<Explained>(lubeck, 'access', 'why', 'eva@bergen', 'kv.write');
  expect(explained.roles).toEqual([
    { role: 'editor', because: 'role:admin of bergen is editor here' },
  ]);
  await must(bergen, 'user', 'disable', 'eva');
  await until('lubeck refuses her', async () =>
    (await write(eva, 'prices')).body.code === 'PRINCIPAL_DISABLED' ? true : undefined,
  );
});
