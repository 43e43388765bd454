// Reads certificates and requests that anybody may have made: what does not parse whole is refused,
// and nothing that it says of itself is believed here.
import { X509Certificate as NodeCertificate } from 'node:crypto';
import type {
  ReadCertificate,
  SigningRequest,
  WebKey,
} from '@hansa/capabilities/certificates/authority';
import { HansaError } from '@hansa/foundation';
import { loadLibrary, pem, unpem, type Library } from './library.ts';

const namesOid = '2.5.29.17';
const certificateBytesMax = 65_536; // a hundred names of 253 letters fit twice

type Names = Pick<SigningRequest, 'uris' | 'dns' | 'ips'> & { readonly otherNames: number };

export async function read(certificate: string | Uint8Array): Promise<ReadCertificate> {
  const x509 = await loadLibrary();
  const der = derOf(certificate, /^CERTIFICATE$/);
  return parsing('certificate', () => {
    const found = new x509.X509Certificate(der);
    const node = new NodeCertificate(der);
    const limits = found.getExtension(x509.BasicConstraintsExtension);
    const uses = found.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
    const bytes = new Uint8Array(found.rawData);
    const webKey = webKeyOf(node);
    return {
      certificate: pem('CERTIFICATE', bytes),
      der: bytes,
      serial: plainSerial(found.serialNumber),
      subject: found.subject,
      ...namesOf(x509, found),
      publicKey: new Uint8Array(found.publicKey.rawData),
      notBeforeMs: found.notBefore.getTime(),
      notAfterMs: found.notAfter.getTime(),
      isAuthority: limits?.ca === true || node.ca,
      client: uses.includes(x509.ExtendedKeyUsage.clientAuth),
      server: uses.includes(x509.ExtendedKeyUsage.serverAuth),
      ...(webKey === undefined ? {} : { webKey }),
    };
  });
}

export async function readRequest(text: string): Promise<SigningRequest> {
  const x509 = await loadLibrary();
  const der = derOf(text, /^(?:NEW )?CERTIFICATE REQUEST$/);
  const found = parsing('request', () => new x509.Pkcs10CertificateRequest(der));
  const names = parsing('request', () => namesOf(x509, found));
  const { algorithm } = found.publicKey;
  if (!('namedCurve' in algorithm) || algorithm.namedCurve !== 'P-256') {
    throw malformed('request', 'its key is not ECDSA on P-256');
  }
  if (!(await found.verify().catch(() => false))) {
    throw malformed('request', 'it is not signed by the key it asks for');
  }
  const { uris, dns, ips } = names;
  return { publicKey: new Uint8Array(found.publicKey.rawData), uris, dns, ips };
}

export async function isSignedBy(certificate: Uint8Array, root: Uint8Array): Promise<boolean> {
  const leaf = new NodeCertificate(Buffer.from(certificate));
  const authority = new NodeCertificate(Buffer.from(root));
  return leaf.checkIssued(authority) && leaf.verify(authority.publicKey);
}

function namesOf(
  x509: Library,
  from: { getExtension(oid: string): { readonly rawData: ArrayBuffer } | null },
): Names {
  const extension = from.getExtension(namesOid);
  const items =
    extension === null
      ? []
      : new x509.SubjectAlternativeNameExtension(extension.rawData).names.items;
  const of = (kind: string): string[] =>
    items.filter(({ type }) => type === kind).map(({ value }) => value);
  const [uris, dns, ips] = [of('url'), of('dns'), of('ip')];
  return { uris, dns, ips, otherNames: items.length - uris.length - dns.length - ips.length };
}

function webKeyOf({ publicKey }: NodeCertificate): WebKey | undefined {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  return kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined
    ? { kty, crv, x, y }
    : undefined;
}

function plainSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

function derOf(given: string | Uint8Array, label: RegExp): Buffer {
  if (given.length > 2 * certificateBytesMax) {
    throw malformed('text', `it is over ${certificateBytesMax} bytes`);
  }
  const der = typeof given === 'string' ? unpem(label, given) : Buffer.from(given);
  if (der === undefined || der.length === 0) {
    throw malformed('text', 'it holds no such block of PEM');
  }
  return der;
}

function parsing<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw malformed(what, 'it does not parse', cause);
  }
}

function malformed(what: string, why: string, cause?: unknown): HansaError {
  return new HansaError('CERTIFICATE_MALFORMED', `this ${what} is not usable: ${why}`, { cause });
}
