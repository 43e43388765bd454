// A directory over real processes: written at its home, the same to the byte on every cluster that
// mirrors it, through restarts and while its home is away.
import type {
  GroupWithMembers,
  ShownAccount,
  ShownDirectory,
  ShownGroup,
} from '@hansa/capabilities/directory/contract';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, expect, test } from 'vitest';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';
import { streamOnly } from './rooms/pair.ts';

const agreeWithinMs = 5_000; // the promise: after the last change, everybody says the same
const people = 'lubeck:directory/people';
const names = Array.from({ length: 50 }, (_, at) => `user-${String(at).padStart(2, '0')}`);
const groups = Array.from({ length: 10 }, (_, at) => `group-${at}`);

let lubeck: Cluster;
let bergen: Cluster;
let visby: Cluster;
let narvik: Cluster;
let mirrors: readonly Cluster[];
const rules = new Map<string, string>();

beforeAll(async () => {
  const flags = streamOnly;
  [lubeck, bergen, visby, narvik] = await Promise.all([
    startCluster({ name: 'lubeck', flags }),
    startCluster({ name: 'bergen', flags }),
    startCluster({ name: 'visby', flags }),
    startCluster({ name: 'narvik', flags }),
  ]);
  mirrors = [bergen, visby, narvik];
  await must(lubeck, 'user', 'add', 'anna', '--role', 'owner');
  await Promise.all(mirrors.map((other) => shareWith(other)));
}, 60_000);

async function shareWith(other: Cluster): Promise<void> {
  await linkClusters(lubeck, other);
  const sharing = ['share', 'add', 'directory/people', '--to', other.name];
  rules.set(other.name, (await must<ShownRule>(lubeck, ...sharing)).id);
  await ask<Mirror>(other, 'POST', '/mirrors', { resource: people });
}

async function ask<T>(cluster: Cluster, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await cluster.api<T>(method, path, body);
  if (answer.status !== 200) {
    throw new Error(`${method} ${path} on ${cluster.name}: ${answer.text}`);
  }
  return answer.body;
}

/** All of lubeck's users and groups, to the byte; less how the cluster stands to them. */
async function told(cluster: Cluster): Promise<string> {
  const home = cluster === lubeck ? 'own' : 'lubeck';
  const { users } = await ask<{ users: ShownAccount[] }>(
    cluster,
    'GET',
    `/directory/users?limit=1000&home=${home}`,
  );
  const { groups: all } = await ask<{ groups: ShownGroup[] }>(
    cluster,
    'GET',
    `/directory/groups?limit=1000&home=${home}`,
  );
  const rest = [...users, ...all].map(({ role: _role, ...each }) =>
    'principal' in each ? { ...each, principal: each.principal.split('@')[0] } : each,
  );
  return rest.map((each) => JSON.stringify(each)).join('\n');
}

async function untilAgreed(clusters = mirrors, withinMs = agreeWithinMs): Promise<string> {
  const own = await told(lubeck);
  await Promise.all(
    clusters.map((cluster) =>
      until(
        `${cluster.name} tells what lubeck does`,
        async () => {
          const there = await told(cluster);
          return there === own ? true : notYet(there.slice(0, 300));
        },
        withinMs,
      ),
    ),
  );
  return own;
}

const putUser = (user: string, words: object = {}) =>
  ask<ShownAccount>(lubeck, 'PUT', '/directory/users', { user, ...words });

test('fifty users and ten groups are the same on four clusters, five seconds after the last change', async () => {
  for (const group of groups) {
    await ask(lubeck, 'PUT', '/directory/groups', { group, description: `All of ${group}` });
  }
  await Promise.all(
    names.map((user, at) =>
      putUser(user, {
        displayName: `User ${at} Überall`,
        email: `${user}@example.org`,
        groups: [groups[at % 10], groups[(at * 7) % 10]],
        clusters: ['bergen', 'visby'],
      }),
    ),
  );
  await ask(lubeck, 'POST', '/directory/assignments', { role: 'editor', to: 'group:group-3' });
  const there = { role: 'viewer', to: 'user-07', cluster: 'narvik' };
  await ask(lubeck, 'POST', '/directory/assignments', there);
  await putUser('user-08', { disabled: true });
  const own = await untilAgreed();
  expect(own.match(/"email"/g)).toHaveLength(50);
  expect(own.match(/"memberCount"/g)).toHaveLength(10);
}, 60_000);

