import { describe, expect, test } from 'vitest';
import {
  issueTo as issue,
  makeCertificateCluster,
  maker,
  verifyBy as verify,
  type CertificateCluster,
} from '../../testkit/certificate-clusters.ts';
import type { IssuedCertificate } from './contract.ts';
import { derOf } from './roots.ts';

const dayMs = 86_400_000;

describe('rotation', () => {
  const validities = { rootMs: 90 * dayMs, nodeMs: 9 * dayMs, refreshHintMs: 60_000 };

  async function states(cluster: CertificateCluster): Promise<string> {
    const { roots } = await cluster.certificates.authority({});
    return roots.map(({ state }) => state).join();
  }

  async function later(cluster: CertificateCluster, ms: number, until: () => Promise<boolean>) {
    for (let passed = 0; passed < ms; passed += ms / 20) {
      cluster.clock.advance(ms / 20);
      await new Promise((resolve) => {
        setTimeout(resolve, 10); // real crypto works on other threads
      });
    }
    await expect.poll(until).toBe(true);
  }

  test('the next authority is published before it signs, and the old one leaves last', async () => {
    const cluster = await makeCertificateCluster({ validities });
    const old: IssuedCertificate = await cluster.certificates.issue({
      subject: 'user:anna',
      ttlMs: dayMs,
    });
    const before = await cluster.certificates.bundle({});
    const plan = await cluster.certificates.planRotation({});
    expect(plan.signsFromMs).toBe(cluster.clock.now() + 120_000);
    const { next } = await cluster.certificates.rotate({});
    expect(await states(cluster)).toBe('signing,next');
    const bundle = await cluster.certificates.bundle({});
    expect(bundle.spiffe.keys).toHaveLength(2);
    expect(bundle.spiffe.spiffe_sequence).toBeGreaterThan(before.spiffe.spiffe_sequence);
    await expect(cluster.certificates.rotate({})).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await issue(cluster)).root).toBe(old.root);
    cluster.clock.advance(120_000);
    const made = await cluster.certificates.issue({ subject: 'user:ben', ttlMs: 40 * dayMs });
    expect(made.root).toBe(next);
    await verify(cluster, old);
    await later(cluster, 31 * dayMs, async () => (await states(cluster)) === 'signing');
    await expect(verify(cluster, old)).rejects.toMatchObject({ code: 'CERTIFICATE_UNTRUSTED' });
    await verify(cluster, made);
  });

  test('happens by itself when a third of the authority’s life is left', async () => {
    const cluster = await makeCertificateCluster({ validities });
    await cluster.certificates.authority({});
    await later(cluster, 59 * dayMs, async () => (await states(cluster)) === 'signing');
    const [first] = (await cluster.certificates.authority({})).roots;
    await later(cluster, 2 * dayMs, async () => {
      const { roots } = await cluster.certificates.authority({});
      return roots.length === 1 && roots[0]?.serial !== first?.serial;
    });
  });

  test('the node’s certificate renews itself, and at once with the authority', async () => {
    const cluster = await makeCertificateCluster({ validities });
    let changes = 0;
    cluster.trust.subscribe(() => (changes += 1));
    const first = await cluster.trust.listener();
    const serialOf = async (pem: string) => (await maker.read(pem)).serial;
    const held = await serialOf(first.certificate);
    const isNew = async () =>
      (await serialOf((await cluster.trust.listener()).certificate)) !== held;
    await later(cluster, 5 * dayMs, async () => !(await isNew()));
    await later(cluster, 2 * dayMs, isNew);
    expect(changes).toBeGreaterThan(0);
    const second = await cluster.trust.listener();
    const { next } = await cluster.certificates.rotate({});
    await later(cluster, 180_000, async () => {
      const { certificate, authorities } = await cluster.trust.listener();
      const root = authorities.at(-1) ?? '';
      const signed = await maker.isSignedBy(derOf(certificate), derOf(root));
      return signed && certificate !== second.certificate && (await serialOf(root)) === next;
    });
  });
});
