import { parseScope, principal, scopeContains, type Caller } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { openDirectory, type OpenDirectory } from '../../testkit/directory-bench.ts';
import { builtInRoles, type Directory } from './contract.ts';

const anna = principal({ kind: 'user', name: 'anna' });
const clerk: Caller = { kind: 'principal', principal: anna, proof: 'x', expiresMs: 0 };

describe('nobody gives what they lack', () => {
  const viewer = builtInRoles.find(({ role }) => role === 'viewer')?.scopes ?? [];

  async function asClerk(): Promise<{ owner: Directory; clerk: Directory; opened: OpenDirectory }> {
    const opened = await openDirectory({ grantable: viewer });
    const owner = opened.as({ kind: 'owner' });
    await owner.putUser({ user: 'bo' });
    await owner.putGroup({ group: 'ops' });
    await owner.assign({ role: 'admin', to: 'group:ops' });
    await owner.putUser({ user: 'root', roles: ['owner'], disabled: true });
    return { owner, clerk: opened.as(clerk), opened };
  }

  const widened = { code: 'GRANT_WIDENED' };

  test('by giving a role, here or elsewhere, to whomever', async () => {
    const { clerk: directory } = await asClerk();
    await directory.assign({ role: 'viewer', to: 'bo' });
    for (const to of ['bo', 'group:ops']) {
      await expect(directory.assign({ role: 'editor', to })).rejects.toMatchObject(widened);
      const there = directory.assign({ role: 'editor', to, cluster: 'bergen' });
      await expect(there).rejects.toMatchObject(widened);
    }
    const made = directory.putUser({ user: 'eve', roles: ['admin'] });
    await expect(made).rejects.toMatchObject(widened);
  });

  test('by adding somebody to a group that has it', async () => {
    const { clerk: directory } = await asClerk();
    const joined = directory.addMember({ group: 'ops', member: 'bo' });
    await expect(joined).rejects.toMatchObject(widened);
    const put = directory.putUser({ user: 'bo', groups: ['ops'] });
    await expect(put).rejects.toMatchObject(widened);
    await expect(directory.showUser({ user: 'bo' })).resolves.toMatchObject({ groups: [] });
  });

  test('by defining or changing a role', async () => {
    const { clerk: directory } = await asClerk();
    const [some = ''] = viewer;
    await directory.defineRole({ role: 'reader', scopes: [some] });
    for (const role of ['reader', 'writer']) {
      const define = directory.defineRole({ role, scopes: [some, 'api:kv.write'] });
      await expect(define).rejects.toMatchObject(widened);
    }
    await expect(directory.showRole({ role: 'reader' })).resolves.toMatchObject({ scopes: [some] });
  });

  test('by letting in, or renaming the mail address of, somebody who may more', async () => {
    const { clerk: directory, owner } = await asClerk();
    const enable = directory.putUser({ user: 'root', disabled: false });
    await expect(enable).rejects.toMatchObject(widened);
    const mail = directory.putUser({ user: 'root', email: 'eve@example.org' });
    await expect(mail).rejects.toMatchObject(widened);
    await owner.putUser({ user: 'root', disabled: false });
    // Taking away is no gift.
    await owner.putUser({ user: 'other', roles: ['owner'] });
    await directory.putUser({ user: 'root', disabled: true });
  });

  test('and what is asked for is asked with the scopes of all that is given', async () => {
    const { opened } = await asClerk();
    opened.granted.length = 0;
    await opened.directory.assign({ role: 'viewer', to: 'bo' });
    expect(opened.granted).toEqual([viewer.toSorted()]);
  });

  test('and of every account it is told what it was and what it becomes', async () => {
    const { opened } = await asClerk();
    const told = async (act: Promise<unknown>) => {
      opened.changed.length = 0;
      await act;
      return opened.changed.flat().map(({ before, after }) => [before?.groups, after.groups]);
    };
    const { directory } = opened;
    expect(await told(directory.putUser({ user: 'eve' }))).toEqual([[undefined, []]]);
    expect(await told(directory.addMember({ group: 'ops', member: 'eve' }))).toEqual([
      [[], ['ops']],
    ]);
    expect(await told(directory.removeGroup({ group: 'ops' }))).toEqual([[['ops'], []]]);
    expect(await told(directory.removeUser({ user: 'eve' }))).toEqual([]);
  });

  test('who acted is named in the history', async () => {
    const { clerk: directory, opened } = await asClerk();
    await directory.putGroup({ group: 'crew' });
    const authors: string[] = [];
    const id = 'directory/people' as Parameters<typeof opened.log.changes>[0];
    for await (const { change } of opened.log.changes(id, { epoch: 1, sequence: 0 })) {
      authors.push(change.author);
    }
    expect(authors.at(-1)).toBe('user:anna');
    expect(authors[0]).toBe('lubeck');
  });
});

