// The API of several nodes by TLS: whichever node is asked, it is the active one that shows its
// certificate and looks at the caller's.
import type { IssuedCertificate } from '@hansa/capabilities/certificates/contract';
import type { ErrorReport } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { must } from './harness/linking.ts';
import { startNodes } from './harness/nodes.ts';
import { askByTls, type Shown } from './harness/tls.ts';
import { until } from './harness/until.ts';

describe.skipIf(!requires('etcd').available)('the API of several nodes by TLS', () => {
  test('a standby passes certificates on, both ways, also after a takeover', async () => {
    const { nodes, active } = await startNodes({
      name: 'lubeck',
      count: 2,
      flags: ['--tls', 'on'],
    });
    const [first, second] = nodes;
    if (first === undefined || second === undefined) {
      throw new Error('two nodes were started');
    }
    await must(first, 'user', 'add', 'anna', '--role', 'viewer');
    const answer = await first.api<IssuedCertificate>('POST', '/certificates', {
      subject: 'user:anna',
    });
    expect(answer).toMatchObject({ status: 200 });
    const { authorities: ca, certificate: cert, privateKey: key } = answer.body;
    const shown: Shown = { ca, cert, key };
    const ask = (url: string, as: Shown) =>
      askByTls<ErrorReport & { kind?: string }>(url, as, { path: '/links' });

    expect(await active()).toBe(first);
    for (const { url } of nodes) {
      expect(url).toMatch(/^https:/);
      expect((await ask(url, shown)).status).toBe(200);
      expect((await ask(url, { ca })).body.code).toBe('CERTIFICATE_REQUIRED');
    }
    await first.kill();
    const taken = await until('the second node lets her in', async () => {
      const said = await ask(second.url, shown).catch(() => undefined);
      return said?.status === 200 ? said : undefined;
    });
    expect(taken.status).toBe(200);
  });
});
