// Blobs that lie on several nodes, as the active one sees them: one shelf. Which nodes are to hold
// a blob follows from its id and who is there (rendezvous hashing), so nothing about it is written
// down.
import {
  compareBytes,
  concatBytes,
  fromHex,
  HansaError,
  type BlobId,
  type Blobs,
  type Clock,
  type Crypto,
  type Log,
  type NodeId,
} from '@hansa/foundation';
import type { BlobCopies } from '@hansa/capabilities/scrub/capability';
import { idsAtOnceMax, type ReplicaHolder, type ReplicaPlan } from './replica-contract.ts';
import { chunkIds, chunkOf, planOf } from './replica-plan.ts';

export interface Copies {
  readonly copies: number;
  /** Blobs of which there are fewer, at the last look. */
  readonly short: number;
  /** 0 before the first. */
  readonly lookedMs: number;
}

export interface SharedBlobs {
  readonly blobs: Blobs;
  /** The copies on the other nodes, as a scrub reads and mends them. */
  nearby(): Promise<readonly BlobCopies[]>;
  keepCopies(signal: AbortSignal): Promise<void>;
  found(): Copies;
}

export interface SharedBlobsNeeds {
  readonly local: Blobs;
  readonly self: NodeId;
  /** The other nodes that are there and serve. */
  readonly others: () => Promise<readonly NodeId[]>;
  /** What people call it. */
  readonly nameOf: (node: NodeId) => Promise<string>;
  readonly ask: (node: NodeId) => Promise<ReplicaHolder>;
  readonly clock: Clock;
  readonly log: Log;
  readonly crypto: Crypto;
  /** On how many nodes a blob lies, this one counted. */
  readonly copies: number;
}

const lookMs = 15_000; // a node that came back is filled before anybody counts on it
const firstLookMs = 1_000; // after a takeover: what this node lacks, others may have

export function sharedBlobs(needs: SharedBlobsNeeds): SharedBlobs {
  const { copies } = needs;
  let found: Copies = { copies, short: 0, lookedMs: 0 };
  return {
    blobs: shelfOf(needs),
    found: () => found,
    nearby: () => copiesNearby(needs),
    async keepCopies(signal) {
      let waitMs = firstLookMs;
      while (!signal.aborted) {
        await needs.clock.sleep(waitMs, signal).catch(() => undefined);
        waitMs = lookMs;
        if (!signal.aborted) {
          const short = await look(needs, signal).catch((error: unknown) => {
            needs.log.event('nodes.copies-not-looked-at', { reason: String(error) });
            return found.short;
          });
          found = { copies, short, lookedMs: needs.clock.now() };
        }
      }
    },
  };
}

function shelfOf(needs: SharedBlobsNeeds): Blobs {
  const { local } = needs;
  const spread = (id: BlobId): Promise<number> => spreadBlob(needs, id);
  const fetched = async (id: BlobId): Promise<void> => {
    if ((await local.info(id)) === undefined) {
      await fetchMissing(needs, id);
    }
  };
  return {
    ...local,
    async put(source, signal) {
      const info = await local.put(source, signal);
      await spread(info.id);
      return info;
    },
    async info(id) {
      await fetched(id);
      return local.info(id);
    },
    async *read(id, options) {
      await fetched(id);
      yield* local.read(id, options);
    },
    async chunks(id) {
      await fetched(id);
      return local.chunks(id);
    },
    async receive(info, chunks) {
      const receipt = await local.receive(info, chunks);
      return {
        missing: () => receipt.missing(),
        accept: (index, bytes) => receipt.accept(index, bytes),
        close: () => receipt.close(),
        async commit() {
          const kept = await receipt.commit();
          await spread(kept.id);
          return kept;
        },
      };
    },
    async delete(id) {
      await local.delete(id);
      await dropElsewhere(needs, [id]);
    },
    async collect(isLive) {
      const before = new Set<BlobId>();
      for await (const { id } of local.list()) {
        before.add(id);
      }
      const collected = await local.collect(isLive);
      const gone: BlobId[] = [];
      for (const id of before) {
        if ((await local.info(id)) === undefined) {
          gone.push(id);
        }
      }
      await dropElsewhere(needs, gone);
      return collected;
    },
  };
}

/** The nodes that are to hold a blob beside this one, the likeliest first. */
function homesOf(
  { crypto, copies }: SharedBlobsNeeds,
  id: BlobId,
  others: readonly NodeId[],
): readonly NodeId[] {
  const rank = (node: NodeId): Uint8Array => crypto.hash(concatBytes([fromHex(id), fromHex(node)]));
  return others
    .map((node) => ({ node, rank: rank(node) }))
    .toSorted((a, b) => compareBytes(b.rank, a.rank))
    .slice(0, copies - 1)
    .map(({ node }) => node);
}

