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
  silentLog,
  type AnyContract,
  type Carrier,
  type ErrorReport,
  type FrameStream,
  type NodeAddress,
  type Transport,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { openIrohTransport } from '@hansa/transport-iroh';
import { afterAll } from 'vitest';
import { readToken } from '../../../capabilities/links/token.ts';
import { linkPeerContract } from '../../../capabilities/links/wire.ts';
import type { Cluster } from './cluster.ts';
import { must } from './linking.ts';

/** What the far side said first, and a way to call it whatever that was. */
export interface Meeting {
  readonly hello: { readonly proof: unknown } | undefined;
  readonly refused: ErrorReport | undefined;
  readonly carrier: Carrier;
  readonly closed: Promise<{ reason: string }>;
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

afterAll(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

/** `hear` is told every frame that it receives, as it came. */
export async function makePeer(
  name: string,
  hear: (frame: Uint8Array) => void = () => undefined,
): Promise<HandMadePeer> {
  const keys = { cluster: random.bytes(32), next: random.bytes(32), node: random.bytes(32) };
  const store = createMemoryStore({ clock });
  const needs = { store, codec, crypto, clock, log: silentLog, keys, name };
  const { signer, renew } = await createIdentity(needs);
  await renew();
  const transport = await openIrohTransport({ seed: keys.node, bind: { port: 0 }, clock });
  transports.push(transport);
  return { signer, meet: (to, proof = signer.proof()) => meet({ transport, hear }, to, proof) };
}

/** Where a cluster's node is reached. */
export async function addressOf(cluster: Cluster): Promise<NodeAddress> {
  const { body } = await cluster.api<DaemonStatus>('GET', '/status');
  return { node: body.node, addresses: body.addresses };
}

interface Ears {
  readonly transport: Transport;
  readonly hear: (frame: Uint8Array) => void;
}

async function meet({ transport, hear }: Ears, to: NodeAddress, proof: unknown): Promise<Meeting> {
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
  const hello = { versions, proof, instance: random.bytes(32), nonce: random.bytes(32) };
  await control.send(codec.encode({ hello }));
  const frame = await control.receive();
  const said = (frame === undefined ? {} : codec.decode(frame)) as {
    hello?: { proof: unknown };
    refused?: ErrorReport;
  };
  const carriers = { control: carry(control), state: carry(state), bulk: carry(bulk) };
  const carrierFor = (contract: AnyContract): Carrier => carriers[contract.traffic ?? 'state'];
  return {
    hello: said.hello,
    refused: said.refused,
    carrier: {
      call: (contract, ...rest) => carrierFor(contract).call(contract, ...rest),
      watch: (contract, ...rest) => carrierFor(contract).watch(contract, ...rest),
    },
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

/** Asks and serves nothing: what the node asks of it is answered with METHOD_UNKNOWN. */
function carry(stream: FrameStream): Carrier {
  const session = createWireSession({ stream, codec, clock, credential: { source: 'a node' } });
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
