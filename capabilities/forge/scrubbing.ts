// Repositories on disk by git's own check, and as whole as the store says. One that is damaged is
// built anew from its packs, whether that was asked for or not: it is a cache.
import { isHansaError, reportOf } from '@hansa/foundation';
import type { ScrubPart, ScrubRound } from '../scrub/contract.ts';
import type { StoredRepository } from './caches.ts';
import {
  mirroredRepositories,
  ownedRepositories,
  ownRepository,
  type Parts,
} from './repositories.ts';

export function createCachePart(parts: Parts): ScrubPart {
  return {
    class: 'caches',
    async scrub(round) {
      for await (const repository of repositoriesOf(parts)) {
        round.signal.throwIfAborted();
        await look(parts, round, repository);
        round.looked();
      }
    },
  };
}

async function* repositoriesOf(parts: Parts): AsyncIterable<StoredRepository> {
  for (const { id } of ownedRepositories(parts)) {
    yield ownRepository(parts, id);
  }
  for (const { resource } of mirroredRepositories(parts)) {
    const view = await parts.mirrors.view(resource);
    if (view !== undefined) {
      yield view;
    }
  }
}

async function look(
  { caches, git }: Parts,
  round: ScrubRound,
  repository: StoredRepository,
): Promise<void> {
  const { resource } = repository;
  const key = caches.key(repository);
  try {
    await caches.ready(repository);
    await round.spend((await git.countObjects(key)).sizeBytes);
  } catch (error) {
    if (!isHansaError(error)) {
      throw error;
    }
    const sentence = `it cannot be read: ${reportOf(error).message}`;
    await round.found({ name: resource, sentence, concerns: [resource], ...(await build()) });
    return;
  }
  const problems = await git.fsck(key);
  const [first] = problems;
  if (first !== undefined) {
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
    const sentence = `git finds: ${first}${more}`;
    await round.found({ name: resource, sentence, concerns: [resource], ...(await build()) });
  }

  async function build(): Promise<{ readonly from: string } | { readonly reason: string }> {
    try {
      await caches.exclusively(key, async () => {
        await caches.drop(repository);
        await caches.bring(repository, round.signal);
      });
      return { from: 'its packs' };
    } catch (error) {
      round.signal.throwIfAborted();
      return { reason: reportOf(error).message };
    }
  }
}
