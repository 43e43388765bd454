// The certificate that TLS wants to see: made by the node of its own key, and saying nothing but
// that key. Nobody reads its names or dates, no authority signs it.
import { createPrivateKey, createPublicKey, webcrypto, type X509Certificate } from 'node:crypto';
import { HansaError, nodeIdSchema, toHex, type NodeId } from '@hansa/foundation';

// RFC 8410: what stands before the 32 bytes of a seed, and of a public key.
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicKeyBytes = 32;
const algorithm = { name: 'Ed25519' };

export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

/** Loads the certificate library, which costs 20 MB and 200 ms: called for the first plane. */
export async function createTlsIdentity(seed: Uint8Array): Promise<TlsIdentity> {
  await import('reflect-metadata');
  const { cryptoProvider, X509CertificateGenerator } = await import('@peculiar/x509');
  cryptoProvider.set(webcrypto);
  const { subtle } = webcrypto;
  const pkcs8 = Buffer.concat([privatePrefix, seed]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=hansa',
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('9999-12-31T23:59:59Z'),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
    },
  });
  return {
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: certificate.toString('pem'),
  };
}

/** The node whose key the certificate carries; that it holds the key, the handshake has proven. */
export function nodeOf(certificate: X509Certificate | undefined): NodeId {
  const key = certificate?.publicKey;
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new HansaError('CERTIFICATE_INVALID', 'the far side showed no Ed25519 certificate');
  }
  const spki = key.export({ format: 'der', type: 'spki' });
  return nodeIdSchema.parse(toHex(spki.subarray(-publicKeyBytes)));
}
