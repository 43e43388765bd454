// A transport that counts what the wire sessions give it: frames and their bytes, in each
// direction, before the network encrypts and wraps them.
import type { Connection, FrameStream, Transport } from '@hansa/foundation';

export interface FrameCount {
  readonly sent: number;
  readonly received: number;
  readonly frames: number;
}

export function countFrames(transport: Transport | undefined): {
  readonly transport: Transport | undefined;
  /** Since the last time. */
  taken(): FrameCount;
} {
  let sent = 0;
  let received = 0;
  let frames = 0;
  const stream = (inner: FrameStream): FrameStream => ({
    send(frame) {
      sent += frame.length;
      frames += 1;
      return inner.send(frame);
    },
    async receive() {
      const frame = await inner.receive();
      received += frame?.length ?? 0;
      return frame;
    },
    finish: () => inner.finish(),
    abort: (reason) => inner.abort(reason),
  });
  const connection = (inner: Connection): Connection => ({
    remote: inner.remote,
    protocol: inner.protocol,
    dialled: inner.dialled,
    closed: inner.closed,
    openStream: async () => stream(await inner.openStream()),
    async acceptStream() {
      const accepted = await inner.acceptStream();
      return accepted === undefined ? undefined : stream(accepted);
    },
    close: (reason) => inner.close(reason),
  });
  return {
    transport:
      transport === undefined
        ? undefined
        : {
            node: transport.node,
            addresses: () => transport.addresses(),
            // oxlint-disable-next-line eslint/max-params
            dial: async (to, protocol, signal) =>
              connection(await transport.dial(to, protocol, signal)),
            accept: (protocol, handler) =>
              transport.accept(protocol, (inner) => handler(connection(inner))),
            close: () => transport.close(),
          },
    taken() {
      const count = { sent, received, frames };
      sent = received = frames = 0;
      return count;
    },
  };
}
