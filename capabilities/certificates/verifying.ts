// Who a client certificate speaks for. An authority vouches for its own trust domain alone,
// whichever others are known: what a peer's root signs about us, or about a third, counts nothing.
import { HansaError, type ClusterId } from '@hansa/foundation';
import type { ReadCertificate } from './authority.ts';
import type { CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';
import { principalOf, readSpiffeId, type SpiffeId } from './spiffe.ts';
import type { ProvenCertificate } from './uses.ts';
import { backdatedMs } from './validity.ts';

export function createVerifier(
  parts: CertificateParts,
  roots: Roots,
): (certificate: Uint8Array) => Promise<ProvenCertificate> {
  return async (certificate) => {
    const read = await parts.maker.read(certificate);
    const id = idOf(read);
    requireFit(read);
    const { authorities, isRevoked } = vouchers(parts, roots, id.cluster);
    const nowMs = parts.clock.now();
    if (!(await signedByOne(parts, read, authorities))) {
      throw new HansaError(
        'CERTIFICATE_UNTRUSTED',
        `no authority of ${id.cluster.slice(0, 8)} that counts here signed certificate ` +
          read.serial,
        { facts: { cluster: id.cluster, serial: read.serial } },
      );
    }
    if (nowMs >= read.notAfterMs || nowMs < read.notBeforeMs) {
      const when = nowMs >= read.notAfterMs ? 'has run out' : 'does not count yet';
      throw new HansaError('CERTIFICATE_EXPIRED', `certificate ${read.serial} ${when}`, {
        fix: 'issue another one: hansa cert issue',
        facts: { serial: read.serial, notAfterMs: read.notAfterMs },
      });
    }
    if (isRevoked(read.serial)) {
      throw new HansaError('CERTIFICATE_REVOKED', `certificate ${read.serial} was revoked`, {
        facts: { serial: read.serial },
      });
    }
    const { cluster, kind, name } = id;
    const principal = principalOf(id, parts.cluster);
    const { serial, notAfterMs } = read;
    const issuedMs = read.notBeforeMs + backdatedMs;
    const whose = principal === undefined ? {} : { principal };
    return { cluster, kind, name, serial, issuedMs, notAfterMs, ...whose };
  };
}

function idOf({ uris, serial }: ReadCertificate): SpiffeId {
  const [uri = '', ...more] = uris;
  const id = readSpiffeId(uri);
  if (id === undefined || more.length > 0) {
    const found = more.length > 0 ? `${uris.length} URIs` : 'no SPIFFE id of a cluster';
    throw unfit(serial, `it has ${found}, and must have exactly one`);
  }
  return id;
}

function requireFit({ isAuthority, client, serial }: ReadCertificate): void {
  if (isAuthority) {
    throw unfit(serial, 'it is an authority’s, and those speak for nobody');
  }
  if (!client) {
    throw unfit(serial, 'it is not for clients');
  }
}

function unfit(serial: string, why: string): HansaError {
  return new HansaError('CERTIFICATE_UNFIT', `certificate ${serial} is not taken: ${why}`, {
    facts: { serial },
  });
}

interface Vouchers {
  readonly authorities: readonly Uint8Array[];
  isRevoked(serial: string): boolean;
}

const nobody: Vouchers = { authorities: [], isRevoked: () => false };

function vouchers(parts: CertificateParts, roots: Roots, cluster: ClusterId): Vouchers {
  if (cluster === parts.cluster) {
    const own = roots.bundle();
    const isRevoked = (serial: string): boolean =>
      parts.issued.find(serial)?.value.revokedMs !== undefined;
    return own === undefined ? nobody : { authorities: own.roots, isRevoked };
  }
  const held = parts.peerBundles.find(cluster)?.value;
  // A link that was closed, or a cluster that is blocked, takes its people's word with it.
  return held === undefined || !parts.peers.standing(cluster).active
    ? nobody
    : { authorities: held.roots, isRevoked: (serial) => held.revoked.includes(serial) };
}

async function signedByOne(
  { maker, clock }: CertificateParts,
  read: ReadCertificate,
  authorities: readonly Uint8Array[],
): Promise<boolean> {
  for (const der of authorities) {
    const root = await maker.read(der);
    const counts = root.notAfterMs > clock.now() && root.notBeforeMs <= clock.now();
    if (counts && (await maker.isSignedBy(read.der, der))) {
      return true;
    }
  }
  return false;
}
