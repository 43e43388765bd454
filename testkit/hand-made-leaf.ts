// Authorities and certificates that none of our checks has seen: what an attacker, or a careless
// authority, would make.
import { execFileSync } from 'node:child_process';
import { derOf } from '@hansa/capabilities/certificates/roots';
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

/** One URI by the maker; more of them as a cunning authority would have it. */
export async function handMadeLeaf(
  root: HandMadeRoot,
  uris: readonly string[],
  nowMs: number,
): Promise<Uint8Array> {
  if (uris.length > 1) {
    return leafForSeveral(uris);
  }
  const { publicKey } = await maker.makeKey();
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

/** By stock openssl: our own maker has no words for it. */
function leafForSeveral(uris: readonly string[]): Uint8Array {
  const names = uris.map((uri) => `URI:${uri}`).join(',');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '-'];
  const uses = ['-addext', 'extendedKeyUsage=clientAuth', '-addext', 'basicConstraints=CA:FALSE'];
  const named = ['-subj', '/CN=x', '-addext', `subjectAltName=${names}`];
  const text = execFileSync('openssl', ['req', '-x509', ...key, ...named, ...uses], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return derOf(text.slice(text.indexOf('-----BEGIN CERTIFICATE-----')));
}