test('a user who was removed is gone everywhere, and out of every group', async () => {
  await must(lubeck, 'user', 'remove', 'user-07', '--yes');
  await must(lubeck, 'group', 'remove', 'group-9', '--yes');
  await untilAgreed();
  for (const cluster of [lubeck, ...mirrors]) {
    const there = cluster === lubeck ? '' : '@lubeck';
    const path = (noun: string, name: string): string =>
      `/directory/${noun}s/show?${noun}=${encodeURIComponent(name + there)}`;
    const gone = await cluster.api<{ code: string }>('GET', path('user', 'user-07'));
    expect([gone.status, gone.body.code]).toEqual([404, 'PRINCIPAL_UNKNOWN']);
    const { members } = await ask<GroupWithMembers>(cluster, 'GET', path('group', 'group-7'));
    expect(members.map((each) => each.split('@')[0])).not.toContain('user:user-07');
  }
  const asked = await bergen.hansa('user', 'show', 'user-07@lubeck');
  expect([asked.code, asked.report().code]).toEqual([3, 'PRINCIPAL_UNKNOWN']);
}, 60_000);

test('one that was killed tells the same again, at once what it had and soon what it missed', async () => {
  const before = await told(lubeck);
  await bergen.kill();
  await bergen.restart();
  expect(await told(bergen)).toBe(before);
  await untilState(bergen, people, { state: 'current' });
  await putUser('user-00', { displayName: 'Another name' });
  await untilAgreed();
}, 60_000);

test('its home being away changes nothing: everybody is known as they were, and after a restart', async () => {
  const before = await untilAgreed();
  await lubeck.kill();
  expect(await told(visby)).toBe(before);
  await visby.restart();
  expect(await told(visby)).toBe(before);
  await lubeck.restart();
  expect(await told(lubeck)).toBe(before);
}, 60_000);

test('what another cluster writes is read only: the refusal names it', async () => {
  const user = 'user-01@lubeck';
  const to = { role: 'viewer', to: user };
  const writes = [
    ['PUT', '/directory/users', { user, disabled: true }],
    ['DELETE', `/directory/users?user=${encodeURIComponent(user)}`, undefined],
    ['POST', '/directory/assignments', to],
    ['DELETE', '/directory/directories?directory=lubeck:people', undefined],
  ] as const;
  for (const [method, path, body] of writes) {
    const refused = await visby.api<ErrorReport>(method, path, body);
    expect([refused.status, refused.body.code]).toEqual([403, 'RESOURCE_READ_ONLY']);
    expect(refused.body.message).toContain('lubeck');
  }
  const typed = await visby.hansa('user', 'disable', user);
  expect([typed.code, typed.report().code]).toEqual([4, 'RESOURCE_READ_ONLY']);
});

test('what its home withdraws lets nobody in any more', async () => {
  await untilState(narvik, people, { state: 'current' });
  await must(lubeck, 'share', 'remove', rules.get('narvik') ?? '', '--yes');
  await untilState(narvik, people, { state: 'frozen' });
  const path = `/directory/users/show?user=${encodeURIComponent('user-01@lubeck')}`;
  expect((await narvik.api<ErrorReport>('GET', path)).body.code).toBe('PRINCIPAL_UNKNOWN');
  type Listed = { directories: ShownDirectory[] };
  const { directories } = await ask<Listed>(narvik, 'GET', '/directory/directories');
  expect(directories).toMatchObject([{ name: 'people', counts: false, state: 'frozen' }]);
});

test('whoever may write the directory gives nobody more than they have, and is nobody once removed', async () => {
  await putUser('clerk', { roles: ['admin'] });
  const words = ['token', 'issue', '--for', 'clerk', '--cap', 'api:*', '--cap', '*:*:**'];
  const { token } = await must<{ token: string }>(lubeck, ...words, '--cap', 'app:*');
  const { url } = lubeck;
  const give = async (role: string): Promise<string> => {
    const body = { role, to: 'clerk' };
    const path = '/directory/assignments';
    const answer = await callApi<{ code?: string }>({ url, token, method: 'POST', path, body });
    return answer.body.code ?? 'OK';
  };
  expect(await give('viewer')).toBe('OK');
  expect(await give('owner')).toBe('GRANT_WIDENED');
  await must(lubeck, 'user', 'remove', 'clerk', '--yes');
  expect(await give('viewer')).not.toBe('OK');
  const refused = { url, token, method: 'GET', path: '/directory/users' };
  expect([401, 403, 404]).toContain((await callApi(refused)).status);
});

test('the last user who owns a cluster cannot be taken from it', async () => {
  const refused = await lubeck.hansa('user', 'remove', 'anna', '--yes');
  expect([refused.code, refused.report().code]).toEqual([5, 'LAST_OWNER']);
  expect(refused.report().fix).toContain('owner.token');
});
