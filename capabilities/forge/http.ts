// The routes that a contract cannot say: git's smart protocol below `/git/`.
import type { HttpRequest, HttpRoute } from '@hansa/foundation';
import { gitKind } from './contract.ts';

/** What answers stock git: first its question for refs, then its fetch or push. */
export interface GitHandlers {
  readonly get: HttpRoute['handle'];
  readonly post: HttpRoute['handle'];
}

const fetching = '/git-upload-pack';
const addresses = ['/info/refs', fetching, '/git-receive-pack'];

/** What a caller asks of a repository: to read it, unless the address is that of a push. */
function askedOf({ params, query }: Pick<HttpRequest, 'params' | 'query'>): {
  readonly permission: string;
  readonly target?: string | undefined;
} {
  const rest = params['*'] ?? '';
  const address = addresses.find((each) => rest.endsWith(each));
  const pushes =
    address === '/info/refs' ? query['service'] === 'git-receive-pack' : address !== fetching;
  const path = address === undefined ? undefined : rest.slice(0, -address.length);
  return {
    permission: pushes ? 'forge.write' : 'forge.read',
    target: path === undefined ? undefined : repositoryTarget(path.replace(/\.git$/, '')),
  };
}

/** `hansa`, `@lubeck/hansa`, `lane/@lubeck/hansa` as roles are bound to them. */
function repositoryTarget(path: string): string | undefined {
  const [, owner, name] = /^(?:lane\/)?@([^/]+)\/(.+)$/.exec(path) ?? [];
  if (owner !== undefined && name !== undefined) {
    return `${owner}:${gitKind}/${name}`;
  }
  // What is neither own nor said whose it is, only those may ask for who may ask for all.
  return path.includes('@') ? undefined : `${gitKind}/${path}`;
}

export function forgeRoutes({ get, post }: GitHandlers): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/git/*',
      permission: 'forge.read',
      summary: 'What stock git asks first: the refs of a repository.',
      asked: askedOf,
      handle: get,
    },
    {
      method: 'POST',
      path: '/git/*',
      permission: 'forge.write',
      summary: 'Stock git’s fetch and push.',
      asked: askedOf,
      handle: post,
    },
  ];
}
