import { principal, type Asked, type Caller } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  bergen,
  lubeck,
  makeAccessCluster,
  permissionsOfTests,
  somebody,
  withToken,
  type AccessCluster,
} from '../../testkit/access-cluster.ts';
import { linked } from '../../testkit/test-cluster.ts';

const owner: Caller = { kind: 'owner' };
const cluster: Caller = { kind: 'cluster', cluster: bergen, node: 'n' as never };

async function withPeople(): Promise<AccessCluster> {
  const made = await makeAccessCluster();
  const { directories } = made;
  directories.define('owner', ['api:*', '*:*:**', 'app:*']);
  directories.define('viewer', ['api:*.read', 'pull:*:**']);
  directories.define('team', ['api:kv.write:team-a/*', 'api:forge.*:team-a/**']);
  directories.put('user:olga', { roles: ['owner'] });
  directories.put('user:anna', { roles: ['viewer'], groups: ['ops'] });
  directories.put('user:tim', { roles: ['team'] });
  return made;
}

function may({ control }: AccessCluster, caller: Caller, asked: Asked): boolean {
  return control.decide(caller, asked).allowed;
}

function refused(made: AccessCluster, caller: Caller, asked: Asked): unknown {
  try {
    made.control.authorise(caller, asked);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('who may what', () => {
  test('the owner everything but what is for clusters, clusters nothing else', async () => {
    const made = await withPeople();
    const asked = [...permissionsOfTests, 'peer', 'open', 'self'];
    const allowed = (caller: Caller) =>
      asked.filter((permission) => may(made, caller, { permission }));
    expect(allowed(owner)).toEqual([...permissionsOfTests, 'open']);
    expect(allowed(cluster)).toEqual(['peer', 'open']);
    expect(allowed({ kind: 'anonymous' })).toEqual(['open']);
    expect(allowed(somebody('user:tim'))).toEqual(['open', 'self']);
    expect(allowed(withToken(['api:*']))).toEqual([...permissionsOfTests, 'open']);
  });

  test('a person what the roles say that they have here, each told with how it came', async () => {
    const made = await withPeople();
    expect(made.control.decide(somebody('user:anna'), { permission: 'kv.read' })).toEqual({
      allowed: true,
      reason: 'the role viewer allows it',
      policies: ['role:viewer'],
      roles: [{ role: 'viewer', because: 'given to user:anna' }],
    });
    expect(refused(made, somebody('user:anna'), { permission: 'kv.write' })).toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('no role of anna here allows it (viewer)'),
      fix: 'hansa access why user:anna kv.write',
      facts: { permission: 'kv.write' },
    });
  });

  test('roles for one cluster count there alone, and roles that nobody defines not at all', async () => {
    const made = await withPeople();
    const by = 'group:ops';
    made.directories.put('user:eva', { roles: [{ role: 'viewer', by, cluster: bergen }, 'gone'] });
    const asked = { permission: 'kv.read' };
    expect(made.control.decide(somebody('user:eva'), asked)).toMatchObject({
      allowed: false,
      reason: 'eva has no role here',
      roles: [],
    });
    made.directories.put('user:eva', { roles: [{ role: 'viewer', by, cluster: lubeck }] });
    expect(made.control.decide(somebody('user:eva'), asked)).toMatchObject({
      allowed: true,
      roles: [{ role: 'viewer', because: 'given to group:ops, for this cluster' }],
    });
  });

  test('whoever is unknown or disabled is refused as such, from the next request on', async () => {
    const made = await withPeople();
    const asked = { permission: 'kv.read' };
    expect(refused(made, somebody('user:nobody'), asked)).toMatchObject({
      code: 'CALLER_UNKNOWN',
    });
    expect(may(made, somebody('user:anna'), asked)).toBe(true);
    made.directories.put('user:anna', { roles: ['viewer'], disabled: true });
    expect(refused(made, somebody('user:anna'), asked)).toMatchObject({
      code: 'PRINCIPAL_DISABLED',
    });
    expect(refused(made, somebody('user:anna'), { permission: 'self' })).toMatchObject({
      code: 'PRINCIPAL_DISABLED',
    });
    made.directories.remove('user:anna');
    expect(refused(made, withToken(['api:*'], 'user:anna'), asked)).toMatchObject({
      code: 'CALLER_UNKNOWN',
    });
  });

  test('a workload has no account, and may what policies permit it', async () => {
    const made = await withPeople();
    const asked = { permission: 'kv.read' };
    expect(refused(made, somebody('workload:web/1'), asked)).toMatchObject({ code: 'FORBIDDEN' });
    await made.access.putPolicy({
      id: 'web',
      text: 'permit(principal == Workload::"web/1", action == Action::"kv.read", resource);',
    });
    expect(made.control.decide(somebody('workload:web/1'), asked)).toMatchObject({
      allowed: true,
      reason: 'the policy web allows it',
    });
    expect(may(made, somebody('workload:web/2'), asked)).toBe(false);
  });

  test('a principal that names this cluster as its home is its own', async () => {
    const made = await withPeople();
    expect(may(made, somebody(`user:anna@${lubeck}`), { permission: 'kv.read' })).toBe(true);
    expect(may(made, somebody(`user:anna@${bergen}`), { permission: 'kv.read' })).toBe(false);
  });
});

