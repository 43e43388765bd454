import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  issueTo as issue,
  makeCertificateCluster,
  verifyBy as verify,
} from '../../testkit/certificate-clusters.ts';
import { handMadeLeaf as leafOf, handMadeRoot as rogueRoot } from '../../testkit/hand-made-leaf.ts';
import { lubeck, startedClock } from '../../testkit/token-clusters.ts';
import { certificateNamesMax } from './contract.ts';
import { derOf } from './roots.ts';

const hourMs = 3_600_000;

describe('issuing', () => {
  test('the first certificate makes the authority; it speaks for whom it names', async () => {
    const cluster = await makeCertificateCluster();
    const made = await issue(cluster);
    expect(made.spiffeId).toBe(`spiffe://${lubeck}/user/anna`);
    expect(made.privateKey).toContain('PRIVATE KEY');
    const proven = await verify(cluster, made);
    expect(proven).toMatchObject({ principal: 'user:anna', serial: made.serial, cluster: lubeck });
    const { roots } = await cluster.certificates.authority({});
    expect(roots.map(({ state, issued }) => [state, issued])).toEqual([['signing', 1]]);
  });

  test('openssl agrees, and reads what is revoked', async () => {
    const cluster = await makeCertificateCluster({ clock: wallClock() });
    const made = await issue(cluster);
    const folder = temporaryFolder();
    const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    const openssl = (...args: string[]): string =>
      execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    put('ca.pem', made.authorities);
    put('leaf.pem', made.certificate);
    expect(openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', 'leaf.pem')).toContain('OK');
    await cluster.certificates.revoke({ serial: made.serial });
    put('crl.pem', (await cluster.certificates.crl({})).lists.join(''));
    const checking = ['-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'ca.pem'];
    expect(() => openssl('verify', ...checking, 'leaf.pem')).toThrow(/revoked/);
  });

  test('a key that stays where it was made is certified for a request', async () => {
    const cluster = await makeCertificateCluster();
    const cwd = temporaryFolder();
    const openssl = (...args: string[]): string =>
      execFileSync('openssl', args, { cwd, encoding: 'utf8', stdio: 'pipe' });
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
    const plain = ['req', '-new', '-key', 'key.pem', '-subj', '/CN=x'];
    const made = await cluster.certificates.issue({
      subject: 'service:ci',
      request: openssl(...plain),
    });
    expect(made.privateKey).toBeUndefined();
    expect((await verify(cluster, made)).principal).toBe('service:ci');
    const wide = openssl(...plain, '-addext', 'subjectAltName=DNS:evil.example');
    await expect(
      cluster.certificates.issue({ subject: 'service:ci', request: wide }),
    ).rejects.toMatchObject({ code: 'CERTIFICATE_OUTSIDE_ROLE' });
  });

  test('a role bounds kind, name, DNS names, addresses, lifetime and use', async () => {
    const { certificates, trust } = await makeCertificateCluster();
    await certificates.putRole({
      role: 'web',
      kinds: ['workload'],
      names: ['web/*'],
      dns: ['*.example', 'localhost'],
      ips: ['127.0.0.1'],
      ttlMaxMs: hourMs,
      client: false,
      server: true,
    });
    const good = { subject: 'workload:web/1', role: 'web', dns: ['a.example'], ips: ['127.0.0.1'] };
    const made = await certificates.issue(good);
    expect(made.notAfterMs - made.issuedMs).toBe(hourMs);
    await expect(trust.verify(derOf(made.certificate))).rejects.toMatchObject({
      code: 'CERTIFICATE_UNFIT',
    });
    const bad = [
      { subject: 'user:anna' },
      { subject: 'workload:db/1' },
      { dns: ['a.b.example'] },
      { dns: ['example'] },
      { ips: ['10.0.0.1'] },
      { ttlMs: hourMs + 1 },
    ];
    for (const each of bad) {
      await expect(certificates.issue({ ...good, ...each })).rejects.toMatchObject({
        code: 'CERTIFICATE_OUTSIDE_ROLE',
      });
    }
    await expect(certificates.issue({ subject: 'user:a', dns: ['x'] })).rejects.toMatchObject({
      code: 'CERTIFICATE_OUTSIDE_ROLE',
    });
    await certificates.removeRole({ role: 'web' });
    await expect(certificates.issue(good)).rejects.toMatchObject({
      code: 'CERTIFICATE_ROLE_NOT_FOUND',
    });
    await expect(certificates.removeRole({ role: 'user' })).rejects.toMatchObject({
      code: 'CERTIFICATE_OUTSIDE_ROLE',
    });
  });

  test('so many names stand in one certificate; one more is refused', async () => {
    const { certificates } = await makeCertificateCluster();
    const any = { kinds: ['service' as const], names: ['**'], dns: ['*'], ips: ['*'] };
    const uses = { ttlMaxMs: hourMs, client: true, server: true };
    await certificates.putRole({ role: 'any', ...any, ...uses });
    const dns = Array.from({ length: certificateNamesMax }, (_, at) => `n${at}.example`);
    const asked = { subject: 'service:many', role: 'any', dns };
    await expect(certificates.issue(asked)).resolves.toMatchObject({ dns });
    await expect(certificates.issue({ ...asked, ips: ['::1'] })).rejects.toMatchObject({
      code: 'CERTIFICATE_OUTSIDE_ROLE',
      facts: { namesMax: certificateNamesMax },
    });
  });

  const caller = {
    kind: 'token',
    holder: 'bearer',
    subject: 'x',
    scopes: ['api:certificates.write'],
    chain: ['x'],
    expiresMs: 0,
  } as const;

  test('without anybody to ask, only the owner issues what others log in with', async () => {
    const { certificates } = await makeCertificateCluster();
    const issued = certificates.issue({ subject: 'user:anna' }, { caller });
    await expect(issued).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('nobody issues a certificate of somebody who may more than they do', async () => {
    const { certificates } = await makeCertificateCluster({
      access: {
        requireStandIn(_caller, principal) {
          if (principal !== 'user:ben') {
            throw new HansaError('GRANT_WIDENED', `${principal} may more than you`);
          }
        },
      },
    });
    const issue = (subject: string) => certificates.issue({ subject }, { caller });
    await expect(issue('user:anna')).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    await expect(issue('workload:web')).rejects.toMatchObject({ code: 'GRANT_WIDENED' });
    await expect(issue('user:ben')).resolves.toBeDefined();
    const owner = { caller: { kind: 'owner' } } as const;
    await expect(certificates.issue({ subject: 'user:olga' }, owner)).resolves.toBeDefined();
  });

  test('everything is as it was after a restart', async () => {
    const before = await makeCertificateCluster();
    const made = await issue(before);
    const listener = await before.trust.listener();
    const after = await before.restart();
    expect((await verify(after, made)).principal).toBe('user:anna');
    expect(await after.trust.listener()).toEqual(listener);
    expect((await after.certificates.list({})).certificates).toHaveLength(1);
  });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-issued-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function wallClock() {
  const clock = startedClock();
  clock.advance(Date.now() - clock.now());
  return clock;
}

describe('what is not taken', () => {
  test('a certificate that was revoked, or has run out', async () => {
    const cluster = await makeCertificateCluster();
    const made = await issue(cluster);
    const { serial } = await cluster.certificates.revoke({ serial: made.serial, reason: 'lost' });
    await expect(verify(cluster, made)).rejects.toMatchObject({ code: 'CERTIFICATE_REVOKED' });
    expect(await cluster.certificates.show({ serial })).toMatchObject({ reason: 'lost' });
    const short = await cluster.certificates.issue({ subject: 'user:ben', ttlMs: 5_000 });
    await verify(cluster, short);
    cluster.clock.advance(5_000);
    await expect(verify(cluster, short)).rejects.toMatchObject({ code: 'CERTIFICATE_EXPIRED' });
  });

  test('one of a rogue authority, whatever it says', async () => {
    const clock = startedClock();
    const cluster = await makeCertificateCluster({ clock });
    await issue(cluster);
    const rogue = await rogueRoot(lubeck, clock.now());
    const leaf = await leafOf(rogue, [`spiffe://${lubeck}/user/anna`], clock.now());
    await expect(cluster.trust.verify(leaf)).rejects.toMatchObject({
      code: 'CERTIFICATE_UNTRUSTED',
    });
    await expect(cluster.trust.verify(derOf(rogue.certificate))).rejects.toMatchObject({
      code: 'CERTIFICATE_UNFIT',
    });
  });

  test('one with two URIs, or none that is a cluster’s', async () => {
    const cluster = await makeCertificateCluster();
    const nowMs = cluster.clock.now();
    const root = await rogueRoot(lubeck, nowMs);
    const anna = `spiffe://${lubeck}/user/anna`;
    for (const uris of [[anna, `spiffe://${lubeck}/user/ben`], ['https://x'], [`${anna}?a=b`]]) {
      await expect(cluster.trust.verify(await leafOf(root, uris, nowMs))).rejects.toMatchObject({
        code: 'CERTIFICATE_UNFIT',
      });
    }
    await expect(cluster.trust.verify(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
      code: 'CERTIFICATE_MALFORMED',
    });
  });
});
