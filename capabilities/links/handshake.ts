// Opening a link connection: three streams, one per traffic class; on the control stream both sides
// first say who they are. Nothing else is read from a connection before its identity is proven.
import {
  errorOf,
  errorReportSchema,
  HansaError,
  reportOf,
  type ClusterId,
  type Codec,
  type Connection,
  type FrameStream,
  type Spoken,
  type Traffic,
} from '@hansa/foundation';
import { z } from 'zod';
import type { PeerIdentity, Signer } from '../identity/contract.ts';
import { helloSchema, protocolVersions, type Hello } from './wire.ts';

export type LinkStreams = Readonly<Record<Traffic, FrameStream>>;

export interface Handshaken {
  readonly identity: PeerIdentity;
  readonly hello: Hello;
  readonly streams: LinkStreams;
}

export interface HandshakeNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  /** Throws for whoever may not come in, now that it is known who that is. */
  admit?(cluster: ClusterId): void;
}

export interface Introduction {
  readonly instance: Uint8Array;
  readonly nonce: Uint8Array;
  /** What we serve. */
  readonly contracts?: Spoken | undefined;
}

const classes: readonly Traffic[] = ['control', 'state', 'bulk'];
const opening = z.object({ traffic: z.enum(['control', 'state', 'bulk']) });
const answer = z.union([
  z.object({ hello: helloSchema }),
  z.object({ refused: errorReportSchema }),
]);

export async function greetAsDialler(
  needs: HandshakeNeeds,
  connection: Connection,
  me: Introduction,
): Promise<Handshaken> {
  refuseFurtherStreams(connection);
  const streams = await openStreams(needs.codec, connection);
  await streams.control.send(needs.codec.encode({ hello: helloOf(needs, me) }));
  const said = answer.safeParse(await nextValue(needs.codec, streams.control));
  if (!said.success) {
    throw new HansaError('PROTOCOL_MISMATCH', 'the peer did not answer with a hello');
  }
  if ('refused' in said.data) {
    throw errorOf({ ...said.data.refused, reportedBy: 'the peer' });
  }
  const { hello } = said.data;
  const identity = checkHello(needs, hello, connection);
  return { identity, hello, streams };
}

export async function greetAsListener(
  needs: HandshakeNeeds,
  connection: Connection,
  me: Introduction,
): Promise<Handshaken> {
  const streams = await acceptStreams(needs.codec, connection);
  try {
    const said = answer.safeParse(await nextValue(needs.codec, streams.control));
    if (!said.success || !('hello' in said.data)) {
      throw new HansaError('PROTOCOL_MISMATCH', 'the peer did not begin with a hello');
    }
    const { hello } = said.data;
    const identity = checkHello(needs, hello, connection);
    await streams.control.send(needs.codec.encode({ hello: helloOf(needs, me) }));
    return { identity, hello, streams };
  } catch (error) {
    // The reason goes to the peer, whose operator has to act on it.
    await streams.control
      .send(needs.codec.encode({ refused: reportOf(error) }))
      .then(() => streams.control.finish())
      .catch(() => undefined);
    throw error;
  }
}

function helloOf({ signer }: HandshakeNeeds, me: Introduction): Hello {
  return { versions: protocolVersions, proof: signer.proof(), ...me };
}

function checkHello(needs: HandshakeNeeds, hello: Hello, connection: Connection): PeerIdentity {
  const { min, max } = hello.versions;
  if (min > protocolVersions.max || max < protocolVersions.min) {
    throw new HansaError(
      'PROTOCOL_MISMATCH',
      `we speak link protocol ${protocolVersions.min} to ${protocolVersions.max}, ` +
        `the peer ${min} to ${max}`,
      { fix: 'upgrade the older of the two clusters' },
    );
  }
  const identity = needs.signer.check(hello.proof, connection.remote);
  needs.admit?.(identity.cluster);
  return identity;
}

async function openStreams(codec: Codec, connection: Connection): Promise<LinkStreams> {
  const open = async (traffic: Traffic): Promise<FrameStream> => {
    const stream = await connection.openStream();
    await stream.send(codec.encode({ traffic }));
    return stream;
  };
  const [control, state, bulk] = await Promise.all([open('control'), open('state'), open('bulk')]);
  return { control, state, bulk };
}

// All three are accepted before anything of them is read: no time is left to open more.
async function acceptStreams(codec: Codec, connection: Connection): Promise<LinkStreams> {
  const arrived: FrameStream[] = [];
  while (arrived.length < classes.length) {
    const stream = await connection.acceptStream();
    if (stream === undefined) {
      throw new HansaError('CONNECTION_CLOSED', 'the connection ended during the handshake');
    }
    arrived.push(stream);
  }
  refuseFurtherStreams(connection);
  const streams = new Map<Traffic, FrameStream>();
  for (const stream of arrived) {
    const said = opening.safeParse(await nextValue(codec, stream));
    if (!said.success || streams.has(said.data.traffic)) {
      throw new HansaError('PROTOCOL_MISMATCH', 'a stream did not begin with its traffic class');
    }
    streams.set(said.data.traffic, stream);
  }
  const take = (traffic: Traffic): FrameStream => {
    const stream = streams.get(traffic);
    if (stream === undefined) {
      throw new HansaError('PROTOCOL_MISMATCH', `the peer opened no ${traffic} stream`);
    }
    return stream;
  };
  return { control: take('control'), state: take('state'), bulk: take('bulk') };
}

// A transport takes in what arrives on a stream before anybody reads it: a hundred streams that
// nobody reads are a hundred megabytes, and one connection of a stranger is enough for them.
function refuseFurtherStreams(connection: Connection): void {
  connection.acceptStream().then(
    (stream) => {
      if (stream !== undefined) {
        connection.close('a link has three streams and no more');
      }
    },
    () => undefined,
  );
}

async function nextValue(codec: Codec, stream: FrameStream): Promise<unknown> {
  const frame = await stream.receive();
  if (frame === undefined) {
    throw new HansaError('CONNECTION_CLOSED', 'the peer ended the stream during the handshake');
  }
  return codec.decode(frame);
}
