import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { IssuedCertificate } from '@hansa/capabilities/certificates/contract';
import { isHansaError, silentLog } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificateCluster } from '../testkit/certificate-clusters.ts';
import { startedClock } from '../testkit/token-clusters.ts';
import { createTlsFront } from './http-tls.ts';

const clock = createSystemClock();
const hourMs = 3_600_000;

/** The cluster's time is a test's, the front's is real: both begin now. */
async function open(respond?: RequestListener) {
  const hand = startedClock();
  hand.advance(clock.now() - hand.now());
  const validities = { rootMs: 8_760 * hourMs, nodeMs: 30_000, refreshHintMs: 60_000 };
  const cluster = await makeCertificateCluster({ clock: hand, idle: true, validities });
  const front = await createTlsFront({ trust: cluster.trust, clock, log: silentLog });
  const server = front.serve({}, (asked, answer) => {
    front.check(asked).then(
      (shown) =>
        respond === undefined ? answer.end(JSON.stringify(shown)) : respond(asked, answer),
      (error: unknown) => answer.end(isHansaError(error) ? error.code : 'INTERNAL'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    front.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { ...cluster, front, port };
}

interface Asking extends Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'agent'> {
  readonly port: number;
}

function ask(to: Asking): Promise<{ text: string; serial: string; from: number }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', agent: false, ...to }, (answer) => {
      const from = answer.socket.localPort ?? 0;
      const serial = (answer.socket as TLSSocket).getPeerX509Certificate()?.serialNumber ?? '';
      let text = '';
      answer.on('data', (piece: Buffer) => (text += piece.toString()));
      answer.on('error', reject);
      answer.on('end', () => resolve({ text, serial, from }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

function as({ authorities, certificate, privateKey }: IssuedCertificate) {
  return { ca: authorities, cert: certificate, key: privateKey ?? '' };
}

test('a certificate says who calls; without one nobody does', async () => {
  const { certificates, port } = await open();
  const anna = await certificates.issue({ subject: 'user:anna' });
  expect(JSON.parse((await ask({ port, ...as(anna) })).text)).toEqual({
    caller: {
      kind: 'principal',
      principal: 'user:anna',
      proof: `certificate:${anna.serial}`,
      issuedMs: Math.floor(anna.issuedMs / 1_000) * 1_000,
      expiresMs: anna.notAfterMs,
    },
  });
  expect((await ask({ port, ca: anna.authorities })).text).toBe('CERTIFICATE_REQUIRED');
});

test('what did not come by TLS shows nothing', async () => {
  const { front } = await open();
  const plain = createServer((asked, answer) => {
    void front.check(asked).then((shown) => answer.end(shown === undefined ? 'none' : 'some'));
  });
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  onTestFinished(() => void plain.close());
  const { port } = plain.address() as AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('none');
});

test('a connection that is kept ends when its certificate is revoked', async () => {
  const { certificates, port } = await open((_asked, answer) => void answer.write('open'));
  const anna = await certificates.issue({ subject: 'user:anna' });
  const lasting = ask({ port, ...as(anna) }).then(
    () => 'ended',
    (error: Error) => error.message,
  );
  const first = await certificates.issue({ subject: 'user:ben' });
  await certificates.revoke({ serial: first.serial });
  await certificates.revoke({ serial: anna.serial });
  expect(await lasting).toMatch(/aborted|hang up|ECONNRESET/);
});

test('and when it runs out', async () => {
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const {
    certificates,
    clock: hand,
    port,
  } = await open((_asked, answer) => {
    answer.write('open');
    arrive();
  });
  const anna = await certificates.issue({ subject: 'user:anna', ttlMs: 2_000 });
  const lasting = ask({ port, ...as(anna) }).then(
    () => 'ended',
    (error: Error) => error.message,
  );
  await arrived;
  hand.advance(2_000);
  expect(await lasting).toMatch(/aborted|hang up|ECONNRESET/);
});

test('a new certificate is shown to whoever comes, and nobody is let go for it', async () => {
  const { certificates, trust, clock: hand, port } = await open();
  const anna = await certificates.issue({ subject: 'user:anna', ttlMs: 90 * 24 * hourMs });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const before = await ask({ port, ...as(anna), agent });
  hand.advance(20_000);
  await trust.listener();
  await expect.poll(async () => (await ask({ port, ...as(anna) })).serial).not.toBe(before.serial);
  expect((await ask({ port, ...as(anna), agent })).from).toBe(before.from);
});
