import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { silentLog } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificateCluster } from '../testkit/certificate-clusters.ts';
import { startedClock } from '../testkit/token-clusters.ts';
import { securityHeaders } from './http-guard.ts';
import { createTlsFront } from './http-tls.ts';
import { openShelves } from './shelves.suite.ts';

function headersBy(port: number, path: string): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, agent: false, rejectUnauthorized: false },
      (answer) => {
        answer.resume();
        resolve(answer.headers);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('whoever came by TLS is told to come by it again, also where they are refused', async () => {
  const clock = createSystemClock();
  const hand = startedClock();
  hand.advance(clock.now() - hand.now());
  const { trust } = await makeCertificateCluster({ clock: hand, idle: true });
  const front = await createTlsFront({ trust, clock, log: silentLog });
  onTestFinished(() => front.close());
  const { address } = await openShelves({ needs: { tls: front } });
  for (const path of ['/health', '/books', '/nowhere']) {
    const headers = await headersBy(address.port, path);
    expect(headers).toMatchObject({
      ...securityHeaders,
      'strict-transport-security': 'max-age=31536000',
    });
  }
});
