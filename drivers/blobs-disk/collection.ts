// Removing what nobody names: blobs, plans without content, and transfers that nobody goes on with.
import { mkdir, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BlobId, BlobInfo } from '@hansa/foundation';
import { ifThere, syncFolder } from './durable-file.ts';
import { incomingIds } from './incoming-files.ts';
import {
  asidePath,
  contentPath,
  idOfName,
  planPath,
  shelfNames,
  shelfPath,
  type Depot,
} from './layout.ts';
import type { Receiving } from './receiving.ts';

export type IsLive = (id: BlobId) => Promise<boolean>;

export interface Collector {
  collect(isLive: IsLive): Promise<{ deleted: number; freedBytes: number }>;
}

const planSuffix = '.chunks';

export async function* listBlobs(depot: Depot): AsyncGenerator<BlobInfo, void, void> {
  for (const shelf of shelfNames) {
    for (const name of await readdir(join(depot.folder, 'blobs', shelf))) {
      const id = idOfName(name);
      const found = id && (await ifThere(stat(contentPath(depot.folder, id))));
      if (id !== undefined && found !== undefined) {
        yield { id, sizeBytes: found.size };
      }
    }
  }
}

/** Removes content first: a blob is there exactly when its content is. */
export async function removeBlob(depot: Depot, id: BlobId): Promise<void> {
  await rm(contentPath(depot.folder, id), { force: true });
  await rm(planPath(depot.folder, id), { force: true });
  await syncFolder(shelfPath(depot.folder, id));
}

/**
 * Out of the shelves, so that nobody reads it: the plan with it, as either may be what is wrong.
 */
export async function setBlobAside(depot: Depot, id: BlobId): Promise<void> {
  await mkdir(asidePath(depot.folder), { recursive: true, mode: 0o700 });
  for (const path of [planPath(depot.folder, id), contentPath(depot.folder, id)]) {
    await ifThere(rename(path, join(asidePath(depot.folder), basename(path))));
  }
  await syncFolder(asidePath(depot.folder));
  await syncFolder(shelfPath(depot.folder, id));
}

export function createCollector(depot: Depot, receiving: Receiving): Collector {
  // What the collection before found unused. What has arrived of a blob that no record names yet
  // must survive the collection that a restart begins with: it goes when two in a row find it
  // unused.
  let idle: ReadonlySet<BlobId> = new Set();
  return {
    async collect(isLive) {
      const collection = depot.keeping.begin();
      const spared = async (id: BlobId): Promise<boolean> =>
        collection.keeps(id) || (await isLive(id)) || collection.keeps(id);
      let deleted = 0;
      let freedBytes = 0;
      try {
        for await (const { id, sizeBytes } of listBlobs(depot)) {
          if (await spared(id)) {
            continue;
          }
          const gone = await depot.locks.alone(id, async () => {
            const kept = collection.keeps(id);
            await (kept ? undefined : removeBlob(depot, id));
            return !kept;
          });
          deleted += gone ? 1 : 0;
          freedBytes += gone ? sizeBytes : 0;
        }
        await removeLonePlans(depot);
        idle = await removeIdle(depot, { receiving, idle, spared });
      } finally {
        collection.end();
      }
      return { deleted, freedBytes };
    },
  };
}

async function removeIdle(
  depot: Depot,
  needs: {
    readonly receiving: Receiving;
    readonly idle: ReadonlySet<BlobId>;
    readonly spared: IsLive;
  },
): Promise<ReadonlySet<BlobId>> {
  const { receiving, idle, spared } = needs;
  const nowIdle = new Set<BlobId>();
  for (const id of await incomingIds(depot)) {
    if (receiving.isOpen(id) || (await spared(id)) || receiving.isOpen(id)) {
      continue;
    }
    if (idle.has(id)) {
      await receiving.discard(id);
    } else {
      nowIdle.add(id);
    }
  }
  return nowIdle;
}

// A crash between the plan and the content leaves a plan alone.
async function removeLonePlans(depot: Depot): Promise<void> {
  for (const shelf of shelfNames) {
    const names = new Set(await readdir(join(depot.folder, 'blobs', shelf)));
    for (const name of names) {
      const id = name.endsWith(planSuffix)
        ? idOfName(name.slice(0, -planSuffix.length))
        : undefined;
      if (id !== undefined && !names.has(id)) {
        await removeLonePlan(depot, id);
      }
    }
  }
}

async function removeLonePlan(depot: Depot, id: BlobId): Promise<void> {
  await depot.locks.alone(id, async () => {
    const content = await ifThere(stat(contentPath(depot.folder, id)));
    if (content === undefined) {
      await ifThere(unlink(planPath(depot.folder, id)));
    }
  });
}
