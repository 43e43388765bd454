// The bytes of identity: what is signed at a cluster's birth and in a node's certificate, and the
// checks.
import { HansaError, fromHex, toHex, transcript } from '@hansa/foundation';
import type { ClusterId, Crypto, NodeId } from '@hansa/foundation';
import {
  certificateSkewMs,
  proofSchema,
  type Inception,
  type NodeCertificate,
  type PeerIdentity,
} from './contract.ts';

export function inceptionBytes(inception: Omit<Inception, 'signature'>): Uint8Array {
  const { cluster, nextKeyHash, createdMs } = inception;
  return transcript('hansa/inception/1', [fromHex(cluster), fromHex(nextKeyHash), createdMs]);
}

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

export function makeInception(
  crypto: Crypto,
  seeds: { readonly first: Uint8Array; readonly next: Uint8Array },
  createdMs: number,
): Inception {
  const body = {
    cluster: toHex(crypto.publicKey(seeds.first)) as ClusterId,
    nextKeyHash: toHex(crypto.hash(crypto.publicKey(seeds.next))),
    createdMs,
  };
  return { ...body, signature: crypto.sign(seeds.first, inceptionBytes(body)) };
}

export function inceptionVerifies(crypto: Crypto, inception: Inception): boolean {
  return crypto.verify(fromHex(inception.cluster), inceptionBytes(inception), inception.signature);
}

/**
 * Checks a stranger's proof against the node key that the transport has authenticated. The binding
 * comes last in the list and first in importance: a proof copied from somebody else's handshake
 * names that other's node, so it is worthless on the thief's connection.
 */
export function checkProof(
  crypto: Crypto,
  given: { readonly proof: unknown; readonly remote: NodeId; readonly nowMs: number },
): PeerIdentity {
  const parsed = proofSchema.safeParse(given.proof);
  if (!parsed.success) {
    throw new HansaError('CERTIFICATE_INVALID', 'the peer sent no well-formed proof of identity');
  }
  const { inception, certificate, name } = parsed.data;
  if (!inceptionVerifies(crypto, inception)) {
    throw new HansaError('CERTIFICATE_INVALID', 'the inception record’s signature does not verify');
  }
  // Rotation is not spoken yet: the only key is the first, whose index is 0.
  const key = fromHex(inception.cluster);
  if (certificate.cluster !== inception.cluster || certificate.keyIndex !== 0) {
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
  return { cluster: inception.cluster, node: certificate.node, name, key, keyIndex: 0 };
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
