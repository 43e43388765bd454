// The two ways on: with what is here, or with what the peer holds; both in a new epoch, above
// everything that we ever signed.
import {
  emptyTrie,
  equalBytes,
  HansaError,
  remote,
  splitFederatedId,
  type Blobs,
  type Carrier,
  type Crypto,
  type DigestTrie,
  type LocalId,
} from '@hansa/foundation';
import type { Head, ResourceEntry } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { Recovered, RecoveryPlan, RecoveryWay } from './contract.ts';
import type { FindingNeeds } from './finding.ts';
import type { RewoundRecord } from './keys.ts';
import { recoveryPeerContract } from './wire.ts';

const author = 'recovery';

export interface RecoveringNeeds extends FindingNeeds {
  readonly crypto: Crypto;
  readonly blobs: Blobs;
  readonly mirrors: Pick<Mirrors, 'all' | 'fetch' | 'head' | 'onHeld' | 'view'>;
}

export interface Case {
  readonly id: LocalId;
  readonly record: RewoundRecord;
}

export async function planRecovery(
  needs: RecoveringNeeds,
  { id, record }: Case,
  way: RecoveryWay,
): Promise<RecoveryPlan> {
  const { resources, peers } = needs;
  const peerName = peers.standing(record.peer).name ?? record.peer.slice(0, 8);
  const entriesHere = await countEntries(needs, id);
  const epoch = Math.max(resources.lastEpoch(id) ?? 0, record.head.epoch) + 1;
  const gone = resources.find(id) === undefined;
  const fate =
    way === 'adopt'
      ? `what ${peerName} holds takes the place of the ${entriesHere} entries that are here`
      : gone
        ? `${id} stays away; what peers hold of it is not asked for any more`
        : `the ${entriesHere} entries that are here stay; what only ${peerName} holds is given up`;
  const sentences = [
    fate,
    gone && way === 'new-epoch'
      ? `the name may be taken again, from epoch ${epoch} on`
      : `epoch ${epoch} begins, and every mirror builds itself anew beside what it holds`,
  ];
  return { id, way, epoch, peerName, entriesHere, sentences };
}

async function countEntries({ resources }: RecoveringNeeds, id: LocalId): Promise<number> {
  let entries = 0;
  if (resources.find(id) !== undefined) {
    for await (const _entry of resources.entries(id)) {
      entries += 1;
    }
  }
  return entries;
}

export async function beginEpoch(needs: RecoveringNeeds, one: Case): Promise<Recovered> {
  const { resources } = needs;
  const { id, record } = one;
  const above = record.head.epoch;
  const way = 'new-epoch';
  if (resources.find(id) === undefined) {
    await resources.bury(id, Math.max(above, resources.lastEpoch(id) ?? 0));
    await forget(needs, id);
    return { id, way, entries: 0 };
  }
  const { epoch } = await resources.renew(id, { above, author });
  await forget(needs, id);
  return { id, way, epoch, entries: await countEntries(needs, id) };
}

export async function adoptHeld(
  needs: RecoveringNeeds,
  one: Case,
  signal: AbortSignal,
): Promise<Recovered> {
  const { resources, peers } = needs;
  const { id, record } = one;
  const carrier = peers.observer(record.peer);
  const source = peers.standing(record.peer).name ?? record.peer.slice(0, 8);
  const reading = readBack(needs, { record, carrier, source, signal });
  try {
    const { epoch } = await resources.renew(id, {
      above: record.head.epoch,
      author,
      entries: reading.entries(),
      complete: reading.complete,
    });
    await forget(needs, id);
    return { id, way: 'adopt', epoch, entries: await countEntries(needs, id) };
  } finally {
    reading.release();
  }
}

/** In this order: a crash in between leaves a row that its epoch shows to be over. */
async function forget({ store, table, rewound }: RecoveringNeeds, id: LocalId): Promise<void> {
  const { revision, deleted } = await store.delete(table.key(id));
  if (deleted === 1) {
    await rewound.reached(revision);
  }
}

interface Source {
  readonly record: RewoundRecord;
  readonly carrier: Carrier;
  readonly source: string;
  readonly signal: AbortSignal;
}

/** The peer's copy, page by page, each entry with its blobs here; whole, or `complete` throws. */
function readBack(
  needs: RecoveringNeeds,
  from: Source,
): {
  entries(): AsyncIterable<ResourceEntry>;
  complete(): void;
  release(): void;
} {
  const { crypto, history, blobs } = needs;
  const { resource } = from.record.head;
  const holds: { release(): void }[] = [];
  let trie: DigestTrie = emptyTrie(crypto);
  let head: Head | undefined;
  const take = (said: Head): void => {
    if (head === undefined) {
      requireOurs(needs, from.record, said);
      head = said;
    } else if (!equalBytes(said.digest, head.digest)) {
      throw new HansaError('CONFLICT', `the copy at ${from.source} moved while it was read`);
    }
  };
  const bring = async (entry: ResourceEntry): Promise<void> => {
    holds.push(...entry.blobs.map(({ id }) => blobs.protect(id)));
    await needs.mirrors.fetch({
      from: from.record.peer,
      carrier: from.carrier,
      source: from.source,
      resource,
      wanted: entry.blobs,
      signal: from.signal,
    });
  };
  return {
    release: () => holds.forEach((hold) => hold.release()),
    async *entries() {
      const peer = remote(recoveryPeerContract, from.carrier);
      let after: Uint8Array | undefined;
      for (;;) {
        const page = await peer.entries({ resource, after }, { signal: from.signal });
        take(page.head);
        for (const entry of page.entries) {
          const { key, version } = entry;
          trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
          await bring(entry);
          yield entry;
        }
        after = page.entries.at(-1)?.key;
        if (page.last || after === undefined) {
          return;
        }
      }
    },
    complete() {
      if (head === undefined || !equalBytes(trie.root, head.digest)) {
        throw new HansaError(
          'DIGEST_MISMATCH',
          `what ${from.source} sent of ${resource} is not what we had signed`,
        );
      }
    },
  };
}

/** Signed by us, of this resource, and not older than the proof that we found. */
function requireOurs({ history }: RecoveringNeeds, { head }: RewoundRecord, said: Head): void {
  history.verify(said);
  const older =
    said.epoch < head.epoch || (said.epoch === head.epoch && said.sequence < head.sequence);
  if (said.resource !== head.resource || older) {
    const { local } = splitFederatedId(head.resource);
    throw new HansaError('HEAD_INVALID', `the peer showed another head than that of ${local}`);
  }
}
