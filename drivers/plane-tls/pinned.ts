// TLS 1.3 where each side accepts exactly one key: no authority, and names mean nothing.
import { connect, type TLSSocket } from 'node:tls';
import { HansaError, type NodeId } from '@hansa/foundation';
import { nodeOf, type TlsIdentity } from './certificate.ts';

export interface PinnedOptions {
  readonly minVersion: 'TLSv1.3';
  readonly maxVersion: 'TLSv1.3';
  readonly ALPNProtocols: string[];
  readonly rejectUnauthorized: false;
}

export function pinnedOptions(protocol: string): PinnedOptions {
  return {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ALPNProtocols: [protocol],
    // No authority could vouch for a certificate here: its key is compared instead, after the
    // handshake has proven that the far side holds it.
    rejectUnauthorized: false,
  };
}

export interface DialTarget extends TlsIdentity {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
  readonly signal: AbortSignal;
}

/** Resolves when the far side has proven to be that node. */
export function dialPinned(
  { signal, protocol, ...to }: DialTarget,
  expected: NodeId,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ ...pinnedOptions(protocol), ...to });
    const leave = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', leave);
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', leave, { once: true });
    socket.once('error', fail);
    const closed = (): void => fail(new Error('the far side closed the connection'));
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      try {
        requireProtocol(socket, protocol);
        const remote = nodeOf(socket.getPeerX509Certificate());
        if (remote !== expected) {
          throw new HansaError('CERTIFICATE_INVALID', `${remote} answers there, not ${expected}`);
        }
        signal.removeEventListener('abort', leave);
        socket.off('close', closed);
        socket.off('error', fail);
        resolve(socket);
      } catch (error) {
        fail(error);
      }
    });
  });
}

export function requireProtocol(socket: TLSSocket, protocol: string): void {
  if (socket.getProtocol() !== 'TLSv1.3' || socket.alpnProtocol !== protocol) {
    throw new HansaError('PROTOCOL_MISMATCH', `the far side does not speak ${protocol}`);
  }
}