/**
 * On how many nodes it lies then. Fewer than asked for are no reason to refuse: a cluster with one
 * node left goes on, and says in its health what is short.
 */
async function spreadBlob(needs: SharedBlobsNeeds, id: BlobId): Promise<number> {
  const others = needs.copies > 1 ? await needs.others() : [];
  const given = await Promise.all(
    homesOf(needs, id, others).map((node) =>
      give(needs, node, id).then(
        () => 1,
        (error: unknown) => {
          needs.log.event('nodes.copy-failed', { node, blob: id, reason: String(error) });
          return 0;
        },
      ),
    ),
  );
  return given.reduce<number>((sum, one) => sum + one, 1);
}

async function give({ local, ask }: SharedBlobsNeeds, node: NodeId, id: BlobId): Promise<void> {
  const plan = await planOf(local, id);
  if (plan === undefined) {
    return;
  }
  const holder = await ask(node);
  const { missing } = await holder.begin({ id, plan });
  for (const index of missing) {
    const bytes = await chunkOf(local, { id, sizeBytes: plan.sizeBytes }, index);
    await holder.give({ id, index, bytes });
  }
  // Also where nothing was missing: it may have had all of it, and died before it was told so.
  await holder.commit({ id });
}

async function copiesNearby(needs: SharedBlobsNeeds): Promise<readonly BlobCopies[]> {
  const others = await needs.others();
  return Promise.all(
    others.map(async (node) => ({
      name: await needs.nameOf(node),
      async *verify(signal: AbortSignal) {
        const holder = await needs.ask(node);
        for await (const { bytes, blob } of holder.verify({}, { signal })) {
          yield { bytes, blob };
        }
      },
      async give(id: BlobId) {
        const isHere = (await needs.local.info(id)) !== undefined;
        if (!isHere && !(await fetchMissing(needs, id))) {
          return false;
        }
        await give(needs, node, id);
        return true;
      },
    })),
  );
}

/** Whether it is here now. Every chunk is verified as it comes. */
async function fetchMissing(needs: SharedBlobsNeeds, id: BlobId): Promise<boolean> {
  const { local, log } = needs;
  for (const node of await needs.others()) {
    try {
      const holder = await needs.ask(node);
      const { plan } = await holder.find({ id });
      if (plan === undefined) {
        continue;
      }
      await take(local, holder, { id, plan });
      return true;
    } catch (error) {
      log.event('nodes.blob-not-fetched', { node, blob: id, reason: String(error) });
    }
  }
  return false;
}

/** What has arrived when it fails stays for the next one, if that tells of the same chunks. */
async function take(
  local: Blobs,
  holder: ReplicaHolder,
  { id, plan }: { readonly id: BlobId; readonly plan: ReplicaPlan },
): Promise<void> {
  const receipt = await local.receive({ id, sizeBytes: plan.sizeBytes }, chunkIds(plan));
  try {
    for (const index of receipt.missing()) {
      await receipt.accept(index, (await holder.chunk({ id, index })).bytes);
    }
    await receipt.commit();
  } catch (error) {
    await receipt.close();
    throw error;
  }
}

async function dropElsewhere(needs: SharedBlobsNeeds, ids: readonly BlobId[]): Promise<void> {
  if (ids.length === 0) {
    return;
  }
  for (const node of await needs.others()) {
    try {
      const holder = await needs.ask(node);
      for (let at = 0; at < ids.length; at += idsAtOnceMax) {
        await holder.drop({ ids: ids.slice(at, at + idsAtOnceMax) });
      }
    } catch (error) {
      needs.log.event('nodes.copies-not-dropped', { node, reason: String(error) });
    }
  }
}

/** How many blobs are short of copies still, after what could be given was given. */
async function look(needs: SharedBlobsNeeds, signal: AbortSignal): Promise<number> {
  const others = await needs.others();
  const held = new Map<NodeId, ReadonlySet<BlobId>>();
  for (const node of others) {
    held.set(node, await idsOf(await needs.ask(node), signal));
  }
  const all = new Set<BlobId>();
  for await (const { id } of needs.local.list()) {
    all.add(id);
  }
  let short = 0;
  for (const id of all) {
    signal.throwIfAborted();
    const lying = others.filter((node) => held.get(node)?.has(id) === true).length;
    if (lying + 1 < needs.copies && (await spreadBlob(needs, id)) < needs.copies) {
      short += 1;
    }
  }
  return short;
}

async function idsOf(holder: ReplicaHolder, signal: AbortSignal): Promise<ReadonlySet<BlobId>> {
  const all = new Set<BlobId>();
  for await (const { ids } of holder.ids({}, { signal })) {
    ids.forEach((id) => all.add(id));
  }
  if (signal.aborted) {
    throw new HansaError('CANCELLED', 'the look was ended');
  }
  return all;
}
