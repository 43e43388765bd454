// Bare repositories on disk, kept equal to what the store says. The store is the truth: whatever a
// crash left, `bring` makes the cache follow it, from the packs that the entries name.
import {
  createKeyedMutex,
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
  /** Makes the cache equal to the store and returns what the store says. */
  bring(repository: StoredRepository, signal?: AbortSignal): Promise<RepositoryState>;
  /** For a reader: brings the cache only where it may not be equal to the store. */
  ready(repository: StoredRepository): Promise<void>;
  /** Until the next `bring` the cache may lag behind the store: refs are about to move. */
  doubt(key: string): void;
  drop(repository: { readonly resource: FederatedId; readonly epoch: number }): Promise<void>;
}

export function createCaches(needs: CacheNeeds): Caches {
  const { git, crypto } = needs;
  const oneAtATime = createKeyedMutex<string>();
  const opened = new Set<string>();
  const doubted = new Set<string>();
  const keyOf: Caches['key'] = ({ resource, epoch }) =>
    `r${toHex(crypto.hash(utf8(`${resource} ${epoch}`))).slice(0, 40)}`;
  const open = async (key: string): Promise<void> => {
    if (!opened.has(key)) {
      await git.open(key);
      opened.add(key);
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
    async bring(repository, signal) {
      const key = keyOf(repository);
      await open(key);
      // Cleared first: a doubt that comes up meanwhile stays.
      doubted.delete(key);
      try {
        const wanted = await stateOf(needs, await repository.entry(refsKey));
        if (!sameState(await git.state(key), wanted)) {
          await follow(needs, { key, repository, wanted, signal });
        }
        return wanted;
      } catch (error) {
        doubted.add(key);
        throw error;
      }
    },
    async drop(repository) {
      const key = keyOf(repository);
      opened.delete(key);
      doubted.delete(key);
      await git.remove(key);
    },
  };
  return caches;
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

/** Cheap first: often only refs are missing after a crash, and all objects are there. */
async function follow(
  needs: CacheNeeds,
  given: {
    readonly key: string;
    readonly repository: StoredRepository;
    readonly wanted: RepositoryState;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { git, blobs, log } = needs;
  const { key, repository, wanted, signal } = given;
  try {
    await git.setState(key, wanted);
    return;
  } catch (error) {
    if (!isHansaError(error, 'GIT_CLOSURE_INCOMPLETE')) {
      throw error;
    }
  }
  log.event('forge.rebuilding', { resource: repository.resource });
  const packs: AsyncIterable<Uint8Array>[] = [];
  for await (const entry of repository.entries()) {
    if (isPackKey(entry.key)) {
      packs.push(...entry.blobs.map(({ id }) => blobs.read(id)));
    }
  }
  const staged = await git.stage(key, { packs, shallow: wanted.shallow, signal });
  await staged.adopt();
  await git.setState(key, wanted);
}
