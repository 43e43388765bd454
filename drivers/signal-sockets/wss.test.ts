// The same lines inside TLS.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isHansaError } from '@hansa/foundation';
import { afterAll, describe, expect, it } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { ends, pattern, until } from '../../testkit/signal-ends.ts';
import { dialWebSocket, listenWebSocket } from './index.ts';

const host = '127.0.0.1';
const folder = mkdtempSync(join(tmpdir(), 'hansa-wss-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One that vouches for itself. */
function certified(): { readonly certificate: string; readonly key: string } {
  const make = 'req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=router';
  const where = `-keyout key.pem -out cert.pem -addext subjectAltName=IP:${host}`;
  execFileSync('openssl', `${make} ${where}`.split(' '), { cwd: folder, stdio: 'ignore' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { certificate: read('cert.pem'), key: read('key.pem') };
}

describe.runIf(requires('openssl').available)('a line over wss', () => {
  it('carries frames both ways, for who trusts the certificate and nobody else', async () => {
    const tls = certified();
    const server = ends((end, frame) => void end.line.send(frame));
    const listener = await listenWebSocket({ host, port: 0, accept: server.accept, tls });
    const url = `wss://${host}:${listener.port}/clasp`;
    const client = ends();
    const { accept } = client;
    const line = await dialWebSocket({ url, accept, authorities: tls.certificate });
    [1, 1_000, 60_000].forEach((length) => line.send(pattern(length)));
    await until(() => client.all[0]?.frames.length === 3);
    expect(client.all[0]?.frames.at(-1)).toHaveLength(60_000);

    const stranger = dialWebSocket({ url, accept: ends().accept });
    await expect(stranger).rejects.toSatisfy((error) => isHansaError(error, 'DIAL_FAILED'));
    const plain = dialWebSocket({ url: url.replace('wss:', 'ws:'), accept: ends().accept });
    await expect(plain).rejects.toSatisfy((error) => isHansaError(error, 'DIAL_FAILED'));
    expect(server.all).toHaveLength(1);

    await listener.close();
    await until(() => client.all[0]?.reasons.length === 1);
  });

  it('is not dialled where the address is none', async () => {
    const nowhere = dialWebSocket({ url: 'no address', accept: ends().accept });
    await expect(nowhere).rejects.toSatisfy((error) => isHansaError(error, 'DIAL_FAILED'));
  });
});
