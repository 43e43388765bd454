// The bytes of a node's certificate, and the checks of a proof of identity.
import { HansaError, fromHex, transcript } from '@hansa/foundation';
import type { Crypto, NodeId } from '@hansa/foundation';
import {
  certificateSkewMs,
  proofSchema,
  type KeyLog,
  type NodeCertificate,
  type PeerIdentity,
} from './contract.ts';
import { presentClaim, verifyKeyLog } from './key-log.ts';

export function certificateBytes(certificate: Omit<NodeCertificate, 'signature'>): Uint8Array {
  const { cluster, keyIndex, node, serial, notBeforeMs, notAfterMs, uses } = certificate;
  return transcript('hansa/node-certificate/1', [
    fromHex(cluster),
    keyIndex,
    fromHex(node),
    serial,
    notBeforeMs,
    notAfterMs,
    uses.join(','),
  ]);
}

/**
 * Checks a stranger's proof against the node key that the transport has authenticated. The binding
 * comes last in the list and first in importance: a proof copied from somebody else's handshake
 * names that other's node, so it is worthless on the thief's connection.
 */
export function checkProof(
  crypto: Crypto,
  given: {
    readonly proof: unknown;
    readonly remote: NodeId;
    readonly nowMs: number;
    /** What is known of the cluster's keys already; asked last, throws the contradiction. */
    judge(log: KeyLog): void;
  },
): PeerIdentity {
  const parsed = proofSchema.safeParse(given.proof);
  if (!parsed.success) {
    throw new HansaError('CERTIFICATE_INVALID', 'the peer sent no well-formed proof of identity');
  }
  const { inception, rotations, certificate, name } = parsed.data;
  const log = { inception, rotations };
  verifyKeyLog(crypto, log);
  // Only the newest key of the log certifies: what it followed may be in anybody's hands.
  const { keyIndex, key: keyHex } = presentClaim(log);
  const key = fromHex(keyHex);
  if (certificate.cluster !== inception.cluster || certificate.keyIndex !== keyIndex) {
    throw new HansaError('CERTIFICATE_INVALID', 'the certificate is not from this cluster’s key');
  }
  if (!crypto.verify(key, certificateBytes(certificate), certificate.signature)) {
    throw new HansaError('CERTIFICATE_INVALID', 'the certificate’s signature does not verify');
  }
  requireCurrent(certificate, given.nowMs);
  if (!certificate.uses.includes('link')) {
    throw new HansaError('CERTIFICATE_INVALID', 'the certificate does not allow links');
  }
  if (certificate.node !== given.remote) {
    throw new HansaError(
      'IDENTITY_NOT_BOUND',
      `the certificate is for node ${certificate.node.slice(0, 8)}, ` +
        `but node ${given.remote.slice(0, 8)} is connected`,
    );
  }
  given.judge(log);
  const { cluster } = inception;
  return { cluster, node: certificate.node, name, key, keyIndex, keyLog: log };
}

function requireCurrent(certificate: NodeCertificate, nowMs: number): void {
  const early = certificate.notBeforeMs - certificateSkewMs - nowMs;
  const late = nowMs - certificate.notAfterMs - certificateSkewMs;
  if (early > 0 || late > 0) {
    const when = early > 0 ? `starts in ${early} ms` : `ended ${late} ms ago`;
    throw new HansaError('CERTIFICATE_EXPIRED', `the node certificate ${when}`, {
      fix: 'compare both clocks; a node that is up renews its certificate by itself',
    });
  }
}
