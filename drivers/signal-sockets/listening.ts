// What both listeners share: taking a port, counting lines, ending them.
import type { AddressInfo, Server, Socket } from 'node:net';

import type { AcceptLine } from '@hansa/capabilities/signals/frames/line';
import { HansaError, type Log } from '@hansa/foundation';

/** Connections that are open at once, welcomed or not: above the sessions that a router takes. */
export const connectionsMax = 8_192;

export interface ListenNeeds {
  readonly host: string;
  /** 0 chooses one. */
  readonly port: number;
  readonly accept: AcceptLine;
  readonly log?: Log | undefined;
  readonly connectionsMax?: number | undefined;
}

export interface SignalListener {
  readonly port: number;
  /** Ends every line, and resolves when the port is free. */
  close(): Promise<void>;
}

/** PORT_TAKEN where another program listens there. */
export async function listen(server: Server, needs: ListenNeeds): Promise<number> {
  const { host, port } = needs;
  server.maxConnections = needs.connectionsMax ?? connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const sentence = `signals cannot be listened for on ${host}:${port}: ${error.message}`;
      reject(new HansaError(taken ? 'PORT_TAKEN' : 'CONFIG_INVALID', sentence, { cause: error }));
    });
    server.listen({ host, port }, resolve);
  });
  server.on('error', (error) => needs.log?.problem('signal-listening.failed', error));
  return (server.address() as AddressInfo).port;
}

export async function stopListening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

export function remoteOf({ remoteAddress = 'unknown', remotePort }: Socket): string {
  return remoteAddress.includes(':')
    ? `[${remoteAddress}]:${remotePort}`
    : `${remoteAddress}:${remotePort}`;
}
