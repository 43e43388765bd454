// What the suite of transports works with: the fixture that a driver's test makes, and two nodes
// talking.
import {
  isHansaError,
  utf8,
  type Clock,
  type Connection,
  type FrameStream,
  type NodeAddress,
  type NodeId,
  type Transport,
} from '@hansa/foundation';

export interface TransportFixture {
  readonly clock: Clock;
  /** A new node with a key of its own, listening. */
  open(): Promise<Transport>;
  /** Well formed, and nobody listens there. */
  readonly deadAddress: string;
  /** The id of a node that does not run. */
  readonly absentNode: NodeId;
  close(): Promise<void>;
}

export const protocol = '/hansa/test/1';

export interface Nodes {
  readonly fixture: TransportFixture;
  readonly near: Transport;
  readonly far: Transport;
}

/** The two ends of a new connection. */
export async function connect(nodes: Nodes): Promise<{ near: Connection; far: Connection }> {
  const arrived = new Promise<Connection>((resolve) => {
    nodes.far.accept(protocol, async (connection) => resolve(connection));
  });
  const near = await nodes.near.dial(addressOf(nodes.far), protocol);
  return { near, far: await arrived };
}

/** The two ends of a new stream; its first frame, which only announces it, has been read. */
export async function openPair(nodes: Nodes): Promise<{ near: FrameStream; far: FrameStream }> {
  const ends = await connect(nodes);
  return pairOn(ends);
}

export async function pairOn(ends: {
  near: Connection;
  far: Connection;
}): Promise<{ near: FrameStream; far: FrameStream }> {
  const near = await ends.near.openStream();
  await near.send(utf8('here'));
  const far = present(await ends.far.acceptStream());
  await far.receive();
  return { near, far };
}

export function addressOf(transport: Transport): NodeAddress {
  return { node: transport.node, addresses: transport.addresses() };
}

export function present<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error('expected something, found its end');
  }
  return value;
}

export async function readAll(stream: FrameStream): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for (let frame = await stream.receive(); frame !== undefined; frame = await stream.receive()) {
    frames.push(frame);
  }
  return frames;
}

export async function echo(stream: FrameStream): Promise<void> {
  for (let frame = await stream.receive(); frame !== undefined; frame = await stream.receive()) {
    await stream.send(frame);
  }
  await stream.finish();
}

/** Bytes without a short period, so that a piece in the wrong place shows. */
export function patterned(length: number, salt = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = salt;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** How a call ended: the code of its error, or `fine`. */
export function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'fine',
    (error: unknown) => (isHansaError(error) ? error.code : String(error)),
  );
}
