// Bundles of linked clusters: taken over the authenticated link, so that a cluster's identity
// vouches for its new authority, not the old one. The sequence only rises.
import { HansaError, isHansaError, type ClusterId } from '@hansa/foundation';
import type { PeerBundleRecord } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import { sameBundle } from './roots.ts';
import { trustDomain } from './spiffe.ts';
import type { TrustBundle } from './wire.ts';

export const peerBundlesMax = 1_024; // as many as there may be links

/** BUNDLE_REWOUND, BUNDLE_FORKED or CERTIFICATE_UNFIT where it is not taken: what was, stays. */
export async function takeBundle(
  parts: CertificateParts,
  cluster: ClusterId,
  told: TrustBundle,
): Promise<void> {
  const { clock, tables, store, peerBundles, refused, log } = parts;
  try {
    const held = peerBundles.find(cluster)?.value;
    requireRising(held, told);
    if (held === undefined || told.sequence > held.sequence) {
      await requireRoots(parts, cluster, told);
      await makeRoom(parts, cluster);
      const record: PeerBundleRecord = { ...told, cluster, receivedMs: clock.now() };
      const { revision } = await store.batchWrite([tables.peers.put([cluster], record)]);
      await peerBundles.reached(revision);
      const { sequence, roots, revoked } = told;
      const counts = { roots: roots.length, revoked: revoked.length };
      log.event('certificate-bundle.taken', { peer: cluster, sequence, ...counts });
    }
    refused.delete(cluster);
  } catch (error) {
    if (isHansaError(error)) {
      if (refused.get(cluster)?.message !== error.message) {
        log.problem('certificate-bundle.refused', error, { peer: cluster });
      }
      refused.set(cluster, error);
    }
    throw error;
  }
}

function requireRising(held: PeerBundleRecord | undefined, told: TrustBundle): void {
  if (held === undefined || told.sequence > held.sequence) {
    return;
  }
  const facts = { held: held.sequence, told: told.sequence };
  if (told.sequence < held.sequence) {
    const sentence = `the bundle has sequence ${told.sequence}, after ${held.sequence} before`;
    throw new HansaError('BUNDLE_REWOUND', sentence, { facts });
  }
  if (!sameBundle(held, told)) {
    const sentence = `there are two different bundles of sequence ${told.sequence}`;
    throw new HansaError('BUNDLE_FORKED', sentence, { facts });
  }
}

/** Each is an authority of the cluster's own trust domain, made by itself. */
async function requireRoots(
  { maker }: CertificateParts,
  cluster: ClusterId,
  { roots }: TrustBundle,
): Promise<void> {
  for (const der of roots) {
    const read = await maker.read(der);
    const [uri, ...more] = read.uris;
    const own = uri === trustDomain(cluster) && more.length === 0;
    if (!own || !read.isAuthority || read.webKey === undefined) {
      throw new HansaError(
        'CERTIFICATE_UNFIT',
        `the bundle holds ${read.serial}, which is no authority of its cluster`,
        { facts: { serial: read.serial } },
      );
    }
    if (!(await maker.isSignedBy(der, der))) {
      throw new HansaError('CERTIFICATE_UNFIT', `authority ${read.serial} did not sign itself`, {
        facts: { serial: read.serial },
      });
    }
  }
}

/** Bundles of clusters that are linked no more are kept while there is room: they may be back. */
async function makeRoom(parts: CertificateParts, cluster: ClusterId): Promise<void> {
  const { peerBundles, peers, store, tables } = parts;
  if (peerBundles.find(cluster) !== undefined || peerBundles.rows.size < peerBundlesMax) {
    return;
  }
  const gone = [...peerBundles.rows.values()]
    .map(({ value }) => value.cluster)
    .find((known) => !peers.standing(known).active);
  if (gone === undefined) {
    throw new HansaError('STORE_LIMIT', `there are bundles of ${peerBundlesMax} clusters`, {
      facts: { max: peerBundlesMax },
    });
  }
  const { revision } = await store.batchWrite([tables.peers.delete([gone])]);
  await peerBundles.reached(revision);
}
