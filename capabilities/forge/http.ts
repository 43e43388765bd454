// The routes that a contract cannot say: git's smart protocol below `/git/`.
import type { HttpRoute } from '@hansa/foundation';

/** What answers stock git: first its question for refs, then its fetch or push. */
export interface GitHandlers {
  readonly get: HttpRoute['handle'];
  readonly post: HttpRoute['handle'];
}

export function forgeRoutes({ get, post }: GitHandlers): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/git/*',
      permission: 'forge.read',
      summary: 'What stock git asks first: the refs of a repository.',
      handle: get,
    },
    {
      method: 'POST',
      path: '/git/*',
      permission: 'forge.write',
      summary: 'Stock git’s fetch and push.',
      handle: post,
    },
  ];
}
