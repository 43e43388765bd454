// Bare repositories on disk, kept equal to what the store says. The store is the truth: whatever a
// crash left, `bring` makes the cache follow it, from the packs that the entries name.
import {
  createKeyedMutex,
  HansaError,
  isHansaError,
  toHex,
  utf8,
  type Blobs,
  type Crypto,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { ResourceEntry } from '../resources/contract.ts';
import { isPackKey, refsKey, stateOf, type EntryNeeds } from './entries.ts';
import type { Git, RepositoryState } from './git.ts';

export interface CacheNeeds extends EntryNeeds {
  readonly git: Git;
  readonly blobs: Blobs;
  readonly crypto: Crypto;
  readonly log: Log;
  /** Whose objects count as the repository's own: of a lane, what it is for. */
  lenderOf?(resource: FederatedId): Promise<StoredRepository | undefined>;
}

/** One epoch of one repository, own or mirrored, with its entries as the store has them. */
export interface StoredRepository {
  readonly resource: FederatedId;
  readonly epoch: number;
  entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
  entries(): AsyncIterable<ResourceEntry>;
}

export interface Caches {
  /** Where the repository lies for git. */
  key(repository: { readonly resource: FederatedId; readonly epoch: number }): string;
  /** One at a time per repository: pushes, settling, mirrored batches. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>;
  /**
   * Makes the cache equal to the store and returns what the store says. While the table of refs
   * cannot be read, a cache that has refs stays as it is; one that has none gets the packs, and the
   * reason is thrown.
   */
  bring(repository: StoredRepository, signal?: AbortSignal): Promise<RepositoryState>;
  /** The same for who comes with another table: one that cannot be read is no obstacle. */
  bringObjects(repository: StoredRepository, signal?: AbortSignal): Promise<void>;
  /** For a reader: brings the cache only where it may not be equal to the store. */
  ready(repository: StoredRepository): Promise<void>;
  /** Until the next `bring` the cache may lag behind the store: refs are about to move. */
  doubt(key: string): void;
  drop(repository: { readonly resource: FederatedId; readonly epoch: number }): Promise<void>;
  /** What readers get: the store's refs, or the cache's while the store's table cannot be read. */
  shown(repository: StoredRepository): Promise<RepositoryState>;
}

export function createCaches(needs: CacheNeeds): Caches {
  const { git, crypto } = needs;
  const oneAtATime = createKeyedMutex<string>();
  // With the key of whom each borrows from.
  const opened = new Map<string, string | undefined>();
  const doubted = new Set<string>();
  const keyOf: Caches['key'] = ({ resource, epoch }) =>
    `r${toHex(crypto.hash(utf8(`${resource} ${epoch}`))).slice(0, 40)}`;
  const open = async (repository: StoredRepository): Promise<string> => {
    const key = keyOf(repository);
    const lender = await needs.lenderOf?.(repository.resource);
    const borrows = lender === undefined ? undefined : keyOf(lender);
    if (lender !== undefined) {
      await caches.ready(lender);
    }
    if (!opened.has(key) || opened.get(key) !== borrows) {
      await git.open(key, borrows === undefined ? {} : { borrows });
      opened.set(key, borrows);
    }
    return key;
  };
  const bring = async (
    repository: StoredRepository,
    given: Pick<Bringing, 'signal' | 'objectsOnly'>,
  ): Promise<RepositoryState> => {
    const key = await open(repository);
    // Cleared first: a doubt that comes up meanwhile stays.
    doubted.delete(key);
    try {
      return await bringTo(needs, { ...given, key, repository });
    } catch (error) {
      doubted.add(key);
      throw error;
    }
  };
  const caches: Caches = {
    key: keyOf,
    exclusively: (key, work) => oneAtATime.run(key, work),
    async ready(repository) {
      const key = keyOf(repository);
      if (!opened.has(key) || doubted.has(key)) {
        await caches.exclusively(key, () => caches.bring(repository));
      }
    },
    doubt: (key) => {
      doubted.add(key);
    },
    bring: (repository, signal) => bring(repository, { signal, objectsOnly: false }),
    async bringObjects(repository, signal) {
      await bring(repository, { signal, objectsOnly: true });
    },
    async drop(repository) {
      const key = keyOf(repository);
      opened.delete(key);
      doubted.delete(key);
      await git.remove(key);
    },
    async shown(repository) {
      const table = await tableOf(needs, repository);
      if (!(table instanceof HansaError)) {
        return table;
      }
      return git.state(await open(repository));
    },
  };
  return caches;
}

/**
 * The refs, or why they cannot be read. A mirror that was killed between two changes of a batch
 * stands at a table that a later one replaced, and so was never fetched; and disks lose bytes.
 */
async function tableOf(
  needs: EntryNeeds,
  repository: StoredRepository,
): Promise<RepositoryState | HansaError> {
  try {
    return await stateOf(needs, await repository.entry(refsKey));
  } catch (error) {
    if (isHansaError(error, 'BLOB_NOT_FOUND') || isHansaError(error, 'BLOB_CORRUPT')) {
      return error;
    }
    throw error;
  }
}

export function sameState(a: RepositoryState, b: RepositoryState): boolean {
  return (
    a.head === b.head &&
    a.shallow.join() === b.shallow.join() &&
    a.refs.length === b.refs.length &&
    a.refs.every((ref, index) => {
      const other = b.refs[index];
      return ref.name === other?.name && ref.target === other.target;
    })
  );
}

interface Bringing {
  readonly key: string;
  readonly repository: StoredRepository;
  readonly signal: AbortSignal | undefined;
  readonly objectsOnly: boolean;
}

async function bringTo(needs: CacheNeeds, given: Bringing): Promise<RepositoryState> {
  const wanted = await tableOf(needs, given.repository);
  const kept = await needs.git.state(given.key);
  if (wanted instanceof HansaError) {
    await keep(needs, { ...given, kept, reason: wanted });
    return kept;
  }
  if (!sameState(kept, wanted)) {
    await follow(needs, { ...given, wanted });
  }
  return wanted;
}

/** What was brought last is whole, and is served until the next batch brings a table. */
async function keep(
  needs: CacheNeeds,
  given: Bringing & { readonly kept: RepositoryState; readonly reason: HansaError },
): Promise<void> {
  const { kept, reason, repository, objectsOnly } = given;
  needs.log.problem('forge.behind', reason, { resource: repository.resource });
  if (kept.refs.length > 0) {
    return;
  }
  // The cache is new: what comes next leans on the packs, and readers would find it empty.
  await adoptPacks(needs, { ...given, shallow: kept.shallow });
  if (!objectsOnly) {
    throw reason;
  }
}

/** Cheap first: often only refs are missing after a crash, and all objects are there. */
async function follow(
  needs: CacheNeeds,
  given: Bringing & { readonly wanted: RepositoryState },
): Promise<void> {
  const { git, log } = needs;
  const { key, repository, wanted } = given;
  try {
    await git.setState(key, wanted);
    return;
  } catch (error) {
    if (!isHansaError(error, 'GIT_CLOSURE_INCOMPLETE')) {
      throw error;
    }
  }
  log.event('forge.rebuilding', { resource: repository.resource });
  await adoptPacks(needs, { ...given, shallow: wanted.shallow });
  await git.setState(key, wanted);
}

async function adoptPacks(
  { git, blobs }: CacheNeeds,
  { key, repository, shallow, signal }: Bringing & Pick<RepositoryState, 'shallow'>,
): Promise<void> {
  const packs: AsyncIterable<Uint8Array>[] = [];
  for await (const entry of repository.entries()) {
    if (isPackKey(entry.key)) {
      packs.push(...entry.blobs.map(({ id }) => blobs.read(id)));
    }
  }
  const staged = await git.stage(key, { packs, shallow, signal });
  await staged.adopt();
}
