// Directories as sync mirrors them: whatever a peer has signed is checked before it is applied, and
// what one owner may cost us is bounded.
import { fromUtf8, HansaError, type Codec } from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, MirrorView } from '../sync/contract.ts';
import { directoryBytesMax, directoryKind, entriesMax } from './contract.ts';
import type { Followed } from './followed.ts';
import { readEntry, readKey } from './keys.ts';

export function createDirectoryKind({
  codec,
  followed,
}: {
  readonly codec: Codec;
  readonly followed: Followed;
}): FederatedKind {
  return {
    kind: directoryKind,
    async stage(before, changes) {
      const sizes = await sizesOf(followed, before);
      changes.forEach((change) => checkChange(codec, sizes, change));
      requireRoom(sizes);
      followed.stage(before.resource, changes);
      return {
        async commit() {
          await followed.refresh(before.resource, true);
          followed.unstage(before.resource);
        },
        discard: async () => followed.unstage(before.resource),
      };
    },
    settle: ({ resource }) => followed.refresh(resource, true),
    // The copy of an epoch that has ended goes too while the next one is here.
    purge: ({ resource }) => followed.refresh(resource, true),
  };
}

/** The bytes of every entry by its key, as the mirror stands. */
async function sizesOf(followed: Followed, before: MirrorView): Promise<Map<string, number>> {
  const held = followed.find(before.resource);
  if (held?.epoch === before.epoch) {
    return new Map([...held.entries].map(([key, { bytes }]) => [key, bytes]));
  }
  const sizes = new Map<string, number>();
  for await (const { key, value } of before.entries()) {
    sizes.set(fromUtf8(key), key.length + value.length);
  }
  return sizes;
}

/** CHANGE_INVALID where it is none of a directory. */
function checkChange(
  codec: Codec,
  sizes: Map<string, number>,
  { sequence, change }: SequencedChange,
): void {
  for (const op of change.ops) {
    const { key } = 'delete' in op ? op.delete : op.put;
    const { type, name } = readKey(key);
    if ('delete' in op) {
      sizes.delete(`${type}/${name}`);
    } else if (op.put.blobs.length > 0) {
      throw new HansaError('CHANGE_INVALID', `change ${sequence} has blobs: a directory has none`);
    } else {
      readEntry(codec, op.put);
      sizes.set(`${type}/${name}`, key.length + op.put.value.length);
    }
  }
}

function requireRoom(sizes: ReadonlyMap<string, number>): void {
  const bytes = [...sizes.values()].reduce((sum, one) => sum + one, 0);
  if (sizes.size > entriesMax || bytes > directoryBytesMax) {
    throw new HansaError(
      'CHANGE_INVALID',
      `a directory holds at most ${entriesMax} entries of ${directoryBytesMax} bytes together`,
    );
  }
}
