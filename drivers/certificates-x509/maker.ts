// Makes roots, leaves and revocation lists: ECDSA on P-256 by the platform's own crypto. Everything
// that is signed is DER; people and other programs get it as PEM.
import { webcrypto } from 'node:crypto';
import type {
  CertificateMaker,
  Issuer,
  KeyPair,
  LeafRequest,
  RevocationRequest,
  RootRequest,
} from '@hansa/capabilities/certificates/authority';
import { keyAlgorithm, loadLibrary, pem, signAlgorithm, unpem } from './library.ts';
import { isSignedBy, read, readRequest } from './reader.ts';

const { subtle } = webcrypto;

export function createCertificateMaker(): CertificateMaker {
  return { makeKey, makeRoot, issue, revocationList, read, readRequest, isSignedBy };
}

async function makeKey(): Promise<KeyPair> {
  const { privateKey, publicKey } = await subtle.generateKey(keyAlgorithm, true, [
    'sign',
    'verify',
  ]);
  return {
    privateKey: pem('PRIVATE KEY', new Uint8Array(await subtle.exportKey('pkcs8', privateKey))),
    publicKey: new Uint8Array(await subtle.exportKey('spki', publicKey)),
  };
}

async function makeRoot(request: RootRequest): Promise<string> {
  const x509 = await loadLibrary();
  const publicKey = await importPublic(request.key.publicKey);
  const { KeyUsageFlags } = x509;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: request.serial,
    name: 'CN=Hansa cluster authority',
    notBefore: new Date(request.notBeforeMs),
    notAfter: new Date(request.notAfterMs),
    signingAlgorithm: signAlgorithm,
    keys: { privateKey: await importPrivate(request.key.privateKey), publicKey },
    extensions: [
      // No authority below it: what it signs is a leaf.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: request.trustDomain }]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return pem('CERTIFICATE', new Uint8Array(made.rawData));
}

async function issue(issuer: Issuer, leaf: LeafRequest): Promise<string> {
  const x509 = await loadLibrary();
  const root = new x509.X509Certificate(issuer.certificate);
  const publicKey = await importPublic(leaf.publicKey);
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const uses = [...(leaf.client ? [clientAuth] : []), ...(leaf.server ? [serverAuth] : [])];
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: leaf.serial,
    // A name that people see in a browser; what counts is the URI.
    subject: [{ CN: [commonName(leaf.spiffeId)] }],
    issuer: root.subjectName,
    notBefore: new Date(leaf.notBeforeMs),
    notAfter: new Date(leaf.notAfterMs),
    signingAlgorithm: signAlgorithm,
    publicKey,
    signingKey: await importPrivate(issuer.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...(uses.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(uses)]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: leaf.spiffeId },
        ...leaf.dns.map((value) => ({ type: 'dns' as const, value })),
        ...leaf.ips.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
    ],
  });
  return pem('CERTIFICATE', new Uint8Array(made.rawData));
}

// X.520 gives a common name 64 characters.
function commonName(spiffeId: string): string {
  return spiffeId.slice(spiffeId.indexOf('/', 'spiffe://'.length) + 1).slice(0, 64);
}

async function revocationList(issuer: Issuer, request: RevocationRequest): Promise<string> {
  const x509 = await loadLibrary();
  const root = new x509.X509Certificate(issuer.certificate);
  const made = await x509.X509CrlGenerator.create({
    issuer: root.subjectName,
    thisUpdate: new Date(request.thisUpdateMs),
    nextUpdate: new Date(request.nextUpdateMs),
    signingAlgorithm: signAlgorithm,
    signingKey: await importPrivate(issuer.privateKey),
    entries: request.revoked.map(({ serial, revokedMs }) => ({
      serialNumber: serial,
      revocationDate: new Date(revokedMs),
    })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
      new x509.Extension('2.5.29.20', false, crlNumber(request.number)),
    ],
  });
  return pem('X509 CRL', new Uint8Array(made.rawData));
}

/** A DER integer of at most 53 bits: RFC 5280 wants every list to have a number that rises. */
function crlNumber(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const positive = (bytes[0] ?? 0) > 0x7f ? [0, ...bytes] : [...bytes];
  return Uint8Array.of(2, positive.length, ...positive);
}

function importPrivate(text: string): Promise<webcrypto.CryptoKey> {
  const der = unpem(/^PRIVATE KEY$/, text);
  return subtle.importKey('pkcs8', der ?? Buffer.alloc(0), keyAlgorithm, false, ['sign']);
}

function importPublic(der: Uint8Array): Promise<webcrypto.CryptoKey> {
  return subtle.importKey('spki', Buffer.from(der), keyAlgorithm, true, ['verify']);
}
