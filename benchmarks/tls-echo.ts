// One end of a bare TLS connection, as a process of its own: as little as Node can do for a request
// and its answer.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { askedBy } from './asked.ts';

export interface TlsEcho {
  /** Answers with its port. */
  listen(): Promise<number>;
  connect(port: number): Promise<void>;
  /** Milliseconds of requests of 128 bytes, one after the other. */
  ask(count: number): Promise<readonly number[]>;
}

const requestBytes = 128;
const [key, certificate] = process.argv.slice(2).map((path) => readFileSync(path));
const tls = { minVersion: 'TLSv1.3' } as const;
let socket: TLSSocket | undefined;

const end: TlsEcho = {
  listen: () =>
    new Promise((resolve) => {
      const server = createServer({ key, cert: certificate, ...tls }, (taken) => {
        taken.setNoDelay(true);
        taken.on('data', (bytes) => taken.write(bytes));
        taken.on('error', () => undefined);
      });
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    }),
  connect: (port) =>
    new Promise((resolve, reject) => {
      socket = connect({ port, host: '127.0.0.1', ca: certificate, ...tls });
      socket.setNoDelay(true);
      socket.once('secureConnect', () => resolve());
      socket.once('error', reject);
    }),
  async ask(count) {
    const tookMs: number[] = [];
    const request = Buffer.alloc(requestBytes, 'x');
    for (let at = 0; at < count; at += 1) {
      const startedMs = performance.now();
      await roundTrip(request);
      tookMs.push(performance.now() - startedMs);
    }
    return tookMs;
  },
};

function roundTrip(request: Buffer): Promise<void> {
  return new Promise((resolve) => {
    let missing = request.length;
    const take = (bytes: Buffer): void => {
      missing -= bytes.length;
      if (missing <= 0) {
        socket?.off('data', take);
        resolve();
      }
    };
    socket?.on('data', take);
    socket?.write(request);
  });
}

askedBy(end, async () => undefined);
