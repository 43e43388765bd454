// A data folder that is put back as it was: what the cluster had written since is missing from its
// audit, and whoever has countersigned it says so.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditStatus } from '@hansa/capabilities/audit/contract';
import type { DaemonStatus } from '@hansa/capabilities/daemon/contract';
import { expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

async function untilSigned(cluster: Cluster, sequence: number): Promise<AuditStatus> {
  return until(`${cluster.name}'s audit is countersigned to ${sequence}`, async () => {
    const { body } = await cluster.api<AuditStatus>('GET', '/audit/status');
    return (body.peers[0]?.ours ?? 0) >= sequence ? body : notYet(body.peers);
  });
}

async function lastOf(cluster: Cluster): Promise<number> {
  return (await cluster.api<AuditStatus>('GET', '/audit/status')).body.last;
}

test('an owner that is restored from an older copy is named by itself and by its peer', async () => {
  const [visby, riga] = (await Promise.all(
    ['visby', 'riga'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(visby, riga);
  const backup = join(temporaryFolder('backup'), 'data');
  await visby.stop();
  cpSync(visby.data, backup, { recursive: true });
  await visby.restart();
  await untilLinked(riga, 'visby');
  await must(visby, 'link', 'invite');
  const lost = await lastOf(visby);
  await untilSigned(visby, lost);

  await visby.stop();
  rmSync(visby.data, { recursive: true });
  cpSync(backup, visby.data, { recursive: true });
  await visby.restart();
  const warned = async (cluster: Cluster): Promise<DaemonStatus['warnings'][number]> =>
    until(`${cluster.name} says that audits contradict each other`, async () => {
      const { warnings } = (await cluster.api<DaemonStatus>('GET', '/status')).body;
      return warnings.find(({ code }) => code === 'AUDIT_FORKED') ?? notYet(warnings);
    });
  expect((await warned(visby)).message).toContain('riga has countersigned');
  expect((await warned(riga)).message).toContain('has signed two audits');
  const { code, stdout } = await visby.hansaPlain('audit', 'verify');
  expect(code).toBe(7);
  expect(stdout).toMatch(/FALSE .*riga/);
  const doctor = await riga.hansaPlain('doctor');
  expect(doctor.stdout).toContain('has signed two audits');

  await must(riga, 'audit', 'accept', 'visby', '--yes');
  await must(visby, 'audit', 'accept', 'riga', '--yes');
  await untilSigned(visby, await lastOf(visby));
  await must(visby, 'audit', 'verify');
});
