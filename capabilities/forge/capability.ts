// Ties the forge to its host: repositories for people, the git kind for sync, stock git over HTTP.
import { capability, type Capability } from '@hansa/foundation';
import { createCaches } from './caches.ts';
import { forgeContract } from './contract.ts';
import { forgeRoutes } from './http.ts';
import { createGitKind } from './mirrored.ts';
import { createForge, type ForgeNeeds } from './service.ts';
import { smartHttp } from './smart-http.ts';

export { internalRefPrefix } from './git.ts';

export function forgeCapability(needs: ForgeNeeds): Capability {
  const caches = createCaches(needs);
  const { forge, find, settle } = createForge(needs, caches);
  needs.mirrors.registerKind(createGitKind(needs, caches));
  return capability({
    name: 'forge',
    serves: [{ contract: forgeContract, service: forge }],
    routes: forgeRoutes(smartHttp({ git: needs.git, find })),
    start: settle,
    stop: () => needs.git.close(),
  });
}
