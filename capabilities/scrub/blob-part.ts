// Every blob against its id, here and on the other nodes, and every blob that is named against what
// is here. What is damaged is set aside at once, so that nobody is given it, and fetched again from
// whoever has it.
import {
  federatedId,
  isHansaError,
  reportOf,
  splitFederatedId,
  type BlobId,
  type Blobs,
  type ClusterId,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { HeldCopies } from '../recovery/contract.ts';
import type { BlobReference, ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { ScrubPart, ScrubRound } from './contract.ts';

/** The copies of blobs that another node of the cluster keeps, for when this one is gone. */
export interface BlobCopies {
  readonly name: string;
  /**
   * Reads all of them where they lie, and says so piece by piece; what is damaged is set aside
   * there.
   */
  verify(signal: AbortSignal): AsyncIterable<{
    readonly bytes: number;
    readonly blob?: { readonly id: BlobId; readonly damaged: boolean } | undefined;
  }>;
  /** Gives it a copy, verified there; false where no whole one is left. */
  give(id: BlobId): Promise<boolean>;
}

export interface BlobPartNeeds {
  readonly cluster: ClusterId;
  readonly blobs: Blobs;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly peers: Peers;
  readonly copies: HeldCopies;
  /** Absent where there is one node. */
  readonly nearby?: (() => Promise<readonly BlobCopies[]>) | undefined;
  readonly log: Log;
}

export function createBlobPart(needs: BlobPartNeeds): ScrubPart {
  return {
    class: 'blobs',
    async scrub(round) {
      const damaged = await readAll(needs, round);
      const copies = await readCopies(needs, round);
      const absent = new Map<BlobId, Named>();
      for await (const named of allNamed(needs)) {
        const { id } = named.reference;
        copies.get(id)?.concerns.add(named.resource);
        const known = absent.get(id);
        if (known !== undefined) {
          known.concerns.add(named.resource);
        } else if ((await needs.blobs.info(id)) === undefined) {
          absent.set(id, { ...named, concerns: new Set([named.resource]) });
        }
        await round.spend(64); // the name alone was read
      }
      for (const [id, named] of absent) {
        round.signal.throwIfAborted();
        await tell(needs, round, { id, named, wasDamaged: damaged.delete(id) });
      }
      for (const id of damaged) {
        const sentence = 'its bytes are not what its id says; set aside';
        const isBack = (await needs.blobs.info(id)) !== undefined;
        const from = isBack ? 'another node' : 'nobody: nothing names it';
        await round.found({ name: id, sentence, concerns: [], from });
      }
      for (const [id, copied] of copies) {
        await tellCopies(round, id, copied);
      }
    },
  };
}

interface Naming {
  readonly resource: FederatedId;
  readonly reference: BlobReference;
}

interface Named extends Naming {
  readonly concerns: Set<string>;
}

/** Those that were damaged, and are set aside by now. */
async function readAll({ blobs }: BlobPartNeeds, round: ScrubRound): Promise<Set<BlobId>> {
  const damaged = new Set<BlobId>();
  for await (const { id } of blobs.list()) {
    round.signal.throwIfAborted();
    try {
      for await (const piece of blobs.read(id, { signal: round.signal })) {
        await round.spend(piece.length);
      }
    } catch (error) {
      if (isHansaError(error, 'BLOB_CORRUPT')) {
        await blobs.setAside(id);
        damaged.add(id);
      } else if (!isHansaError(error, 'BLOB_NOT_FOUND')) {
        throw error; // what was collected meanwhile is no loss
      }
    }
    round.looked();
  }
  return damaged;
}

/** A blob of which copies were damaged, and are set aside where they lay. */
interface CopiesDamaged {
  readonly on: BlobCopies[];
  readonly concerns: Set<string>;
}

/** A node that goes away while it reads is read in the next round. */
async function readCopies(
  { nearby, log }: BlobPartNeeds,
  round: ScrubRound,
): Promise<Map<BlobId, CopiesDamaged>> {
  const damaged = new Map<BlobId, CopiesDamaged>();
  for (const node of (await nearby?.()) ?? []) {
    try {
      for await (const { bytes, blob } of node.verify(round.signal)) {
        await round.spend(bytes);
        if (blob !== undefined) {
          round.looked();
        }
        if (blob?.damaged === true) {
          const known = damaged.get(blob.id) ?? { on: [], concerns: new Set() };
          known.on.push(node);
          damaged.set(blob.id, known);
        }
      }
    } catch (error) {
      round.signal.throwIfAborted();
      log.event('scrub.copies-not-read', { node: node.name, reason: reportOf(error).message });
    }
  }
  return damaged;
}

/** Of what nothing names a copy less is no loss. */
async function tellCopies(
  round: ScrubRound,
  id: BlobId,
  { on, concerns }: CopiesDamaged,
): Promise<void> {
  for (const node of on) {
    round.signal.throwIfAborted();
    const found = {
      name: `${id} on ${node.name}`,
      sentence: 'its bytes there are not what its id says; set aside',
      concerns: [...concerns],
    };
    if (concerns.size === 0) {
      await round.found({ ...found, from: 'nobody: nothing names it' });
    } else if (!round.repair) {
      await round.found({ ...found, reason: 'repair was not asked for' });
    } else {
      await round.found({ ...found, ...(await giveAgain(node, id)) });
    }
  }
}

async function giveAgain(
  node: BlobCopies,
  id: BlobId,
): Promise<{ readonly from: string } | { readonly reason: string }> {
  try {
    return (await node.give(id)) ? { from: 'another node' } : { reason: 'no node has a whole one' };
  } catch (error) {
    return { reason: `${node.name}: ${reportOf(error).message}` };
  }
}

async function* allNamed({ cluster, resources, mirrors }: BlobPartNeeds): AsyncIterable<Naming> {
  for (const { id } of resources.all()) {
    const resource = federatedId(cluster, id);
    for await (const reference of orNothing(resources.blobs(id))) {
      yield { resource, reference };
    }
  }
  for (const { resource } of mirrors.all()) {
    const view = await mirrors.view(resource);
    for await (const { blobs } of view === undefined ? [] : orNothing(view.entries())) {
      for (const reference of blobs) {
        yield { resource, reference };
      }
    }
  }
}

/** A record that cannot be read is another class's to find. */
async function* orNothing<T>(items: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* items;
  } catch (error) {
    if (!isHansaError(error, 'STORE_DAMAGED')) {
      throw error;
    }
  }
}

async function tell(
  needs: BlobPartNeeds,
  round: ScrubRound,
  given: { readonly id: BlobId; readonly named: Named; readonly wasDamaged: boolean },
): Promise<void> {
  const { id, named, wasDamaged } = given;
  const sentence = wasDamaged
    ? 'its bytes are not what its id says; set aside'
    : 'it is named, and not here';
  const found = { name: id, sentence, concerns: [...named.concerns] };
  await round.found(
    round.repair
      ? { ...found, ...(await fetchAgain(needs, round, named)) }
      : { ...found, reason: 'repair was not asked for' },
  );
}

async function fetchAgain(
  needs: BlobPartNeeds,
  { signal }: ScrubRound,
  { resource, reference }: Named,
): Promise<{ readonly from: string } | { readonly reason: string }> {
  let reason = 'nobody who has it is connected';
  for (const peer of holdersOf(needs, resource)) {
    const source = needs.peers.standing(peer).name ?? peer.slice(0, 8);
    try {
      const carrier = needs.peers.observer(peer);
      const wanted = [reference];
      await needs.mirrors.fetch({ from: peer, source, carrier, resource, wanted, signal });
      return { from: source };
    } catch (error) {
      signal.throwIfAborted();
      reason = `${source}: ${reportOf(error).message}`;
    }
  }
  return { reason };
}

/** Of ours, whoever mirrors it; of what we mirror, its owner. */
function holdersOf(
  { cluster, copies, peers }: BlobPartNeeds,
  resource: FederatedId,
): readonly ClusterId[] {
  const { owner, local } = splitFederatedId(resource);
  if (owner === cluster) {
    return copies.holders(local);
  }
  return peers.connected(owner) ? [owner] : [];
}
