// Ties the forge to its host: repositories for people, the git kind for sync, stock git over HTTP.
import { capability, type Capability, type Clock } from '@hansa/foundation';
import { createCaches } from './caches.ts';
import { forgeContract } from './contract.ts';
import { forgeRoutes } from './http.ts';
import { createGitKind } from './mirrored.ts';
import { keepRepacking } from './repacking.ts';
import { createGitLanes } from './promoting.ts';
import { lenderOf, type ForgeNeeds } from './repositories.ts';
import { createForge } from './service.ts';
import { createCachePart } from './scrubbing.ts';
import { smartHttp } from './smart-http.ts';

export { internalRefPrefix } from './git.ts';

export function forgeCapability(needs: ForgeNeeds & { readonly clock: Clock }): Capability {
  const caches = createCaches({ ...needs, lenderOf: (resource) => lenderOf(needs, resource) });
  const { forge, find, settle, repositories } = createForge(needs, caches);
  needs.mirrors.registerKind(createGitKind(needs, caches));
  needs.lanes.registerKind(createGitLanes({ ...needs, caches }));
  needs.scrubs?.add(createCachePart({ ...needs, caches }));
  return capability({
    name: 'forge',
    serves: [{ contract: forgeContract, service: forge }],
    routes: forgeRoutes(smartHttp({ git: needs.git, find })),
    duties: [
      {
        name: 'forge.repack',
        run: (signal) => keepRepacking({ ...needs, caches, repositories }, signal),
      },
    ],
    start: settle,
    stop: () => needs.git.close(),
  });
}
