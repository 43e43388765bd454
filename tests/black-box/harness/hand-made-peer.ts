// A cluster made by hand on a real link: it speaks the protocol as a test wants, honest or not, so
// that what a node serves is seen as it leaves the wire and not as another node would show it.
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import type { Signer } from '@hansa/capabilities/identity/contract';
import { createIdentity } from '@hansa/capabilities/identity/capability';
import type { Invitation } from '@hansa/capabilities/links/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  createWireSession,
  remote,
  serve,
  silentLog,
  spokenBy,
  type AnyContract,
  type Carrier,
  type Edge,
  type ErrorReport,
  type FrameStream,
  type Gate,
  type NodeAddress,
  type Served,
  type Transport,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { openIrohTransport } from '@hansa/transport-iroh';
import { readToken } from '../../../capabilities/links/token.ts';
import { linkPeerContract } from '../../../capabilities/links/wire.ts';
import { afterFile } from './after-file.ts';
import type { Cluster } from './cluster.ts';
import { must } from './linking.ts';

/** What the far side said first, and a way to call it whatever that was. */
export interface Meeting {
  readonly hello: { readonly proof: unknown } | undefined;
  readonly refused: ErrorReport | undefined;
  readonly carrier: Carrier;
  /** Past every session: whatever a test likes to put on the wire. */
  readonly streams: Readonly<Record<'control' | 'state' | 'bulk', FrameStream>>;
  readonly closed: Promise<{ reason: string }>;
}

export interface HandMadeParts {
  /** Of the cluster's key; by chance where it is not given. */
  readonly seed?: Uint8Array;
  /** Of the key that its first record promises; by chance, too. */
  readonly next?: Uint8Array;
  /** What it answers when the node asks; without it, METHOD_UNKNOWN. */
  readonly serves?: readonly Served[];
}

export interface HandMadePeer {
  readonly signer: Signer;
  /** Dials and says hello, with its own proof or with one that it was given or stole. */
  meet(to: NodeAddress, proof?: unknown): Promise<Meeting>;
}

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const random = createSystemRandom();
const transports: Transport[] = [];

afterFile(() => Promise.all(transports.splice(0).map((transport) => transport.close())));

/** `hear` is told every frame that it receives, as it came. */
export async function makePeer(
  name: string,
  hear: (frame: Uint8Array) => void = () => undefined,
  parts: HandMadeParts = {},
): Promise<HandMadePeer> {
  const cluster = parts.seed ?? random.bytes(32);
  const keys = { cluster, next: parts.next ?? random.bytes(32), node: random.bytes(32) };
  const store = createMemoryStore({ clock });
  const needs = { store, codec, crypto, clock, log: silentLog, keys, name };
  const { signer, renew } = await createIdentity(needs);
  await renew();
  const transport = await openIrohTransport({ seed: keys.node, bind: { port: 0 }, clock });
  transports.push(transport);
  const edge = serve(parts.serves ?? [], anybody);
  return {
    signer,
    meet: (to, proof = signer.proof()) => meet({ transport, hear, edge }, to, proof),
  };
}

/** Where a cluster's node is reached. */
export async function addressOf(cluster: Cluster): Promise<NodeAddress> {
  const { body } = await cluster.api<DaemonStatus>('GET', '/status');
  return { node: body.node, addresses: body.addresses };
}

/** Whoever asks is the node that was dialled: what it may is for the test to say. */
const anybody: Gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }),
  authorise: () => undefined,
  record: () => undefined,
};

interface Ears {
  readonly transport: Transport;
  readonly edge: Edge;
  readonly hear: (frame: Uint8Array) => void;
}

async function meet(
  { transport, hear, edge }: Ears,
  to: NodeAddress,
  proof: unknown,
): Promise<Meeting> {
  const connection = await transport.dial(to, '/hansa/link/1');
  const open = async (traffic: string): Promise<FrameStream> => {
    const stream = heard(await connection.openStream(), hear);
    await stream.send(codec.encode({ traffic }));
    return stream;
  };
  const control = await open('control');
  const state = await open('state');
  const bulk = await open('bulk');
  const versions = { min: 1, max: 1 };
  // Where nothing is said of contracts, the node takes it for one of the first version.
  const contracts = edge.contracts.length === 0 ? {} : { contracts: spokenBy(edge.contracts) };
  const nonces = { instance: random.bytes(32), nonce: random.bytes(32) };
  const hello = { versions, proof, ...nonces, ...contracts };
  await control.send(codec.encode({ hello }));
  const frame = await control.receive();
  const said = (frame === undefined ? {} : codec.decode(frame)) as {
    hello?: { proof: unknown };
    refused?: ErrorReport;
  };
  const carriers = {
    control: carry(control, edge),
    state: carry(state, edge),
    bulk: carry(bulk, edge),
  };
  const carrierFor = (contract: AnyContract): Carrier => carriers[contract.traffic ?? 'state'];
  return {
    hello: said.hello,
    refused: said.refused,
    carrier: {
      call: (contract, ...rest) => carrierFor(contract).call(contract, ...rest),
      watch: (contract, ...rest) => carrierFor(contract).watch(contract, ...rest),
    },
    streams: { control, state, bulk },
    closed: connection.closed,
  };
}

function heard(stream: FrameStream, hear: Ears['hear']): FrameStream {
  return {
    send: (frame) => stream.send(frame),
    finish: () => stream.finish(),
    abort: (reason) => stream.abort(reason),
    async receive() {
      const frame = await stream.receive();
      if (frame !== undefined) {
        hear(frame);
      }
      return frame;
    },
  };
}

function carry(stream: FrameStream, edge: Edge): Carrier {
  const credential = { source: 'a node' };
  const session = createWireSession({ stream, codec, clock, edge, credential });
  session.run(new AbortController().signal).catch(() => undefined); // pending calls tell the test
  return session.carrier;
}

export interface LinkedByHand extends Meeting {
  /** By which the other cluster knows it. */
  readonly name: string;
}

/** Links as any cluster would, confirmed on both sides; `mine` is its own half-link. */
export async function linkByHand(
  peer: HandMadePeer,
  cluster: Cluster,
  { mine }: { readonly mine: boolean },
): Promise<LinkedByHand> {
  const { token } = await must<Invitation>(cluster, 'link', 'invite', '--yes');
  const { nonce } = readToken(codec, crypto, token);
  const meeting = await peer.meet(await addressOf(cluster));
  await remote(linkPeerContract, meeting.carrier).redeem({
    nonce,
    accepterNonce: random.bytes(32),
    lastEpoch: 0,
    standing: { epoch: 0, mine, confirmed: true, endpoints: [] },
  });
  return { ...meeting, name: peer.signer.name };
}
