// Blobs of a cluster of several nodes. What the active node stores lies on as many nodes as was
// asked for before it is acknowledged, as far as so many are there; what it does not have itself,
// it fetches from a node that has. Once in a while it looks how many copies there are, and mends.
import {
  createWireSession,
  HansaError,
  remote,
  serve,
  type Blobs,
  type Gate,
  type NodeId,
  type WireSession,
} from '@hansa/foundation';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { nodeTables } from '@hansa/capabilities/nodes/capability';
import type { BlobCopies } from '@hansa/capabilities/scrub/capability';
import { framesOf, type Guest, type NodePort } from '@hansa/plane-tls';
import { join } from 'node:path';
import type { Opening } from './opening.ts';
import type { MemberGround } from './member-ground.ts';
import { replicaContract, type ReplicaHolder } from './replica-contract.ts';
import { createHolder } from './replica-holder.ts';
import { sharedBlobs, type Copies, type SharedBlobs } from './shared-blobs.ts';

export interface Replicas {
  /** What the active node works with. */
  readonly blobs: Blobs;
  /** The copies on the other nodes that are there. */
  nearby(): Promise<readonly BlobCopies[]>;
  /** Answers another node of the cluster. */
  serve(guest: Guest): void;
  /** Looks, and mends, until the signal aborts. */
  keepCopies(signal: AbortSignal): Promise<void>;
  /** What the last look has found. */
  found(): Copies;
}

const dialMs = 3_000; // within one site

export async function openReplicas(needs: {
  readonly base: Opening;
  readonly ground: MemberGround;
  readonly port: NodePort;
}): Promise<Replicas> {
  const { base, ground } = needs;
  const { config, clock, random, log, undo } = base;
  const { crypto, codec, node, records } = ground;
  const local = await openDiskBlobs({ folder: join(config.data, 'blobs'), crypto, random, log });
  const lifetime = new AbortController();
  undo.push(async () => lifetime.abort());
  const { presence, members } = nodeTables(records, codec);
  const edge = serve([{ contract: replicaContract, service: createHolder(local) }], openGate);
  const ask = asking({ ...needs, lifetime: lifetime.signal });
  const others = async (): Promise<readonly NodeId[]> => {
    const there: NodeId[] = [];
    for await (const { value } of presence.rows()) {
      const member = value.node === node ? undefined : await members.get(value.node);
      if (member?.value.mode === 'serving') {
        there.push(value.node);
      }
    }
    return there;
  };
  const shared: SharedBlobs = sharedBlobs({
    local,
    others,
    nameOf: async (of) => (await members.get(of))?.value.name ?? of.slice(0, 12),
    ask,
    clock,
    log,
    copies: config.blobCopies,
    self: node,
    crypto,
  });
  return {
    ...shared,
    serve({ node: from, socket }) {
      const proven = { kind: 'cluster' as const, cluster: ground.cluster, node: from };
      const session = createWireSession({
        stream: framesOf(socket, from),
        codec,
        clock,
        edge,
        credential: { proven, source: from },
      });
      const over = (): void => void socket.destroy();
      session.run(lifetime.signal).then(over, over);
    },
  };
}

/** One connection to each node that was asked, kept while it lasts. */
function asking({
  base: { clock },
  ground: { codec, node, records, cluster },
  port,
  lifetime,
}: {
  readonly base: Opening;
  readonly ground: MemberGround;
  readonly port: NodePort;
  readonly lifetime: AbortSignal;
}): (to: NodeId) => Promise<ReplicaHolder> {
  const { presence } = nodeTables(records, codec);
  const sessions = new Map<
    NodeId,
    { readonly session: WireSession; readonly holder: ReplicaHolder }
  >();
  const credential = {
    proven: { kind: 'cluster' as const, cluster, node },
    source: node,
  };
  return async (to) => {
    const held = sessions.get(to);
    if (held !== undefined) {
      return held.holder;
    }
    const row = await presence.get(to);
    if (row === undefined) {
      throw new HansaError('DIAL_FAILED', `node ${to} is away`);
    }
    const at = { node: to, addresses: row.value.ports };
    const socket = await port.dial(at, ['blobs'], AbortSignal.timeout(dialMs));
    const session = createWireSession({ stream: framesOf(socket, to), codec, clock, credential });
    const holder = remote(replicaContract, session.carrier);
    sessions.set(to, { session, holder });
    const over = (): void => {
      if (sessions.get(to)?.session === session) {
        sessions.delete(to);
      }
      socket.destroy();
    };
    session.run(lifetime).then(over, over);
    return holder;
  };
}

/** Whoever gets as far as this is a node of the cluster: its key is a member's. */
const openGate: Gate = {
  admit: () => undefined,
  async authenticate({ proven }) {
    if (proven === undefined) {
      throw new HansaError('UNAUTHENTICATED', 'only nodes of this cluster ask this');
    }
    return proven;
  },
  authorise: () => undefined,
  record: () => undefined,
};
