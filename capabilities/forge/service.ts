// Repositories as people see them: own ones, mirrors, and who may move their refs.
import { HansaError, localId, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { Caches, StoredRepository } from './caches.ts';
import {
  gitKind,
  refsShownMax,
  type Forge,
  type Repository,
  type ShownRepository,
} from './contract.ts';
import { emptyState, isPackKey } from './entries.ts';
import { findRepository } from './finding.ts';
import type { RepositoryState } from './git.ts';
import { giveSignature, protect, protectionsOf } from './protecting.ts';
import {
  mirroredRepositories,
  ownedRepositories,
  ownRepository,
  type ForgeNeeds,
  type Parts,
} from './repositories.ts';
import type { SmartHttpNeeds } from './smart-http.ts';

export interface ForgeService {
  readonly forge: Forge;
  readonly find: SmartHttpNeeds['find'];
  /** After a restart: every own repository's cache follows the store. */
  settle(signal: AbortSignal): Promise<void>;
  /** Own ones, and mirrors of which something has arrived. */
  repositories(): Promise<readonly StoredRepository[]>;
}

export function createForge(needs: ForgeNeeds, caches: Caches): ForgeService {
  const parts: Parts = { ...needs, caches };
  return {
    forge: forgeOf(parts),
    find: (path, service, call) => findRepository(parts, path, { service, call }),
    async settle(signal) {
      for (const { id } of needs.resources.all().filter(({ kind }) => kind === gitKind)) {
        const own = ownRepository(parts, id);
        await caches
          .exclusively(caches.key(own), () => caches.bring(own, signal))
          .catch((error: unknown) => needs.log.problem('forge.unsettled', error, { resource: id }));
      }
    },
    async repositories() {
      // What borrows from another is left as it is: git merges no packs of two folders.
      const own = ownedRepositories(parts);
      const copies = mirroredRepositories(parts);
      const views = await Promise.all(copies.map((each) => needs.mirrors.view(each.resource)));
      return [
        ...own.map(({ id }) => ownRepository(parts, id)),
        ...views.flatMap((view) => view ?? []),
      ];
    },
  };
}

function forgeOf(parts: Parts): Forge {
  const { resources, mirrors, git, caches } = parts;
  return {
    async create({ name, description, labels }) {
      await git.version();
      const resource = await resources.create({ kind: gitKind, name, description, labels });
      const own = ownRepository(parts, resource.id);
      await caches.exclusively(caches.key(own), () => caches.bring(own));
      return describe(parts, own);
    },
    async list() {
      const owned = ownedRepositories(parts);
      const copies = mirroredRepositories(parts);
      const described = await Promise.all([
        ...owned.map(({ id }) => describe(parts, ownRepository(parts, id))),
        ...copies.map(({ resource }) => describeMirror(parts, resource)),
      ]);
      return { repositories: described };
    },
    async show({ name }) {
      if (!name.includes(':')) {
        const own = ownRepository(parts, localId(gitKind, name));
        return withRefs(parts, await describe(parts, own), own);
      }
      const resource = mirrors.resolve(name);
      const described = await describeMirror(parts, resource);
      return withRefs(parts, described, await mirrors.view(resource));
    },
    protect: ({ name, protections }) => protect(parts, name, protections),
    sign: (given, call) => giveSignature(parts, given, call?.signal),
    async delete({ name }) {
      if (name.includes(':')) {
        throw new HansaError('RESOURCE_READ_ONLY', `${name} is another cluster's`, {
          fix: `to give the copy up: hansa mirror remove ${name}`,
        });
      }
      const own = ownRepository(parts, localId(gitKind, name));
      const described = await describe(parts, own);
      await resources.remove(localId(gitKind, name));
      await caches.exclusively(caches.key(own), () => caches.drop(own));
      return described;
    },
  };
}

async function shownState(
  { caches }: Parts,
  repository: StoredRepository | undefined,
): Promise<RepositoryState> {
  return repository === undefined ? emptyState : caches.shown(repository);
}

/** A mirror has no repository before its first head was applied. */
async function withRefs(
  parts: Parts,
  described: Repository,
  repository: StoredRepository | undefined,
): Promise<ShownRepository> {
  const { refs } = await shownState(parts, repository);
  const protections = repository === undefined ? [] : await protectionsOf(parts, repository);
  return { ...described, refs: refs.slice(0, refsShownMax), protections };
}

async function describe(parts: Parts, repository: StoredRepository): Promise<Repository> {
  const { resources, signer } = parts;
  const { local, name } = splitFederatedId(repository.resource);
  const resource = resources.find(local);
  const position = resources.point(local);
  return {
    resource: repository.resource,
    name,
    role: 'own',
    ownerName: signer.name,
    description: resource?.description ?? '',
    labels: resource?.labels ?? {},
    ...whereabouts(parts, `/git/${name}.git`),
    epoch: repository.epoch,
    sequence: position?.sequence ?? 0,
    ...(await measure(parts, repository)),
  };
}

async function describeMirror(parts: Parts, resource: FederatedId): Promise<Repository> {
  const mirror = parts.mirrors.find(resource);
  if (mirror === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${resource} here`);
  }
  const repository = await parts.mirrors.view(resource);
  return {
    resource,
    name: mirror.name,
    role: 'mirror',
    ownerName: mirror.ownerName,
    description: '',
    labels: {},
    ...whereabouts(parts, `/git/@${mirror.ownerName}/${mirror.name}.git`),
    epoch: mirror.applied?.epoch ?? 0,
    sequence: mirror.applied?.sequence ?? 0,
    ...(await measure(parts, repository)),
  };
}

function whereabouts({ apiUrl }: Parts, path: string): Pick<Repository, 'path' | 'url'> {
  return { path, url: `${apiUrl()}${path}` };
}

async function measure(
  parts: Parts,
  repository: StoredRepository | undefined,
): Promise<Pick<Repository, 'head' | 'refCount' | 'packCount' | 'sizeBytes'>> {
  const state = await shownState(parts, repository);
  let packCount = 0;
  let sizeBytes = 0;
  if (repository !== undefined) {
    for await (const { key, blobs } of repository.entries()) {
      packCount += isPackKey(key) ? 1 : 0;
      sizeBytes += blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
    }
  }
  return { head: state.head, refCount: state.refs.length, packCount, sizeBytes };
}
