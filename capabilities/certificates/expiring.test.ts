import { describe, expect, test } from 'vitest';
import { makeCertificateCluster } from '../../testkit/certificate-clusters.ts';

const hourMs = 3_600_000;
const dayMs: number = 24 * hourMs;

describe('what runs out', () => {
  test('is listed, the first to end first, and warned of a week or a third before', async () => {
    const { certificates, expiries, clock, trust } = await makeCertificateCluster({ idle: true });
    await trust.listener();
    await certificates.issue({ subject: 'user:anna', ttlMs: 30 * dayMs });
    await certificates.issue({ subject: 'user:ben', ttlMs: hourMs });
    expect(expiries.warnings()).toEqual([]);
    clock.advance(hourMs * 0.7);
    expect(expiries.warnings()[0]?.message).toContain('user:ben in 18 minutes');
    clock.advance(23 * dayMs);
    expect(expiries.warnings()[0]?.message).toContain('user:anna');
    const { certificates: rows } = await certificates.expiring({});
    expect(rows.map(({ what }) => what).toSorted()).toEqual(['issued', 'node', 'root']);
    expect(rows.at(-1)?.what).toBe('root');
    await certificates.issue({ subject: 'user:anna' });
    expect(expiries.warnings()[0]?.message ?? '').not.toContain('user:anna');
  });

  test('is a problem in the log, once a day', async () => {
    const cluster = await makeCertificateCluster();
    await cluster.certificates.issue({ subject: 'user:anna', ttlMs: 7 * dayMs });
    cluster.clock.advance(6 * dayMs);
    const said = () => cluster.events.filter((line) => line.includes('certificate.ending')).length;
    await expect.poll(said).toBe(1);
    cluster.clock.advance(hourMs);
    await expect.poll(() => cluster.clock.sleepers).toBeGreaterThan(0);
    expect(said()).toBe(1);
  });
});