describe('a role that is bound to names', () => {
  test('holds for own resources of these names, however they are spelled', async () => {
    const made = await withPeople();
    const writes = (target?: string): boolean =>
      may(made, somebody('user:tim'), { permission: 'kv.write', target });
    const spelled = ['kv/team-a/x', 'lubeck:kv/team-a/x', `${lubeck}:kv/team-a/x`];
    expect(spelled.map(writes)).toEqual([true, true, true]);
    const others = ['kv/team-b/x', 'kv/team-a/x/y', 'kv/team-a', 'bergen:kv/team-a/x'];
    expect(others.map(writes)).toEqual([false, false, false, false]);
    const unclear = [undefined, 'nobody:kv/team-a/x', 'team-a', ':kv/team-a/x', 'kv/', '/x', ''];
    expect(unclear.map(writes)).toEqual(unclear.map(() => false));
  });

  test('does not hold for a lane, which is about what another cluster owns', async () => {
    const made = await withPeople();
    made.directories.define('team', ['api:kv.write:**', 'api:kv.write:*/*']);
    const writes = (target: string): boolean =>
      may(made, somebody('user:tim'), { permission: 'kv.write', target });
    expect(writes('kv/a/b')).toBe(true);
    expect(writes(`kv/@${bergen}/b`)).toBe(false);
  });
});

describe('a foreign account', () => {
  test('may nothing until something of it is mapped, then what it is mapped to', async () => {
    const made = await withPeople();
    const eva = somebody(`user:eva@${bergen}`);
    made.directories.put(`user:eva@${bergen}`, {
      roles: ['viewer', { role: 'owner', by: 'group:crew', cluster: lubeck }],
      groups: ['crew'],
    });
    const asked = { permission: 'kv.read' };
    expect(made.control.decide(eva, asked)).toMatchObject({
      allowed: false,
      reason: 'nothing of eva’s home is mapped to a role here',
    });
    for (const from of ['role:owner', 'role:viewer', 'group:crew', 'user:eva']) {
      await made.access.map({ peer: 'bergen', from, role: 'viewer' });
      expect(made.control.decide(eva, asked)).toMatchObject({
        allowed: true,
        roles: [{ role: 'viewer', because: `${from} of bergen is viewer here` }],
      });
      await made.access.unmap({ peer: 'bergen', from });
      expect(may(made, eva, asked)).toBe(false);
    }
  });

  test('has no role that it was given for other clusters, nor what others’ are mapped to', async () => {
    const made = await withPeople();
    const eva = somebody(`user:eva@${bergen}`);
    const only = { role: 'admin', by: 'user:eva', cluster: bergen };
    made.directories.put(`user:eva@${bergen}`, { roles: [only] });
    await made.access.map({ peer: 'bergen', from: 'role:admin', role: 'viewer' });
    await made.access.map({ peer: 'bergen', from: 'service:eva', role: 'viewer' });
    expect(may(made, eva, { permission: 'kv.read' })).toBe(false);
  });

  test('of a cluster that is blocked is let in nowhere', async () => {
    const made = await withPeople();
    made.directories.put(`user:eva@${bergen}`, {});
    await made.access.map({ peer: 'bergen', from: 'user:eva', role: 'viewer' });
    const eva = somebody(`user:eva@${bergen}`);
    expect(may(made, eva, { permission: 'kv.read' })).toBe(true);
    made.peers.set({ ...linked(bergen, 'bergen'), trust: 'blocked' });
    expect(refused(made, eva, { permission: 'kv.read' })).toMatchObject({
      code: 'PRINCIPAL_DISABLED',
    });
  });
});

