// Every push and every sync leaves a pack, and git opens the index of each for whoever fetches: now
// and then the many small ones become few. A duty of the forge.
import type { Clock, Log } from '@hansa/foundation';
import type { Caches, StoredRepository } from './caches.ts';
import type { Git } from './git.ts';

export const repackIntervalMs = 600_000; // a busy hour of pushes never makes thousands of packs
export const packsKeptMax = 32; // git fetches from so few as fast as from one

export interface RepackingNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly git: Pick<Git, 'countObjects' | 'repack'>;
  readonly caches: Pick<Caches, 'key' | 'exclusively' | 'ready'>;
  /** Own ones and mirrors. */
  repositories(): Promise<readonly StoredRepository[]>;
}

export async function keepRepacking(needs: RepackingNeeds, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await needs.clock.sleep(repackIntervalMs, signal);
    for (const repository of await needs.repositories()) {
      // What is wrong with one repository must not keep the others from it.
      await repackOne(needs, repository, signal).catch((error: unknown) => {
        if (!signal.aborted) {
          needs.log.problem('forge.unpacked', error, { resource: repository.resource });
        }
      });
    }
  }
}

async function repackOne(
  { git, caches, log }: RepackingNeeds,
  repository: StoredRepository,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const key = caches.key(repository);
  await caches.ready(repository);
  const { packs } = await git.countObjects(key);
  if (packs > packsKeptMax) {
    // Not while it is brought after the store, or dropped.
    await caches.exclusively(key, () => git.repack(key, signal));
    log.event('forge.repacked', { resource: repository.resource, packs });
  }
}
