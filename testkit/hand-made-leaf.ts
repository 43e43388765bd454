// Authorities and certificates that none of our checks has seen: what an attacker, or a careless
// authority, would make.
import { webcrypto } from 'node:crypto';
import { derOf } from '@hansa/capabilities/certificates/roots';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { maker } from './certificate-clusters.ts';

const hourMs = 3_600_000;

export interface HandMadeRoot {
  readonly certificate: string;
  readonly privateKey: string;
}

export async function handMadeRoot(cluster: string, nowMs: number): Promise<HandMadeRoot> {
  const key = await maker.makeKey();
  const lifetime = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + 24 * hourMs };
  const named = { trustDomain: `spiffe://${cluster}`, serial: '4411' };
  const certificate = await maker.makeRoot({ key, ...named, ...lifetime });
  return { certificate, privateKey: key.privateKey };
}

/** The first URI by the maker; a second one as a cunning authority would add it. */
export async function handMadeLeaf(
  root: HandMadeRoot,
  uris: readonly string[],
  nowMs: number,
): Promise<Uint8Array> {
  const { publicKey } = await maker.makeKey();
  const issuer = new x509.X509Certificate(root.certificate);
  if (uris.length > 1) {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const pkcs8 = derOf(root.privateKey).slice().buffer;
    const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: '4412',
      subject: 'CN=x',
      issuer: issuer.subjectName,
      notBefore: new Date(nowMs - hourMs),
      notAfter: new Date(nowMs + hourMs),
      signingAlgorithm: algorithm,
      signingKey,
      publicKey: new x509.PublicKey(publicKey.slice().buffer),
      extensions: [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url', value }))),
      ],
    });
    return new Uint8Array(made.rawData);
  }
  const text = await maker.issue(root, {
    publicKey,
    serial: '4412',
    spiffeId: uris[0] ?? '',
    dns: [],
    ips: [],
    client: true,
    server: false,
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
  });
  return derOf(text);
}
