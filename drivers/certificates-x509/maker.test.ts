import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Issuer, LeafRequest } from '@hansa/capabilities/certificates/authority';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateMaker } from './index.ts';

const maker = createCertificateMaker();
const folder = mkdtempSync(join(tmpdir(), 'hansa-x509-'));
const trustDomain = `spiffe://${'ab'.repeat(32)}`;
const hourMs = 3_600_000;
const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
let root: Issuer;
let leafText = '';

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

async function makeRoot(serial: string): Promise<Issuer> {
  const key = await maker.makeKey();
  const lifetime = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + 24 * hourMs };
  const certificate = await maker.makeRoot({ key, trustDomain, serial, ...lifetime });
  return { certificate, privateKey: key.privateKey };
}

async function leafOf(more: Partial<LeafRequest> = {}): Promise<string> {
  const { publicKey } = await maker.makeKey();
  return maker.issue(root, {
    publicKey,
    serial: '5a01',
    spiffeId: `${trustDomain}/user/anna`,
    dns: ['web.example'],
    ips: ['127.0.0.1', '::1'],
    client: true,
    server: true,
    notBeforeMs: nowMs - 1_000,
    notAfterMs: nowMs + hourMs,
    ...more,
  });
}

beforeAll(async () => {
  root = await makeRoot('4a00ff');
  leafText = await leafOf();
  file('root.pem', root.certificate);
  file('leaf.pem', leafText);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('certificates, with openssl as the judge', () => {
  test('a leaf verifies against its root, for both uses', () => {
    for (const purpose of ['sslclient', 'sslserver']) {
      const args = ['-x509_strict', '-purpose', purpose, '-CAfile', 'root.pem', 'leaf.pem'];
      expect(openssl('verify', ...args)).toContain('OK');
    }
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text');
    expect(text).toContain(`URI:${trustDomain}/user/anna`);
    expect(text).toContain('DNS:web.example, IP Address:127.0.0.1');
    expect(text).toContain('NIST CURVE: P-256');
  });

  test('a leaf of another authority does not', async () => {
    file('other.pem', (await makeRoot('4a01')).certificate);
    expect(() => openssl('verify', '-CAfile', 'other.pem', 'leaf.pem')).toThrow(/verif/);
  });

  test('a leaf signs no other certificate', () => {
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-purpose');
    expect(text).toContain('SSL client CA : No');
    expect(openssl('x509', '-in', 'root.pem', '-noout', '-text')).toContain('CA:TRUE, pathlen:0');
  });

  test('a revocation list verifies, names the serial, and makes openssl refuse the leaf', async () => {
    const list = await maker.revocationList(root, {
      number: 300,
      thisUpdateMs: nowMs,
      nextUpdateMs: nowMs + hourMs,
      revoked: [{ serial: '5a01', revokedMs: nowMs }],
    });
    expect(list).toContain('-----BEGIN X509 CRL-----');
    file('crl.pem', list);
    const text = openssl('crl', '-in', 'crl.pem', '-noout', '-text', '-CAfile', 'root.pem');
    expect(text).toMatch(/Serial Number: 5A01/);
    expect(text).toContain('300');
    const args = ['verify', '-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'root.pem', 'leaf.pem'];
    expect(() => openssl(...args)).toThrow(/revoked/);
  });

  test('an empty revocation list is one too', async () => {
    const times = { thisUpdateMs: nowMs, nextUpdateMs: nowMs + hourMs };
    file('crl.pem', await maker.revocationList(root, { number: 1, revoked: [], ...times }));
    const args = ['verify', '-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'root.pem', 'leaf.pem'];
    expect(openssl(...args)).toContain('OK');
  });

  test('a request that openssl makes is read, and its key is certified', async () => {
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
    const names = 'subjectAltName=URI:spiffe://x/y,DNS:a.example';
    const args = ['-new', '-key', 'key.pem', '-subj', '/CN=x', '-addext', names];
    const request = openssl('req', ...args);
    const { publicKey, ...said } = await maker.readRequest(request);
    expect(said).toEqual({ uris: ['spiffe://x/y'], dns: ['a.example'], ips: [] });
    file('leaf2.pem', await leafOf({ publicKey }));
    const mine = openssl('pkey', '-in', 'key.pem', '-pubout');
    expect(openssl('x509', '-in', 'leaf2.pem', '-noout', '-pubkey')).toBe(mine);
  });
});

describe('what is read', () => {
  test('a certificate says what it was made with', async () => {
    const read = await maker.read(leafText);
    expect(read).toMatchObject({
      certificate: leafText,
      serial: '5a01',
      uris: [`${trustDomain}/user/anna`],
      dns: ['web.example'],
      otherNames: 0,
      notAfterMs: nowMs + hourMs,
      isAuthority: false,
      client: true,
      server: true,
      webKey: { kty: 'EC', crv: 'P-256' },
    });
    expect(read.ips[0]).toBe('127.0.0.1');
    expect(await maker.read(read.der)).toEqual(read);
    expect((await maker.read(root.certificate)).isAuthority).toBe(true);
  });

  test('a signature is its authority’s alone, whatever the name says', async () => {
    const leaf = (await maker.read(leafText)).der;
    const twin = await makeRoot('4a02');
    expect(await maker.isSignedBy(leaf, (await maker.read(root.certificate)).der)).toBe(true);
    expect(await maker.isSignedBy(leaf, (await maker.read(twin.certificate)).der)).toBe(false);
  });

  test('what is no certificate, or a request that its key has not signed, is refused', async () => {
    const code = { code: 'CERTIFICATE_MALFORMED' };
    await expect(maker.read('hello')).rejects.toMatchObject(code);
    await expect(maker.read(Uint8Array.of(48, 3, 1, 1, 1))).rejects.toMatchObject(code);
    await expect(maker.read('x'.repeat(200_000))).rejects.toMatchObject(code);
    await expect(maker.readRequest(leafText)).rejects.toMatchObject(code);
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
    const der = Buffer.from(
      openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=x').replaceAll(
        /-----.*-----|\s/g,
        '',
      ),
      'base64',
    );
    const at = der.length - 1;
    der[at] = (der[at] ?? 0) ^ 1;
    const what = 'CERTIFICATE REQUEST-----\n';
    const forged = `-----BEGIN ${what}${der.toString('base64')}\n-----END ${what}`;
    await expect(maker.readRequest(forged)).rejects.toMatchObject(code);
    const wrong = ['genpkey', '-algorithm', 'ed25519', '-out', 'ed.pem'];
    openssl(...wrong);
    const request = openssl('req', '-new', '-key', 'ed.pem', '-subj', '/CN=x');
    await expect(maker.readRequest(request)).rejects.toMatchObject(code);
  });
});
