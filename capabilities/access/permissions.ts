// Every permission that there is, by the tables and routes that ask for it. Pure.
import type { AnyContract, HttpRoute } from '@hansa/foundation';
import type { PermissionRow } from './contract.ts';

// What is asked of no role: everybody may, or only clusters, or whoever it is about.
const unruled: ReadonlySet<string> = new Set(['open', 'peer', 'self']);

export function permissionRows(
  contracts: readonly AnyContract[],
  routes: readonly Pick<HttpRoute, 'method' | 'path' | 'permission' | 'summary'>[],
): readonly PermissionRow[] {
  const uses = [
    ...contracts.flatMap(({ name, methods }) =>
      Object.entries(methods).map(([method, { permission, summary }]) => ({
        permission: permission as string,
        use: { call: `${name}.${method}`, summary },
      })),
    ),
    ...routes.map(({ method, path, permission, summary }) => ({
      permission,
      use: { call: `${method} ${path}`, summary },
    })),
  ].filter(({ permission }) => !unruled.has(permission));
  const names = [...new Set(uses.map(({ permission }) => permission))].toSorted();
  return names.map((permission) => ({
    permission,
    uses: uses.filter((one) => one.permission === permission).map(({ use }) => use),
  }));
}
