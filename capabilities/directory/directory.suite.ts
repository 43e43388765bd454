// What any Directory must do, wherever it lives. The cluster behind the road is `lubeck` and has no
// directory yet; `bergen` is linked and shares none.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Directory } from './contract.ts';

type With = (act: (directory: Directory) => Promise<void>) => Promise<void>;

const anna = { user: 'anna' };

export function directorySuite(road: Road<Directory>): void {
  const withDirectory: With = async (act) => {
    const { service, close } = await road.make();
    try {
      await act(service);
    } finally {
      await close();
    }
  };
  describe(`users and services ${road.name}`, () => accounts(withDirectory));
  describe(`groups ${road.name}`, () => groups(withDirectory));
  describe(`roles ${road.name}`, () => roles(withDirectory));
  describe(`directories ${road.name}`, () => directories(withDirectory));
}

function accounts(withDirectory: With): void {
  test('the first user makes the directory people, and is shown with all that was said', () =>
    withDirectory(async (directory) => {
      const words = { displayName: 'Anna Berg', email: 'anna@example.org', clusters: ['bergen'] };
      const made = await directory.putUser({ ...anna, ...words, expect: 'absent' });
      expect(made).toMatchObject({ principal: 'user:anna', role: 'own', ownerName: 'lubeck' });
      expect(made).toMatchObject({ displayName: 'Anna Berg', disabled: false, groups: [] });
      expect(made.clusters).toHaveLength(1);
      const { directories: all } = await directory.directories({});
      expect(all).toMatchObject([{ name: 'people', role: 'own', counts: true, users: 1 }]);
      await expect(directory.showUser({ user: 'user:anna' })).resolves.toEqual(made);
      await expect(directory.showUser({ user: 'anna@lubeck' })).resolves.toEqual(made);
    }));

  test('what is not said stays; empty text takes it away', () =>
    withDirectory(async (directory) => {
      await directory.putUser({ ...anna, displayName: 'Anna', email: 'anna@example.org' });
      const disabled = await directory.putUser({ ...anna, disabled: true });
      expect(disabled).toMatchObject({ disabled: true, email: 'anna@example.org' });
      const changed = await directory.putUser({ ...anna, email: '', disabled: false });
      expect(changed).toMatchObject({ disabled: false, displayName: 'Anna' });
      expect(changed).not.toHaveProperty('email');
    }));

  test('one that has to be absent or present is refused where it is not', () =>
    withDirectory(async (directory) => {
      const present = directory.putUser({ ...anna, expect: 'present' });
      await expect(present).rejects.toMatchObject({ code: 'PRINCIPAL_UNKNOWN' });
      await directory.putUser({ ...anna, expect: 'absent' });
      const absent = directory.putUser({ ...anna, expect: 'absent' });
      await expect(absent).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      await expect(directory.putService({ service: 'anna' })).resolves.toMatchObject({
        principal: 'service:anna',
      });
    }));

  test('somebody who was removed is known no more', () =>
    withDirectory(async (directory) => {
      await directory.putService({ service: 'ci' });
      await expect(directory.removeService({ service: 'ci' })).resolves.toMatchObject({
        principal: 'service:ci',
      });
      const gone = { code: 'PRINCIPAL_UNKNOWN' };
      await expect(directory.showService({ service: 'ci' })).rejects.toMatchObject(gone);
      await expect(directory.removeService({ service: 'ci' })).rejects.toMatchObject(gone);
      await expect(directory.removeUser({ user: 'ci' })).rejects.toMatchObject(gone);
    }));

  test('a list goes page by page in the order of names, each once', () =>
    withDirectory(async (directory) => {
      const names = ['emil', 'anna', 'dora', 'bo', 'carl'];
      for (const user of names) {
        await directory.putUser({ user });
      }
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await directory.users({ limit: 2, ...(cursor && { cursor }) });
        expect(page.users.length).toBeLessThanOrEqual(2);
        seen.push(...page.users.map(({ name }) => name));
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(seen).toEqual(names.toSorted());
      await expect(directory.users({ home: 'bergen' })).resolves.toEqual({ users: [] });
      const stranger = directory.users({ home: 'narvik' });
      await expect(stranger).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
    }));

  test.each(['Anna', 'an na', 'anna@', '../anna', 'service:anna', 'anna:b', ''])(
    '%j is no user to make',
    (user) =>
      withDirectory(async (directory) => {
        await expect(directory.putUser({ user })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        await expect(directory.directories({})).resolves.toEqual({ directories: [] });
      }),
  );

  test.each(['two\nlines', 'bell\u0007', '\u202eright to left'])(
    'a display name %j is refused: it is shown on the terminals of others',
    (displayName) =>
      withDirectory(async (directory) => {
        const put = directory.putUser({ ...anna, displayName });
        await expect(put).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
  );
}

function groups(withDirectory: With): void {
  test('members have the roles of the group, and lose them with it', () =>
    withDirectory(async (directory) => {
      await directory.putUser(anna);
      await directory.putService({ service: 'ci' });
      await directory.putGroup({ group: 'ops', description: 'on call', expect: 'absent' });
      await directory.assign({ role: 'operator', to: 'group:ops' });
      await directory.addMember({ group: 'ops', member: 'anna' });
      const joined = await directory.addMember({ group: 'ops', member: 'service:ci' });
      expect(joined).toMatchObject({ memberCount: 2, members: ['service:ci', 'user:anna'] });
      const shown = await directory.showUser(anna);
      expect(shown.grants).toEqual([{ role: 'operator', by: 'group:ops' }]);
      await directory.removeMember({ group: 'ops', member: 'service:ci' });
      await directory.removeGroup({ group: 'ops' });
      await expect(directory.showUser(anna)).resolves.toMatchObject({ groups: [], grants: [] });
      // Whoever was in it is not in what takes its name.
      await directory.putGroup({ group: 'ops' });
      await expect(directory.showGroup({ group: 'ops' })).resolves.toMatchObject({ members: [] });
    }));

  test('only who is known is added, to a group that is there', () =>
    withDirectory(async (directory) => {
      await directory.putUser(anna);
      const nowhere = directory.addMember({ group: 'ops', member: 'anna' });
      await expect(nowhere).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
      await directory.putGroup({ group: 'ops' });
      for (const member of ['bo', 'service:anna']) {
        const nobody = directory.addMember({ group: 'ops', member });
        await expect(nobody).rejects.toMatchObject({ code: 'PRINCIPAL_UNKNOWN' });
      }
      const put = directory.putUser({ ...anna, groups: ['crew'] });
      await expect(put).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
    }));

  test('are listed with how many are in them', () =>
    withDirectory(async (directory) => {
      await directory.putGroup({ group: 'ops' });
      await directory.putUser({ ...anna, groups: ['ops'] });
      const { groups: all } = await directory.groups({});
      expect(all).toMatchObject([{ name: 'ops', memberCount: 1, roles: [] }]);
    }));
}

function roles(withDirectory: With): void {
  test('six are built in, and nobody changes them', () =>
    withDirectory(async (directory) => {
      const { roles: all } = await directory.roles({});
      const names = ['admin', 'auditor', 'editor', 'operator', 'owner', 'viewer'];
      expect(all.map(({ role }) => role)).toEqual(names);
      expect(all.every(({ builtIn }) => builtIn)).toBe(true);
      const built = { code: 'ROLE_BUILT_IN' };
      const define = directory.defineRole({ role: 'viewer', scopes: ['api:*'] });
      await expect(define).rejects.toMatchObject(built);
      await expect(directory.removeRole({ role: 'viewer' })).rejects.toMatchObject(built);
    }));

  test('one is defined, given everywhere or in one cluster, and taken back', () =>
    withDirectory(async (directory) => {
      await directory.putUser(anna);
      const scopes = ['pull:git:**', 'api:kv.write:deploy/*'];
      const defined = await directory.defineRole({ role: 'deployer', scopes, expect: 'absent' });
      expect(defined).toMatchObject({ builtIn: false, scopes: scopes.toSorted(), holders: [] });
      await directory.assign({ role: 'deployer', to: 'anna' });
      const { given } = await directory.assign({ role: 'viewer', to: 'anna', cluster: 'bergen' });
      expect(given).toMatchObject({ to: 'anna', roles: ['deployer'] });
      expect(Object.values(given.clusterRoles)).toEqual([['viewer']]);
      const { holders } = await directory.showRole({ role: 'viewer' });
      expect(holders).toEqual(['user:anna']);
      const less = await directory.unassign({ role: 'viewer', to: 'anna', cluster: 'bergen' });
      expect(less.given.clusterRoles).toEqual({});
    }));

  test('one that was removed is nobody’s, whatever takes its name', () =>
    withDirectory(async (directory) => {
      await directory.defineRole({ role: 'deployer', scopes: ['api:kv.read'] });
      await directory.putGroup({ group: 'ops' });
      await directory.putUser({ ...anna, roles: ['deployer'], groups: ['ops'] });
      await directory.assign({ role: 'deployer', to: 'group:ops' });
      await directory.assign({ role: 'deployer', to: 'anna', cluster: 'bergen' });
      await directory.removeRole({ role: 'deployer' });
      const gone = { code: 'ROLE_NOT_FOUND' };
      await expect(directory.showRole({ role: 'deployer' })).rejects.toMatchObject(gone);
      const give = directory.assign({ role: 'deployer', to: 'anna' });
      await expect(give).rejects.toMatchObject(gone);
      await directory.defineRole({ role: 'deployer', scopes: ['api:*'] });
      await expect(directory.showUser(anna)).resolves.toMatchObject({ grants: [] });
    }));

  test.each(['api:kv', 'everything', 'pull:git:a b', ''])('%j is no scope of a role', (scope) =>
    withDirectory(async (directory) => {
      const define = directory.defineRole({ role: 'deployer', scopes: [scope] });
      await expect(define).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(define).rejects.toThrow('a scope is verb:kind:name');
    }),
  );

  test('whom nobody has ever added is missed by type and name', () =>
    withDirectory(async (directory) => {
      const give = directory.assign({ role: 'viewer', to: 'service:nix' });
      await expect(give).rejects.toMatchObject({
        code: 'PRINCIPAL_UNKNOWN',
        message: 'there is no service nix here',
        fix: 'hansa service list',
      });
    }));
}

function directories(withDirectory: With): void {
  test('names are unique among all of them', () =>
    withDirectory(async (directory) => {
      await directory.createDirectory({ directory: 'contractors', description: 'for a time' });
      const made = await directory.putUser({ ...anna, directory: 'contractors' });
      expect(made.directory).toMatch(/:directory\/contractors$/);
      // Said again without its directory, it stays where it is.
      await expect(directory.putUser({ ...anna, disabled: true })).resolves.toMatchObject({
        directory: made.directory,
      });
      const elsewhere = directory.putUser({ ...anna, directory: 'people' });
      await expect(elsewhere).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      const nowhere = directory.putUser({ user: 'bo', directory: 'guests' });
      await expect(nowhere).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));

  test('one is removed with everybody in it', () =>
    withDirectory(async (directory) => {
      await directory.createDirectory({ directory: 'contractors' });
      const again = directory.createDirectory({ directory: 'contractors' });
      await expect(again).rejects.toMatchObject({ code: 'RESOURCE_EXISTS' });
      await directory.putUser({ ...anna, directory: 'contractors' });
      const shown = { name: 'contractors', users: 1, role: 'own' };
      await expect(
        directory.showDirectory({ directory: 'directory/contractors' }),
      ).resolves.toMatchObject(shown);
      await expect(directory.removeDirectory({ directory: 'contractors' })).resolves.toMatchObject(
        shown,
      );
      const gone = directory.showUser(anna);
      await expect(gone).rejects.toMatchObject({ code: 'PRINCIPAL_UNKNOWN' });
      const removed = directory.removeDirectory({ directory: 'contractors' });
      await expect(removed).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));
}
