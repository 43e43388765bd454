// One side of a bare relay, as a process of its own: what comes in plain goes over TLS to the other
// side, and from there to whoever listens. As little as Node can do for bytes that cross a link.
import { readFileSync } from 'node:fs';
import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect, createServer } from 'node:tls';
import { askedBy } from './asked.ts';

export interface TlsRelay {
  /** The far side: a port for the near side, and one for who listens. */
  far(): Promise<{ readonly link: number; readonly plain: number }>;
  /** The near side: a port for who sends. */
  near(link: number): Promise<number>;
}

const host = '127.0.0.1';
const [key, certificate] = process.argv.slice(2).map((path) => readFileSync(path));
const tls = { minVersion: 'TLSv1.3' } as const;
let listener: Socket | undefined;

const relay: TlsRelay = {
  async far() {
    const link = createServer({ key, cert: certificate, ...tls }, (taken) => {
      taken.setNoDelay(true);
      taken.on('data', (bytes) => listener?.write(bytes));
      taken.on('error', () => undefined);
    });
    const plain = createPlain({ noDelay: true }, (socket) => {
      listener = socket;
      socket.on('error', () => undefined);
    });
    return { link: await portOf(link), plain: await portOf(plain) };
  },
  async near(link) {
    const out = connect({ port: link, host, ca: certificate, ...tls });
    out.setNoDelay(true);
    await new Promise<void>((resolve) => {
      out.once('secureConnect', () => resolve());
    });
    return portOf(
      createPlain({ noDelay: true }, (socket) => {
        socket.on('data', (bytes) => out.write(bytes));
        socket.on('error', () => undefined);
      }),
    );
  },
};

function portOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}

askedBy(relay, async () => undefined);
