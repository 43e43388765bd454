// Trust bundles in SPIFFE's own format: a set of JSON Web Keys, each with its certificate, that any
// implementation reads.
import { HansaError } from '@hansa/foundation';
import type { CertificateMaker } from './authority.ts';
import type { BundleView, SpiffeBundle } from './contract.ts';
import type { BundleRecord } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';

export async function spiffeBundle(
  maker: CertificateMaker,
  { sequence, roots }: Pick<BundleRecord, 'sequence' | 'roots'>,
  refreshHintMs: number,
): Promise<SpiffeBundle> {
  const read = await Promise.all(roots.map((root) => maker.read(root)));
  return {
    keys: read.flatMap(({ webKey, certificate }) =>
      webKey === undefined
        ? []
        : [{ ...webKey, use: 'x509-svid' as const, x5c: [bareBase64(certificate)] }],
    ),
    spiffe_sequence: sequence,
    spiffe_refresh_hint: Math.ceil(refreshHintMs / 1_000),
  };
}

/** Of this cluster, or of a linked one as it told it; CERTIFICATE_UNTRUSTED where it never did. */
export async function bundleView(
  parts: CertificateParts,
  roots: Roots,
  spelledPeer: string | undefined,
): Promise<BundleView> {
  const { maker, cluster, validities, peers, peerBundles, refused } = parts;
  if (spelledPeer === undefined) {
    await roots.ensure();
    const own = roots.bundle();
    const shown = own ?? { sequence: 0, roots: [], revoked: [] };
    return {
      cluster,
      spiffe: await spiffeBundle(maker, shown, validities.refreshHintMs),
      authorities: await textOf(maker, shown.roots),
      revoked: shown.revoked,
    };
  }
  const peer = peers.resolve(spelledPeer);
  const held = peerBundles.find(peer.cluster)?.value;
  const problem = refused.get(peer.cluster)?.message;
  if (held === undefined) {
    const why = problem ?? 'it has told none yet';
    throw new HansaError('CERTIFICATE_UNTRUSTED', `there is no bundle of ${spelledPeer}: ${why}`, {
      fix: 'wait until it is connected, and has an authority',
    });
  }
  return {
    cluster: peer.cluster,
    ...(peer.name === undefined ? {} : { name: peer.name }),
    spiffe: await spiffeBundle(maker, held, held.refreshHintMs),
    authorities: await textOf(maker, held.roots),
    revoked: held.revoked,
    receivedMs: held.receivedMs,
    ...(problem === undefined ? {} : { problem }),
  };
}

async function textOf(maker: CertificateMaker, roots: readonly Uint8Array[]): Promise<string> {
  const read = await Promise.all(roots.map((root) => maker.read(root)));
  return read.map(({ certificate }) => certificate).join('');
}

function bareBase64(certificate: string): string {
  return certificate.replaceAll(/-----[A-Z0-9 ]+-----|\s/g, '');
}
