// An owner made by hand that keeps a true history of spaces, and lies about it as a test wants:
// each resource is served by what the test has put in its place.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, utf8, type FederatedId, type Hlc } from '@hansa/foundation';
import type {
  BlobReference,
  ChangeOp,
  Head,
  SequencedChange,
} from '@hansa/capabilities/resources/contract';
import { encodeCell } from '../../../capabilities/kv/cell.ts';
import { entryKey } from '../../../capabilities/kv/keys.ts';
import {
  blobPeerContract,
  syncPeerContract,
  type BlobPeer,
  type FollowItem,
  type SyncPeer,
} from '../../../capabilities/sync/wire.ts';
import { seedOf } from '../../../testkit/test-cluster.ts';
import { createWrittenHistory, type WrittenHistory } from '../../../testkit/written-history.ts';
import type { Cluster } from '../harness/cluster.ts';
import { linkByHand, makePeer, type LinkedByHand } from '../harness/hand-made-peer.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();

/** What a node gets that follows the resource, from the position that it names. */
export type Follow = (at: { epoch: number; sequence: number }) => AsyncIterable<FollowItem>;

export interface Lies {
  follow: Follow;
  /** Asked before a mirror is added, and with every round. */
  head(): Head | null;
  pin?(): Promise<{ readonly head: Head }>;
  digests?: SyncPeer['digests'];
  entries?: SyncPeer['entries'];
}

export interface HostileOwner {
  readonly name: string;
  readonly link: LinkedByHand;
  readonly blobs: Pick<BlobPeer, 'chunks' | 'contents' | 'manifest'>;
  space(name: string, epoch?: number): WrittenHistory;
  lie(resource: FederatedId, lies: Lies): void;
}

const absent = (): never => {
  throw new HansaError('RESOURCE_NOT_FOUND', 'there is nothing here for you');
};

/** Linked with the cluster in both directions; `number` makes its key, and so its histories. */
export async function hostileOwner(
  cluster: Cluster,
  name: string,
  number: number,
): Promise<HostileOwner> {
  const lies = new Map<FederatedId, Lies>();
  const blobs: HostileOwner['blobs'] = {
    manifest: async () => absent(),
    async *chunks() {
      yield* [];
      absent();
    },
    async *contents() {
      yield* [];
    },
  };
  const peer = await makePeer(name, undefined, {
    seed: seedOf(number),
    serves: [
      { contract: syncPeerContract, service: lyingSync(lies) },
      {
        contract: blobPeerContract,
        service: {
          manifest: (input, call) => blobs.manifest(input, call),
          contents: (input, call) => blobs.contents(input, call),
          chunks: (input, call) => blobs.chunks(input, call),
          sources: async () => ({ serves: false }),
        } satisfies BlobPeer,
      },
    ],
  });
  const link = await linkByHand(peer, cluster, { mine: true });
  return {
    name,
    link,
    blobs,
    space: (local, epoch = 1) =>
      createWrittenHistory(crypto, { owner: number, name: local, epoch }),
    lie: (resource, told) => void lies.set(resource, told),
  };
}

function lyingSync(lies: ReadonlyMap<FederatedId, Lies>): SyncPeer {
  const of = (resource: FederatedId): Lies => lies.get(resource) ?? absent();
  return {
    async *follow({ resource, ...at }) {
      yield* of(resource).follow(at);
    },
    heads: async ({ resources }) => ({
      heads: resources.map((resource) => lies.get(resource)?.head() ?? null),
    }),
    pin: async ({ resource }) => of(resource).pin?.() ?? absent(),
    renew: async ({ held }) => ({ ticks: [], proofs: held.map(() => null) }),
    digests: async (input) => of(input.resource).digests?.(input) ?? absent(),
    entries: async (input) => of(input.resource).entries?.(input) ?? absent(),
    held: async () => ({ rows: [] }),
    challenge: async () => absent(),
  };
}

/** One key of a space with a text, as its owner writes it. */
export function put(
  { resource }: WrittenHistory,
  key: string,
  given: {
    readonly text?: string;
    readonly at?: Hlc;
    readonly blobs?: readonly BlobReference[];
  } = {},
): ChangeOp {
  const owner = resource.slice(0, 64) as Parameters<typeof encodeCell>[2];
  const { text = 'true', at = [1_000, 0], blobs = [] } = given;
  const cell = { value: utf8(text), at, by: owner, vector: [[owner, at]] as const, deleted: false };
  return { put: { key: entryKey(key), value: encodeCell(codec, cell, owner), blobs } };
}

/** Everything after the position, then the head, then nothing for as long as the reader stays. */
export function telling(changes: () => readonly SequencedChange[], head: () => Head): Follow {
  return async function* follow(at) {
    for (const change of changes()) {
      if (change.sequence > at.sequence || change.change.epoch !== at.epoch) {
        yield { change };
      }
    }
    yield { head: head() };
    await new Promise(() => undefined);
  };
}
