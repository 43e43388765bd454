import { describe, expect, test } from 'vitest';
import { bergen, makeAccessCluster, somebody, withToken } from '../../testkit/access-cluster.ts';
import { roads } from '../../testkit/roads.ts';
import { accessSuite, knownHere } from './access.suite.ts';
import { accessContract, type Access } from './contract.ts';

const everyRoad = roads<Access>(accessContract, async () => {
  const { access, directories } = await makeAccessCluster();
  knownHere(directories, bergen);
  return access;
});
everyRoad.forEach(accessSuite);

describe('who asks about themselves', () => {
  test('is told the roles, the scopes and the end of what they came with', async () => {
    const { access, directories } = await makeAccessCluster();
    knownHere(directories, bergen);
    expect(await access.whoami({}, { caller: somebody('user:anna') })).toEqual({
      kind: 'principal',
      principal: 'user:anna',
      proof: 'session:test',
      roles: [{ role: 'viewer', because: 'given to user:anna' }],
      all: false,
      scopes: ['api:*.read'],
      expiresMs: 1,
    });
    directories.put('user:olga', { roles: ['owner'] });
    expect(await access.whoami({}, { caller: somebody('user:olga') })).toMatchObject({ all: true });
  });

  test('is told why they may not, with no right to look at others', async () => {
    const { access, directories } = await makeAccessCluster();
    knownHere(directories, bergen);
    const asked = { permission: 'kv.write', target: 'kv/prices' };
    expect(await access.whyMe(asked, { caller: somebody('user:anna') })).toEqual({
      principal: 'user:anna',
      ...asked,
      known: true,
      allowed: false,
      reason: 'no role of anna here allows it (viewer)',
      policies: [],
      roles: [{ role: 'viewer', because: 'given to user:anna' }],
    });
    const token = withToken(['api:kv.read'], 'user:anna');
    expect(await access.whyMe(asked, { caller: token })).toMatchObject({
      principal: 'user:anna',
      reason: 'the token has no scope for it',
    });
    expect(await access.whyMe(asked, { caller: { kind: 'anonymous' } })).toMatchObject({
      principal: 'anonymous',
      known: false,
      allowed: false,
    });
  });

  test('with a token is told the token’s scopes, whoever it speaks for', async () => {
    const { access, directories } = await makeAccessCluster();
    directories.define('owner', ['api:*']);
    directories.put('user:olga', { roles: ['owner'] });
    const caller = withToken(['api:kv.read'], 'user:olga');
    expect(await access.whoami({}, { caller })).toMatchObject({
      kind: 'token',
      principal: 'user:olga',
      proof: `token:${'t'.repeat(22)}`,
      all: false,
      scopes: ['api:kv.read'],
    });
    expect(await access.whoami({}, { caller: withToken(['app:a']) })).toMatchObject({
      scopes: ['app:a'],
      roles: [],
    });
  });
});

test('mappings and policies are there after a restart', async () => {
  const made = await makeAccessCluster();
  knownHere(made.directories, bergen);
  await made.access.map({ peer: 'bergen', from: 'group:crew', role: 'viewer' });
  const text = 'forbid(principal, action in Action::"kv.*", resource);';
  await made.access.putPolicy({ id: 'no-kv', text });
  const { access, control } = await made.restart();
  expect((await access.maps({})).maps).toMatchObject([{ from: 'group:crew', role: 'viewer' }]);
  const eva = somebody(`user:eva@${bergen}`);
  expect(control.decide(eva, { permission: 'links.read' }).allowed).toBe(true);
  expect(control.decide(eva, { permission: 'kv.read' })).toMatchObject({ policies: ['no-kv'] });
});

test('what was mapped of a cluster can be unmapped when its link is gone', async () => {
  const { access, directories, peers } = await makeAccessCluster();
  knownHere(directories, bergen);
  await access.map({ peer: 'bergen', from: 'group:crew', role: 'viewer' });
  const { resolve } = peers;
  peers.resolve = () => resolve('gone');
  const { removed } = await access.unmap({ peer: bergen, from: 'group:crew' });
  expect(removed).toHaveLength(1);
});
