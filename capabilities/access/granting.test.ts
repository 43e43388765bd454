import {
  invariant,
  isHansaError,
  isPrincipal,
  type Caller,
  type Principal,
} from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  makeAccessCluster,
  permissionsOfTests,
  somebody,
  withToken,
} from '../../testkit/access-cluster.ts';

const names = fc.constantFrom('a', 'a/b', 'a/*', 'a/**', '*', '**', '*/b', 'b');
const apiScope = fc.oneof(
  fc.constantFrom('api:*', 'api:*.read', 'api:kv.*', ...permissionsOfTests.map((p) => `api:${p}`)),
  fc
    .tuple(fc.constantFrom('kv.read', 'kv.write', '*.read', 'forge.*'), names)
    .map(([permission, name]) => `api:${permission}:${name}`),
);
const otherScope = fc.constantFrom('app:*', 'app:ledger', 'pull:git:**', 'pull:git:a/*', '*:*:**');
const scopes = fc.array(fc.oneof(apiScope, otherScope), { maxLength: 5 });
const targets = [undefined, 'kv/a', 'kv/a/b', 'kv/b', 'kv/a/b/c', 'bergen:kv/a'];

describe('nobody gives what they lack', () => {
  test('what may be given lets its holder do nothing that the giver may not', async () => {
    const { control, directories } = await makeAccessCluster();
    directories.put('user:giver', { roles: ['had'] });
    directories.put('user:taker', { roles: ['given'] });
    await fc.assert(
      fc.asyncProperty(scopes, scopes, async (had, given) => {
        directories.define('had', had);
        directories.define('given', given);
        const giver = somebody('user:giver');
        if (!isGrantable(() => control.requireGrantable(giver, given))) {
          return;
        }
        for (const permission of permissionsOfTests) {
          for (const target of targets) {
            const asked = { permission, target };
            if (control.decide(somebody('user:taker'), asked).allowed) {
              expect([had, given, asked, control.decide(giver, asked).allowed]).toEqual([
                had,
                given,
                asked,
                true,
              ]);
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('scopes beside the API are within those of a role or a token, or not given', async () => {
    const { control, directories } = await makeAccessCluster();
    directories.define('team', ['pull:git:team-a/*', 'app:ledger']);
    directories.put('user:anna', { roles: ['team'] });
    const callers = [somebody('user:anna'), withToken(['pull:git:team-a/*', 'app:ledger'])];
    for (const caller of callers) {
      control.requireGrantable(caller, ['pull:git:team-a/x', 'app:ledger']);
      for (const wide of ['pull:git:team-a/**', 'push:git:team-a/x', 'app:*', 'api:kv.read']) {
        expect(() => control.requireGrantable(caller, [wide])).toThrow(
          expect.objectContaining({ code: 'GRANT_WIDENED', facts: { scope: wide } }),
        );
      }
    }
  });

  test('a token gives no more than it says, nor than whom it speaks for may', async () => {
    const { control, directories } = await makeAccessCluster();
    directories.define('viewer', ['api:*.read']);
    directories.put('user:anna', { roles: ['viewer'] });
    const caller = withToken(['api:kv.*'], 'user:anna');
    control.requireGrantable(caller, ['api:kv.read']);
    for (const wide of ['api:kv.write', 'api:links.read']) {
      expect(() => control.requireGrantable(caller, [wide])).toThrow(
        expect.objectContaining({ code: 'GRANT_WIDENED' }),
      );
    }
  });

  test('the owner gives everything, clusters and strangers nothing', async () => {
    const { control, directories } = await makeAccessCluster();
    directories.define('owner', ['api:*']);
    directories.put('user:olga', { roles: ['owner'] });
    for (const caller of [undefined, { kind: 'owner' } as const, somebody('user:olga')]) {
      control.requireGrantable(caller, ['api:*', '*:*:**', 'app:*']);
    }
    const strangers: readonly Caller[] = [
      { kind: 'anonymous' },
      { kind: 'cluster', cluster: 'c' as never, node: 'n' as never },
      somebody('user:nobody'),
    ];
    for (const caller of strangers) {
      expect(() => control.requireGrantable(caller, ['app:ledger'])).toThrow(
        expect.objectContaining({ code: 'GRANT_WIDENED' }),
      );
    }
    expect(() => control.requireGrantable(undefined, ['no scope'])).toThrow('is no scope');
  });

  test('what a policy forbids the giver cannot be had done by others', async () => {
    const { access, control, directories } = await makeAccessCluster();
    directories.define('editor', ['api:kv.*', 'api:access.*']);
    directories.put('user:anna', { roles: ['editor'] });
    await access.putPolicy({
      id: 'not-anna',
      text: 'forbid(principal == User::"anna", action == Action::"kv.write", resource);',
    });
    const caller = somebody('user:anna');
    control.requireGrantable(caller, ['api:kv.read']);
    for (const wide of ['api:kv.*', 'api:kv.write', 'api:kv.write:a/*']) {
      expect(() => control.requireGrantable(caller, [wide])).toThrow('a policy forbids you');
    }
  });

  test('to permit by a policy, or to forbid no more, takes what it is about', async () => {
    const { access, directories } = await makeAccessCluster();
    directories.define('admin', ['api:access.*', 'api:kv.read']);
    directories.put('user:anna', { roles: ['admin'] });
    const call = { caller: somebody('user:anna') };
    const put = (id: string, text: string) => access.putPolicy({ id, text }, call);
    await put('reads', 'permit(principal, action == Action::"kv.read", resource);');
    await put('none', 'forbid(principal, action == Action::"links.write", resource);');
    for (const wide of [
      put('all', 'permit(principal, action, resource);'),
      put('writes', 'permit(principal, action == Action::"kv.write", resource);'),
      put('none', 'forbid(principal, action == Action::"kv.read", resource);'),
      access.removePolicy({ id: 'none' }, call),
    ]) {
      await expect(wide).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    }
    await access.removePolicy({ id: 'reads' }, call);
  });

  test('nobody maps to a role that says more than they may', async () => {
    const { access, directories } = await makeAccessCluster();
    directories.define('admin', ['api:access.*', 'api:kv.read']);
    directories.define('reader', ['api:kv.read']);
    directories.define('writer', ['api:kv.write']);
    directories.put('user:anna', { roles: ['admin'] });
    const call = { caller: somebody('user:anna') };
    const map = (role: string) => access.map({ peer: 'bergen', from: 'role:x', role }, call);
    await map('reader');
    await expect(map('writer')).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
  });
});

function isGrantable(require: () => void): boolean {
  try {
    require();
    return true;
  } catch (error) {
    expect(isHansaError(error, 'GRANT_WIDENED')).toBe(true);
    return false;
  }
}

test('one more role never takes anything away, unless a policy forbids by it', async () => {
  const { control, directories } = await makeAccessCluster();
  await fc.assert(
    fc.asyncProperty(scopes, scopes, async (first, second) => {
      directories.define('first', first);
      directories.define('second', second);
      directories.put('user:less', { roles: ['first'] });
      directories.put('user:more', { roles: ['first', 'second'] });
      for (const permission of permissionsOfTests) {
        for (const target of targets) {
          const asked = { permission, target };
          const [less, more] = ['user:less', 'user:more'].map(
            (one) => control.decide(somebody(one), asked).allowed,
          );
          expect([asked, less === true && more === false]).toEqual([asked, false]);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('a role decides as a token of the same scopes does, by own names', async () => {
  const { control, directories } = await makeAccessCluster();
  directories.put('user:anna', { roles: ['role'] });
  await fc.assert(
    fc.asyncProperty(scopes, async (given) => {
      directories.define('role', given);
      for (const permission of permissionsOfTests) {
        for (const target of targets) {
          const asked = { permission, target };
          const byRole = control.decide(somebody('user:anna'), asked).allowed;
          const byToken = control.decide(withToken(given), asked).allowed;
          expect([given, asked, byRole]).toEqual([given, asked, byToken]);
        }
      }
    }),
    { numRuns: 40 },
  );
});

describe('what policies say of an account', () => {
  const permit = (who: string): string =>
    `permit(principal ${who}, action == Action::"forge.write", resource);`;

  async function withPolicy(text: string) {
    const made = await makeAccessCluster();
    made.directories.define('helpdesk', ['api:directory.write']);
    made.directories.put('user:helper', { roles: ['helpdesk'] });
    made.directories.put('user:anna', { groups: ['ops'] });
    await made.access.putPolicy({ id: 'said', text });
    return made;
  }
  const helper = somebody('user:helper');
  const widened = expect.objectContaining({ code: 'GRANT_WIDENED' });

  test.each(['user:anna', 'workload:web'])(
    'is not had by opening a way in to %s',
    async (principal) => {
      const { control } = await withPolicy(
        permit(principal === 'user:anna' ? '== User::"anna"' : '== Workload::"web"'),
      );
      const standIn = (caller: Caller, whom: string) => (): void => {
        invariant(isPrincipal(whom), 'it names somebody');
        control.requireStandIn(caller, whom);
      };
      expect(standIn(helper, principal)).toThrow(widened);
      standIn({ kind: 'owner' }, principal)();
      standIn(helper, 'user:nobody-yet')();
    },
  );

  test('counts of whoever is disabled, since they may come back; so do their roles', async () => {
    const { control, directories } = await withPolicy(permit('== User::"anna"'));
    directories.define('strong', ['api:access.write']);
    directories.put('user:anna', { disabled: true });
    directories.put('user:ben', { disabled: true, roles: ['strong'] });
    for (const whom of ['user:anna', 'user:ben']) {
      expect(() => control.requireStandIn(helper, whom as Principal)).toThrow(widened);
    }
  });

  test('of a group is not had by joining it, nor escaped by leaving it', async () => {
    const { control, directories, access } = await withPolicy(permit('in Group::"ops"'));
    const change = (before: readonly string[], after: readonly string[], who = 'user:helper') => {
      const of = (groups: readonly string[]) => {
        directories.put(who, { roles: ['helpdesk'], groups });
        return directories.find(who as Principal);
      };
      const becomes = of(after);
      const was = of(before);
      invariant(becomes !== undefined, 'it was put');
      return () => control.requireChanges(helper, [{ before: was, after: becomes }]);
    };
    expect(change([], ['ops'])).toThrow(widened);
    expect(change([], ['ops'], 'user:other')).toThrow(widened);
    change(['ops'], [])();
    change([], ['tea'])();

    const forbid = 'forbid(principal in Group::"guests", action, resource);';
    await access.putPolicy({ id: 'guests', text: forbid });
    expect(change(['guests'], [])).toThrow(widened);
    change([], ['guests'])();
  });

  test('of a name is not had by making an account of it', async () => {
    const { control, directories } = await withPolicy(permit('== Service::"deploy"'));
    directories.put('service:deploy', {});
    const after = directories.find('service:deploy' as Principal);
    invariant(after !== undefined, 'it was put');
    expect(() => control.requireChanges(helper, [{ after }])).toThrow(widened);
    control.requireChanges(helper, [{ before: after, after }]);
    const mailed = { ...after, email: 'helper@example.org' };
    expect(() => control.requireChanges(helper, [{ before: after, after: mailed }])).toThrow(
      widened,
    );
  });
});
