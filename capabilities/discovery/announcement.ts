// The bytes of an announcement: how it is laid out, made to fit, signed and checked.
import {
  fromHex,
  HansaError,
  transcript,
  utf8,
  type Crypto,
  type TranscriptField,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Endpoint } from '../links/contract.ts';
import {
  announcedAddressBytesMax,
  announcedAddressesMax,
  announcedAppBytesMax,
  announcedAppsMax,
  announcedEndpointsMax,
  announcementAheadMaxMs,
  announcementBytesMax,
  announcementValidityMs,
  type Announcement,
} from './contract.ts';
import type { ClusterKeys } from './parts.ts';

const signatureBytes = 64;

/** Every list is preceded by its length, so no two announcements have the same bytes. */
export function announcementBytes(announcement: Omit<Announcement, 'signature'>): Uint8Array {
  const { cluster, keyIndex, name, counter, asOfMs, expiresMs, gossip } = announcement;
  const { endpoints, apps, appsLeftOut } = announcement;
  const endpointFields = endpoints.flatMap(({ node, addresses }): TranscriptField[] => [
    fromHex(node),
    addresses.length,
    ...addresses,
  ]);
  return transcript('hansa/announcement/1', [
    fromHex(cluster),
    keyIndex,
    name,
    counter,
    asOfMs,
    expiresMs,
    gossip ? 1 : 0,
    endpoints.length,
    ...endpointFields,
    apps.length,
    ...apps,
    appsLeftOut,
  ]);
}

/** What a shorter word on the same names it by. */
export function announcementHash(
  crypto: Crypto,
  announcement: Omit<Announcement, 'signature'>,
): Uint8Array {
  return crypto.hash(announcementBytes(announcement));
}

/** What a cluster has to say; whatever of it is over a bound is left out, never an error. */
export interface ToAnnounce {
  readonly counter: number;
  readonly nowMs: number;
  readonly gossip: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly apps: readonly string[];
}

/** Signs; always fits, however many nodes, addresses and apps there are. */
export function makeAnnouncement(signer: Signer, given: ToAnnounce): Announcement {
  const { counter, nowMs, gossip } = given;
  const named = given.apps
    .filter((app) => app !== '' && utf8(app).length <= announcedAppBytesMax)
    .slice(0, announcedAppsMax);
  const body = {
    cluster: signer.cluster,
    keyIndex: signer.keyIndex,
    name: signer.name,
    counter,
    asOfMs: nowMs,
    expiresMs: nowMs + announcementValidityMs,
    gossip,
    endpoints: announcedPart(given.endpoints),
    apps: named,
    appsLeftOut: given.apps.length - named.length,
  };
  const { signature } = signer.sign(announcementBytes(body));
  return { ...body, signature };
}

export function announcedPart(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints
    .map(({ node, addresses }) => ({
      node,
      addresses: addresses
        .filter((address) => utf8(address).length <= announcedAddressBytesMax)
        .slice(0, announcedAddressesMax),
    }))
    .slice(0, announcedEndpointsMax);
}

/** ANNOUNCEMENT_STALE where its time is over; ANNOUNCEMENT_INVALID where it never had one. */
export function requireInTime(
  said: Pick<Announcement, 'asOfMs' | 'expiresMs'>,
  nowMs: number,
): void {
  if (said.expiresMs <= nowMs) {
    throw new HansaError('ANNOUNCEMENT_STALE', 'the announcement’s time is over');
  }
  if (said.asOfMs > nowMs + announcementAheadMaxMs) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the announcement is from the future', {
      fix: 'compare both clocks',
    });
  }
  if (said.expiresMs - said.asOfMs > announcementValidityMs) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the announcement claims too long a validity');
  }
}

/**
 * ANNOUNCEMENT_INVALID where it is too large or does not verify, and the key book's own reason
 * where the key is not known or was retired.
 */
export function requireSigned(crypto: Crypto, keys: ClusterKeys, announcement: Announcement): void {
  const bytes = announcementBytes(announcement);
  if (bytes.length + signatureBytes > announcementBytesMax) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the announcement is over its size');
  }
  const { cluster, keyIndex, asOfMs } = announcement;
  const key = keys.signing(cluster, { keyIndex, atMs: asOfMs });
  if (!crypto.verify(key, bytes, announcement.signature)) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the announcement’s signature does not verify');
  }
}
