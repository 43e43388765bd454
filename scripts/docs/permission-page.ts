// The reference page of permissions: each with the calls that need it, and which of the built-in
// roles have it. Made of the contracts' tables and the roles, by the words that decide too.
import { builtInRoles } from '../../capabilities/directory/built-in.ts';
import type { AnyContract } from '../../foundation/contract.ts';
import { anyContains, readScope } from '../../foundation/scopes.ts';

export function permissionPage(contracts: readonly AnyContract[]): string {
  const calls = contracts.flatMap(({ name, methods }) =>
    Object.entries(methods).map(([method, { permission, route }]) => ({
      call: `${name}.${method}`,
      permission: permission as string,
      offered: route !== undefined,
    })),
  );
  const needing = (permission: string): readonly string[] =>
    calls
      .filter((one) => one.offered && one.permission === permission)
      .map(({ call }) => call)
      .toSorted();
  const offered = calls.filter((one) => one.offered).map(({ permission }) => permission);
  const permissions = [...new Set(offered)].toSorted();
  const ruled = permissions.filter((one) => readScope(`api:${one}`) !== undefined);
  const roles = builtInRoles.map(({ role }) => role).toSorted();
  return [
    '# Permissions',
    '',
    'Made from the contracts and the built-in roles by `npm run docs`; edit those instead. What',
    'stands here is held by `testkit/permission-matrix.test.ts`: it asks every call over HTTP',
    'without a token, with every permission but its own, and with its own alone.',
    '',
    '## Who may what',
    '',
    'Roles as every cluster has them from the first day, where they are not bound to names. A role',
    'of one’s own is any list of such permissions: `hansa role define`. Policies may take away',
    'from all but the owner token: `hansa access why` tells. Git’s own addresses take `forge.read`',
    'to fetch, and `forge.write` to push.',
    '',
    `| permission | ${roles.join(' | ')} |`,
    `| --- | ${roles.map(() => ':-:').join(' | ')} |`,
    ...ruled.map((permission) => {
      const cells = roles.map((role) => (has(role, permission) ? 'yes' : ''));
      return `| \`${permission}\` | ${cells.join(' | ')} |`;
    }),
    '',
    '## What needs it',
    '',
    '| permission | calls |',
    '| --- | --- |',
    ...ruled.map((permission) => row(permission, needing(permission))),
    '',
    '## What no role is asked for',
    '',
    '| who may | calls |',
    '| --- | --- |',
    row('open', needing('open'), 'everybody'),
    row('self', needing('self'), 'whoever has logged in, about themselves'),
    '',
  ].join('\n');
}

function row(permission: string, calls: readonly string[], who = `\`${permission}\``): string {
  return `| ${who} | ${calls.map((call) => `\`${call}\``).join(' ')} |`;
}

function has(role: string, permission: string): boolean {
  const scopes = builtInRoles.find((one) => one.role === role)?.scopes ?? [];
  const wanted = readScope(`api:${permission}`);
  return (
    wanted !== undefined &&
    anyContains(
      scopes.flatMap((one) => readScope(one) ?? []),
      wanted,
    )
  );
}
