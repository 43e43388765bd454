// What any Access must tell and take, wherever it lives. The cluster it decides for has the
// accounts and roles that `knownHere` writes.
import { describe, expect, test } from 'vitest';
import type { HandDirectories } from '../../testkit/access-cluster.ts';
import type { Road } from '../../testkit/roads.ts';
import type { Access } from './contract.ts';

export function knownHere(directories: HandDirectories, bergen: string): void {
  directories.define('owner', ['api:*', '*:*:**', 'app:*']);
  directories.define('viewer', ['api:*.read']);
  directories.put('user:anna', { roles: ['viewer'] });
  directories.put('service:ci', {});
  directories.put(`user:eva@${bergen}`, { groups: ['crew'] });
}

export function accessSuite({ name: road, make }: Road<Access>): void {
  describe(`access ${road}`, () => {
    const withAccess = async (act: (access: Access) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('a decision is explained for whoever is spelled, as the gate would decide', () =>
      withAccess(async (access) => {
        const asked = { permission: 'kv.read', target: 'kv/prices' };
        await expect(access.why({ principal: 'anna', ...asked })).resolves.toEqual({
          principal: 'user:anna',
          ...asked,
          known: true,
          allowed: true,
          reason: 'the role viewer allows it',
          policies: ['role:viewer'],
          roles: [{ role: 'viewer', because: 'given to user:anna' }],
        });
        await expect(access.why({ principal: 'anna@bergen', ...asked })).resolves.toMatchObject({
          known: false,
          allowed: false,
        });
        await expect(
          access.why({ principal: 'service:ci', ...asked, scopes: ['api:kv.read'] }),
        ).resolves.toMatchObject({ allowed: false, withinScopes: true });
      }));

    test('a token’s scopes cut what its principal may', () =>
      withAccess(async (access) => {
        const asked = { principal: 'anna', permission: 'kv.read', target: 'kv/prices' };
        const through = async (scope: string) => access.why({ ...asked, scopes: [scope] });
        await expect(through('api:kv.read:prices')).resolves.toMatchObject({ allowed: true });
        await expect(through('api:kv.read:secrets')).resolves.toMatchObject({
          allowed: false,
          withinScopes: false,
        });
      }));

    test.each([
      ['a permission that nobody asks for', { principal: 'anna', permission: 'kv.raed' }],
      ['a principal that is none', { principal: 'a b', permission: 'kv.read' }],
    ])('%s is INPUT_INVALID', (_, asked) =>
      withAccess(async (access) => {
        await expect(access.why(asked)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
    );

    test('everybody who may is listed, each with what lets them', () =>
      withAccess(async (access) => {
        await expect(access.whoCan({ permission: 'links.read' })).resolves.toEqual({
          principals: [{ principal: 'user:anna', policies: ['role:viewer'] }],
          truncated: false,
        });
        await expect(access.whoCan({ permission: 'links.write' })).resolves.toMatchObject({
          principals: [],
        });
      }));

    test('callers are told who they are', () =>
      withAccess(async (access) => {
        await expect(access.whoami({})).resolves.toEqual({
          kind: 'owner',
          all: true,
          roles: [],
          scopes: [],
        });
      }));

    test('every permission is listed with what asks for it', () =>
      withAccess(async (access) => {
        const { permissions } = await access.permissions({});
        expect(permissions.find(({ permission }) => permission === 'kv.read')).toEqual({
          permission: 'kv.read',
          uses: [{ call: 'kv.read', summary: 'Uses kv.read.' }],
        });
      }));

    test('what is mapped is listed, and unmapped by its left side', () =>
      withAccess(async (access) => {
        await access.map({ peer: 'bergen', from: 'group:crew', role: 'viewer' });
        await access.map({ peer: 'bergen', from: 'group:crew', role: 'owner' });
        await access.map({ peer: 'bergen', from: 'role:admin', role: 'viewer' });
        const { maps } = await access.maps({ peer: 'bergen' });
        expect(maps.map(({ name, from, role }) => [name, from, role])).toEqual([
          ['bergen', 'group:crew', 'owner'],
          ['bergen', 'group:crew', 'viewer'],
          ['bergen', 'role:admin', 'viewer'],
        ]);
        const one = { peer: 'bergen', from: 'group:crew', role: 'owner' };
        expect((await access.unmap(one)).removed).toHaveLength(1);
        expect((await access.unmap({ peer: 'bergen', from: 'group:crew' })).removed).toHaveLength(
          1,
        );
        await expect(access.unmap(one)).rejects.toMatchObject({ code: 'ROLE_MAP_NOT_FOUND' });
        expect((await access.maps({})).maps).toHaveLength(1);
      }));

    test.each([
      ['an unknown peer', { peer: 'riga', from: 'role:a', role: 'viewer' }, 'LINK_NOT_FOUND'],
      ['an unknown role', { peer: 'bergen', from: 'role:a', role: 'none' }, 'ROLE_NOT_FOUND'],
      ['what is no left side', { peer: 'bergen', from: 'a', role: 'viewer' }, 'INPUT_INVALID'],
    ])('%s cannot be mapped', (_, asked, code) =>
      withAccess(async (access) => {
        await expect(access.map(asked)).rejects.toMatchObject({ code });
      }),
    );

    test('a policy is planned by whose decisions change, then written, shown and removed', () =>
      withAccess(async (access) => {
        const text =
          'permit(principal == Service::"ci", action == Action::"kv.write", resource) ' +
          'when { resource.own && resource.name == "builds" };';
        const plan = { id: 'ci', text, targets: ['kv/builds', 'kv/other'] };
        await expect(access.planPolicy(plan)).resolves.toEqual({
          effect: 'permit',
          permissions: ['kv.write'],
          changes: [
            {
              principal: 'service:ci',
              permission: 'kv.write',
              target: 'kv/builds',
              before: false,
              after: true,
            },
          ],
          truncated: false,
        });
        expect((await access.policies({})).policies).toEqual([]);
        await access.putPolicy({ id: 'ci', text });
        const asked = { principal: 'service:ci', permission: 'kv.write', target: 'kv/builds' };
        await expect(access.why(asked)).resolves.toMatchObject({ policies: ['ci'] });
        expect((await access.policies({})).policies).toEqual([await access.policy({ id: 'ci' })]);
        const removal = { id: 'ci', targets: ['kv/builds'] };
        expect((await access.planPolicy(removal)).changes).toMatchObject([
          { before: true, after: false },
        ]);
        await expect(access.removePolicy({ id: 'ci' })).resolves.toMatchObject({ text });
        await expect(access.why(asked)).resolves.toMatchObject({ allowed: false });
        for (const gone of [
          access.policy({ id: 'ci' }),
          access.removePolicy({ id: 'ci' }),
          access.planPolicy({ id: 'ci' }),
        ]) {
          await expect(gone).rejects.toMatchObject({ code: 'ACCESS_POLICY_NOT_FOUND' });
        }
      }));

    test('a policy that takes away is planned as such', () =>
      withAccess(async (access) => {
        const text = 'forbid(principal, action in Action::"kv.*", resource);';
        const { changes } = await access.planPolicy({ id: 'kv', text });
        expect(changes).toEqual([
          { principal: 'user:anna', permission: 'kv.read', before: true, after: false },
        ]);
      }));

    test('a policy with a fault is refused where it stands, planned or put', () =>
      withAccess(async (access) => {
        const text = 'permit(principal,\n  action == Action::"kv.raed", resource);';
        const refusal = {
          code: 'INPUT_INVALID',
          message: expect.stringContaining('line 2, column 13'),
          fix: expect.stringContaining('kv.read'),
        };
        await expect(access.putPolicy({ id: 'a', text })).rejects.toMatchObject(refusal);
        await expect(access.planPolicy({ id: 'a', text })).rejects.toMatchObject(refusal);
      }));
  });
}
