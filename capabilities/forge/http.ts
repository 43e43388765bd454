// The routes that a contract cannot say: git's smart protocol below `/git/`.
import type { HttpRoute } from '@hansa/foundation';
import { smartHttp, type SmartHttpNeeds } from './smart-http.ts';

export function forgeRoutes(needs: SmartHttpNeeds): readonly HttpRoute[] {
  const handlers = smartHttp(needs);
  return [
    {
      method: 'GET',
      path: '/git/*',
      permission: 'forge.read',
      summary: 'What stock git asks first: the refs of a repository.',
      handle: (request, call) => handlers.get(request, call),
    },
    {
      method: 'POST',
      path: '/git/*',
      permission: 'forge.write',
      summary: 'Stock git’s fetch and push.',
      handle: (request, call) => handlers.post(request, call),
    },
  ];
}
