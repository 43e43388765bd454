// A resource in pieces: nodes of its digest trie and entries, all of one pinned position, while the
// resource goes on. Whose resource it is, is none of this room's business: it reads snapshots.
import {
  createRecent,
  HansaError,
  isHansaError,
  type Call,
  type FederatedId,
  type TriePrefix,
} from '@hansa/foundation';
import type { Head, ResourceEntry, Snapshot } from '../resources/contract.ts';
import {
  entriesBytesMax,
  entriesPerRequestMax,
  type PinnedPosition,
  type SyncPeer,
} from './wire.ts';

// Each keeps the nodes above its pages and what was not written to them yet: a few megabytes.
const snapshotsMax = 4;

/** Where snapshots come from, and who may read them. */
export interface RangeSource {
  /** RESOURCE_NOT_FOUND where the caller may not read it; asked before anything is looked up. */
  require(resource: FederatedId, call: Call | undefined): void;
  snapshot(resource: FederatedId): Promise<Snapshot | undefined>;
  sign(resource: FederatedId, snapshot: Snapshot): Promise<Head>;
}

export type RangeServing = Pick<SyncPeer, 'pin' | 'digests' | 'entries'>;

export function createRangeServing(source: RangeSource): RangeServing {
  const kept = createRecent<string, Snapshot>(snapshotsMax);
  const find = (input: PinnedPosition, call: Call | undefined): Snapshot => {
    source.require(input.resource, call);
    const snapshot = kept.get(nameOf(input));
    if (snapshot === undefined) {
      throw gone(input);
    }
    return snapshot;
  };
  return {
    async pin({ resource }, call) {
      source.require(resource, call);
      const snapshot = await source.snapshot(resource);
      if (snapshot === undefined) {
        throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${resource} here for you`);
      }
      const head = await source.sign(resource, snapshot);
      const name = nameOf({ resource, ...snapshot.position });
      if (kept.get(name) === undefined) {
        kept.set(name, snapshot);
      }
      return { head };
    },
    digests: (input, call) =>
      whileKept(input, async () => {
        const { trie } = find(input, call);
        const children: Uint8Array[] = [];
        for (const prefix of input.prefixes) {
          children.push(await trie.children(digitsOf(prefix)));
        }
        return { children };
      }),
    entries: (input, call) => whileKept(input, () => readEntries(find(input, call), input)),
  };
}

function nameOf({ resource, epoch, sequence }: PinnedPosition): string {
  return `${epoch} ${sequence} ${resource}`;
}

function gone({ resource, epoch, sequence }: PinnedPosition): HansaError {
  const sentence = `${epoch}/${sequence} of ${resource} is not readable any more`;
  return new HansaError('SNAPSHOT_GONE', sentence);
}

/** A store forgets old revisions: whoever still reads one begins again at a later position. */
async function whileKept<T>(input: PinnedPosition, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw isHansaError(error, 'STORE_COMPACTED') ? gone(input) : error;
  }
}

export function digitsOf(prefix: string): TriePrefix {
  return [...prefix].map((digit) => Number.parseInt(digit, 16));
}

async function readEntries(
  { trie, entry }: Snapshot,
  { resource, prefixes, after }: Parameters<SyncPeer['entries']>[0],
): ReturnType<SyncPeer['entries']> {
  const entries: ResourceEntry[] = [];
  let bytes = 0;
  for (const prefix of prefixes) {
    for await (const leaf of trie.leaves(digitsOf(prefix), after)) {
      if (entries.length >= entriesPerRequestMax || bytes >= entriesBytesMax) {
        return { entries, more: true };
      }
      const found = await entry(leaf.key);
      if (found === undefined) {
        throw new HansaError('STORE_DAMAGED', `an entry of ${resource} is missing here`);
      }
      entries.push(found);
      bytes += found.key.length + found.value.length;
    }
  }
  return { entries, more: false };
}