describe('the last user who owns the cluster', () => {
  const last = { code: 'LAST_OWNER', fix: expect.stringContaining('owner.token') };

  test('stays, whichever way it would go', async () => {
    const { directory } = await openDirectory();
    await directory.putGroup({ group: 'heads' });
    await directory.assign({ role: 'owner', to: 'group:heads', cluster: 'lubeck' });
    await directory.putUser({ user: 'anna', groups: ['heads'] });
    const ways = [
      directory.removeUser({ user: 'anna' }),
      directory.putUser({ user: 'anna', disabled: true }),
      directory.putUser({ user: 'anna', groups: [] }),
      directory.removeMember({ group: 'heads', member: 'anna' }),
      directory.removeGroup({ group: 'heads' }),
      directory.unassign({ role: 'owner', to: 'group:heads', cluster: 'lubeck' }),
      directory.removeDirectory({ directory: 'people' }),
    ];
    for (const way of ways) {
      await expect(way).rejects.toMatchObject(last);
    }
    await directory.putUser({ user: 'bo', roles: ['owner'] });
    await directory.removeUser({ user: 'anna' });
    await expect(directory.unassign({ role: 'owner', to: 'bo' })).rejects.toMatchObject(last);
  });

  test('is not missed where there was none, nor where it owns another cluster', async () => {
    const { directory } = await openDirectory();
    await directory.putUser({ user: 'anna' });
    await directory.assign({ role: 'owner', to: 'anna', cluster: 'bergen' });
    await directory.removeUser({ user: 'anna' });
  });
});

describe('roles that are built in', () => {
  const scopesOf = (role: string): readonly string[] =>
    builtInRoles.find((each) => each.role === role)?.scopes ?? [];
  const covers = (role: string, scope: string): boolean =>
    scopesOf(role).some((outer) => scopeContains(parseScope(outer), parseScope(scope)));

  test('hold what can be read as scopes', () => {
    builtInRoles.flatMap(({ scopes }) => scopes).forEach((scope) => parseScope(scope));
  });

  test.each(['admin', 'auditor', 'editor', 'operator', 'viewer'])(
    'the owner may give %s: it has all of it',
    (role) => {
      expect(scopesOf(role).filter((scope) => !covers('owner', scope))).toEqual([]);
    },
  );

  test('none but the owner’s may give that one on', () => {
    for (const role of ['admin', 'auditor', 'editor', 'operator', 'viewer']) {
      expect(scopesOf('owner').every((scope) => covers(role, scope))).toBe(false);
    }
  });

  test('only the owner touches the cluster’s keys, its past, or the record of who did what', () => {
    for (const contract of ['audit', 'identity', 'recovery', 'sealing']) {
      const write = `api:${contract}.write`;
      const holders = builtInRoles.filter(({ role }) => covers(role, write));
      expect(holders.map(({ role }) => role)).toEqual(['owner']);
    }
  });

  test('a viewer and an auditor write nothing', () => {
    for (const role of ['viewer', 'auditor']) {
      const scopes = scopesOf(role);
      expect(scopes.filter((scope) => /\.(?:write|\*)|^push|^\*/.test(scope))).toEqual([]);
    }
  });

  test('an operator and an editor touch neither people nor their rights', () => {
    for (const role of ['operator', 'editor', 'viewer']) {
      for (const contract of ['access', 'directory', 'logins', 'tokens', 'certificates']) {
        expect(covers(role, `api:${contract}.write`)).toBe(false);
      }
    }
  });
});
