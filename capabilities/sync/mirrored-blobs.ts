// What we mirror, as those see it who serve it on: which mirrors there are, and which blobs they
// name.
import {
  createRecent,
  splitFederatedId,
  type BlobId,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type {
  Enforcement,
  MirrorEnforcement,
  MirroredResource,
  MirroredResources,
} from '../policies/contract.ts';
import type { BlobReference } from '../resources/contract.ts';
import type { Copies } from './copies.ts';
import type { MirroredBlobs } from './serving-blobs.ts';

const indexesMax = 16; // mirrors served on at a time; another one's index is made anew

interface BlobIndex {
  /** The position at which it was made. */
  readonly at: string;
  readonly blobs: Promise<ReadonlyMap<BlobId, BlobReference>>;
}

/** Enforcement as sync is given it: one that knows of mirrors lets them be served on. */
export type OnwardEnforcement = Enforcement &
  Partial<Pick<MirrorEnforcement, 'visibleMirrored' | 'setMirrored'>>;

/** Undefined where policy cannot speak of mirrors: then they are served to nobody. */
export function servedOn(
  enforcement: OnwardEnforcement,
  copies: Pick<Copies, 'applied' | 'view' | 'mirrors'>,
): MirroredBlobs | undefined {
  enforcement.setMirrored?.(mirroredResources(copies));
  const { visibleMirrored } = enforcement;
  return visibleMirrored === undefined
    ? undefined
    : createMirroredBlobs({ copies, readable: (peer) => visibleMirrored(peer, 'pull') });
}

function mirroredResources({ mirrors }: Pick<Copies, 'mirrors'>): MirroredResources {
  const shown = (id: FederatedId): MirroredResource => {
    const { kind, name } = splitFederatedId(id);
    return { id, kind, name };
  };
  return {
    all: () => [...mirrors.rows.values()].map(({ value }) => shown(value.resource)),
    find: (id) => (mirrors.find(id) === undefined ? undefined : shown(id)),
    get generation() {
      return mirrors.generation;
    },
    subscribe: (changed) => mirrors.subscribe(changed),
  };
}

function createMirroredBlobs(needs: {
  readonly copies: Pick<Copies, 'applied' | 'view'>;
  readable(peer: ClusterId): ReadonlySet<FederatedId>;
}): MirroredBlobs {
  const { copies, readable } = needs;
  const indexes = createRecent<FederatedId, BlobIndex>(indexesMax);
  return {
    readable,
    async reference(resource, blob) {
      const applied = copies.applied.find(resource)?.value;
      if (applied === undefined) {
        return undefined;
      }
      const { epoch, sequence } = applied;
      const at = `${epoch} ${sequence}`;
      const held = indexes.get(resource);
      const index = held?.at === at ? held : { at, blobs: blobsOf(copies, resource, epoch) };
      indexes.set(resource, index);
      try {
        return (await index.blobs).get(blob);
      } catch (error) {
        indexes.delete(resource);
        throw error;
      }
    },
  };
}

async function blobsOf(
  copies: Pick<Copies, 'view'>,
  resource: FederatedId,
  epoch: number,
): Promise<ReadonlyMap<BlobId, BlobReference>> {
  const found = new Map<BlobId, BlobReference>();
  for await (const { blobs } of copies.view(resource, epoch).entries()) {
    for (const reference of blobs) {
      found.set(reference.id, reference);
    }
  }
  return found;
}