describe('a token', () => {
  test('says the most, and whom it speaks for may less', async () => {
    const made = await withPeople();
    const wide = withToken(['api:kv.*'], 'user:anna');
    expect(may(made, wide, { permission: 'kv.read' })).toBe(true);
    expect(refused(made, wide, { permission: 'kv.write' })).toMatchObject({ code: 'FORBIDDEN' });
    expect(refused(made, wide, { permission: 'links.read' })).toMatchObject({
      code: 'TOKEN_SCOPE',
      fix: 'it would need the scope "api:links.read"',
    });
    expect(refused(made, wide, { permission: 'self' })).toMatchObject({ code: 'FORBIDDEN' });
  });

  test('bound to names lets through what is about own resources of these names', async () => {
    const made = await withPeople();
    const bound = withToken(['api:kv.write:team-a/*']);
    const asked = (target?: string): Asked => ({ permission: 'kv.write', target });
    expect(may(made, bound, asked('lubeck:kv/team-a/x'))).toBe(true);
    expect(refused(made, bound, asked('kv/team-b/x'))).toMatchObject({
      code: 'TOKEN_SCOPE',
      fix: 'it would need the scope "api:kv.write" or "api:kv.write:team-b/x"',
    });
    expect([undefined, 'bergen:kv/team-a/x'].map((one) => may(made, bound, asked(one)))).toEqual([
      false,
      false,
    ]);
  });

  test('of nobody counts as its issuer’s word, unless a policy forbids it', async () => {
    const made = await withPeople();
    const asked = { permission: 'kv.write' };
    for (const caller of [withToken(['api:kv.*']), withToken(['api:kv.*'], `cluster:${lubeck}`)]) {
      expect(made.control.decide(caller, asked)).toMatchObject({
        allowed: true,
        reason: 'the token’s issuer allows it',
      });
    }
    await made.access.putPolicy({
      id: 'no-tokens',
      text: 'forbid(principal is Token, action == Action::"kv.write", resource);',
    });
    expect(refused(made, withToken(['api:kv.*']), asked)).toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('the policy no-tokens forbids it'),
    });
  });
});

