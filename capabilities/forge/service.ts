// Repositories as people see them, and what git's own clients may do with each.
import {
  federatedId,
  HansaError,
  isHansaError,
  localId,
  splitFederatedId,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { BlobReference, ChangeOp, ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { sameState, type CacheNeeds, type Caches, type StoredRepository } from './caches.ts';
import {
  gitKind,
  packBytesMax,
  refsShownMax,
  type Forge,
  type Repository,
  type ShownRepository,
} from './contract.ts';
import { emptyState, isPackKey, packOp, putBlob, refsKey, refsOp, stateOf } from './entries.ts';
import type { Push, PushDecision, RepositoryState } from './git.ts';
import { holdWhatIsPut } from './holding.ts';
import type { FoundRepository, SmartHttpNeeds } from './smart-http.ts';

export interface ForgeNeeds extends CacheNeeds {
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  /** Where the API listens, without a slash at the end; known once it does. */
  apiUrl(): string;
}

interface Parts extends ForgeNeeds {
  readonly caches: Caches;
}

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
    find: (path, service) => find(parts, path, service),
    async settle(signal) {
      for (const { id } of needs.resources.all().filter(({ kind }) => kind === gitKind)) {
        const own = ownRepository(parts, id);
        await caches
          .exclusively(caches.key(own), () => caches.bring(own, signal))
          .catch((error: unknown) => needs.log.problem('forge.unsettled', error, { resource: id }));
      }
    },
    async repositories() {
      const own = needs.resources.all().filter(({ kind }) => kind === gitKind);
      const copies = needs.mirrors.all().filter(({ kind }) => kind === gitKind);
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
      const owned = resources.all().filter(({ kind }) => kind === gitKind);
      const copies = mirrors.all().filter(({ kind }) => kind === gitKind);
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
  return { ...described, refs: refs.slice(0, refsShownMax) };
}

/** RESOURCE_NOT_FOUND where this cluster owns none by that id. */
function ownRepository({ resources, signer }: Parts, id: LocalId): StoredRepository {
  const resource = resources.find(id);
  if (resource === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no repository ${id.slice(4)} here`, {
      fix: 'hansa repo list',
    });
  }
  return {
    resource: federatedId(signer.cluster, id),
    epoch: resource.epoch,
    entry: (key) => resources.entry(id, key),
    entries: () => resources.entries(id),
  };
}

async function describe(parts: Parts, repository: StoredRepository): Promise<Repository> {
  const { resources, signer } = parts;
  const { local, name } = splitFederatedId(repository.resource);
  const resource = resources.find(local);
  const position = await resources.position(local);
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

/** What stands at a path below `/git/`: `hansa`, `@lubeck/hansa`. */
async function find(
  parts: Parts,
  path: string,
  service: Parameters<SmartHttpNeeds['find']>[1],
): Promise<FoundRepository | undefined> {
  try {
    return path.startsWith('@')
      ? await findMirror(parts, path)
      : await findOwn(parts, path, service);
  } catch (error) {
    const absent = (['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const).some(
      (code) => isHansaError(error, code),
    );
    if (absent) {
      return undefined;
    }
    throw error;
  }
}

async function findOwn(
  parts: Parts,
  path: string,
  service: Parameters<SmartHttpNeeds['find']>[1],
): Promise<FoundRepository> {
  const { caches } = parts;
  const id = localId(gitKind, path);
  const own = ownRepository(parts, id);
  const key = caches.key(own);
  // A fetch never waits for a push: the cache is at most as old as the push that is under way.
  if (service === 'git-receive-pack') {
    await caches.exclusively(key, () => caches.bring(own));
  } else {
    await caches.ready(own);
  }
  // The driver runs one decision per repository at a time; taking our own lock here could wait for
  // somebody who waits for the driver.
  const decide = async (push: Push): Promise<PushDecision> => {
    const holding = holdWhatIsPut(parts.blobs);
    try {
      return await accept({ ...parts, blobs: holding.blobs }, id, push);
    } finally {
      holding.release();
      caches.doubt(key);
    }
  };
  return { key, writable: { decide } };
}

async function findMirror(parts: Parts, path: string): Promise<FoundRepository | undefined> {
  const slash = path.indexOf('/');
  const resource = parts.mirrors.resolve(
    `${path.slice(1, slash)}:${gitKind}/${path.slice(slash + 1)}`,
  );
  const view = await parts.mirrors.view(resource);
  const mirror = parts.mirrors.find(resource);
  if (view === undefined || mirror === undefined) {
    return undefined; // nothing has arrived yet: an empty repository would be a lie
  }
  await parts.caches.ready(view);
  const refusal =
    `read-only mirror of ${mirror.ownerName}:${mirror.name}; ` +
    `push to ${mirror.ownerName}, which owns it`;
  return { key: parts.caches.key(view), writable: { refusal } };
}

/**
 * The store decides: pack into blobs, refs and pack into one change, then git may move its refs.
 */
async function accept(parts: Parts, id: LocalId, push: Push): Promise<PushDecision> {
  const { resources, signer } = parts;
  const position = await resources.position(id);
  const stored = await stateOf(parts, await resources.entry(id, refsKey));
  if (position === undefined || !sameState(stored, push.before)) {
    return { accept: false, reason: 'the repository changed meanwhile: fetch, then push again' };
  }
  const after = { ...push.after, head: headAfter(push.after) };
  try {
    const ops: ChangeOp[] = [await refsOp(parts, after)];
    const pack = await push.pack();
    if (pack !== undefined) {
      ops.push(packOp(position.sequence, await putPack(parts, pack)));
    }
    await resources.append(id, ops, { author: signer.name, expect: position.sequence });
  } catch (error) {
    if (isHansaError(error, 'CONFLICT')) {
      return { accept: false, reason: 'somebody else pushed at the same moment: push again' };
    }
    if (isHansaError(error, 'CHANGE_TOO_LARGE') || isHansaError(error, 'INPUT_TOO_LARGE')) {
      return { accept: false, reason: error.message };
    }
    throw error;
  }
  return { accept: true, head: after.head };
}

async function putPack(parts: Parts, pack: AsyncIterable<Uint8Array>): Promise<BlobReference> {
  let bytes = 0;
  const bounded = async function* (): AsyncIterable<Uint8Array> {
    for await (const piece of pack) {
      bytes += piece.length;
      if (bytes > packBytesMax) {
        throw new HansaError('INPUT_TOO_LARGE', `a push holds at most ${packBytesMax} bytes`);
      }
      yield piece;
    }
  };
  return putBlob(parts, bounded());
}

/** HEAD names a branch that exists, where any does: what a clone checks out. */
function headAfter({ head, refs }: RepositoryState): string {
  const branches = refs.map(({ name }) => name).filter((name) => name.startsWith('refs/heads/'));
  if (branches.includes(head) || branches.length === 0) {
    return head;
  }
  const usual = ['refs/heads/main', 'refs/heads/master'].find((name) => branches.includes(name));
  return usual ?? branches[0] ?? head;
}