describe('policies', () => {
  test('that forbid win over every role but the owner of the data folder', async () => {
    const made = await withPeople();
    await made.access.putPolicy({
      id: 'secrets',
      text: 'forbid(principal, action, resource) when { resource.name like "secret/*" };',
    });
    const asked = { permission: 'kv.read', target: 'lubeck:kv/secret/a' };
    expect(made.control.decide(somebody('user:olga'), asked)).toMatchObject({
      allowed: false,
      reason: 'the policy secrets forbids it',
      policies: ['secrets'],
    });
    expect(may(made, somebody('user:olga'), { ...asked, target: 'kv/open/a' })).toBe(true);
    expect(may(made, owner, asked)).toBe(true);
    await made.access.removePolicy({ id: 'secrets' });
    expect(may(made, somebody('user:olga'), asked)).toBe(true);
  });

  test('see groups, and those of other clusters as theirs', async () => {
    const made = await withPeople();
    made.directories.put(`user:eva@${bergen}`, { groups: ['ops'] });
    const asked = { permission: 'links.write' };
    await made.access.putPolicy({
      id: 'ops',
      text: 'permit(principal in Group::"ops", action == Action::"links.write", resource);',
    });
    expect(may(made, somebody('user:anna'), asked)).toBe(true);
    expect(may(made, somebody(`user:eva@${bergen}`), asked)).toBe(false);
  });
});

test('what may be allowed no more is told to whoever listens, until it leaves', async () => {
  const made = await withPeople();
  let told = 0;
  const stop = made.control.subscribe(() => {
    told += 1;
  });
  const steps = [
    async () => made.directories.remove('user:anna'),
    async () => made.peers.set({ ...linked(bergen, 'bergen'), trust: 'blocked' }),
    () => made.access.map({ peer: 'bergen', from: 'role:admin', role: 'viewer' }),
    () => made.access.putPolicy({ id: 'none', text: 'forbid(principal, action, resource);' }),
  ];
  for (const step of steps) {
    const before = told;
    await step();
    expect(told).toBeGreaterThan(before);
  }
  stop();
  const before = told;
  made.directories.remove('user:tim');
  expect(told).toBe(before);
});

test('a certificate that is older than the account is somebody else’s, who had the name before', async () => {
  const { control, directories } = await makeAccessCluster();
  directories.define('reader', ['api:kv.read']);
  directories.put('user:anna', { roles: ['reader'], sinceMs: 5_900 });
  const by = (issuedMs: number): Caller => ({
    kind: 'principal',
    principal: principal({ kind: 'user', name: 'anna' }),
    proof: 'certificate:1',
    expiresMs: 99_000,
    issuedMs,
  });
  for (const permission of ['kv.read', 'self']) {
    expect(() => control.authorise(by(4_000), { permission })).toThrow(
      expect.objectContaining({ code: 'CALLER_UNKNOWN' }),
    );
    control.authorise(by(5_000), { permission });
  }
});

describe('a token of another cluster that speaks for nobody', () => {
  const bare = { ...withToken(['api:*']), root: bergen } as Caller;

  test('is named by its cluster, to policies and to whoever asks why', async () => {
    const made = await withPeople();
    const asked = { permission: 'kv.write' };
    const why = () => made.access.why({ principal: 'cluster:bergen', ...asked });
    expect(await why()).toMatchObject({
      principal: `cluster:${bergen}`,
      known: true,
      allowed: true,
      policies: ['token:issuer'],
    });
    const bergens = `principal in Cluster::"${bergen}"`;
    const text = `forbid(${bergens}, action == Action::"kv.write", resource);`;
    await made.access.putPolicy({ id: 'not-bergen', text });
    expect(may(made, bare, asked)).toBe(false);
    expect(may(made, bare, { permission: 'kv.read' })).toBe(true);
    expect(may(made, withToken(['api:*']), asked)).toBe(true);
    expect(refused(made, bare, asked)).toMatchObject({
      code: 'FORBIDDEN',
      fix: `hansa access why cluster:${bergen} kv.write`,
    });
    expect(await why()).toMatchObject({ allowed: false, policies: ['not-bergen'] });
  });

  test('is foreign, as the people of its cluster are', async () => {
    const made = await withPeople();
    const text = 'forbid(principal, action, resource) when { principal.foreign };';
    await made.access.putPolicy({ id: 'home-only', text });
    expect(may(made, bare, { permission: 'kv.read' })).toBe(false);
    expect(may(made, withToken(['api:*']), { permission: 'kv.read' })).toBe(true);
  });
});
