// Whether who answers is a node of the cluster: its authority signs for workloads as well, and one
// of those must not pass for the API.
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

const nodeUri = /(?:^|, )URI:spiffe:\/\/[0-9a-f]{64}\/node\/[0-9a-f]{64}(?:,|$)/;

/** For `checkServerIdentity`: undefined where the certificate is a node's, of that name. */
export function nodeIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  const wrongName = checkServerIdentity(host, certificate);
  if (wrongName !== undefined) {
    return wrongName;
  }
  return nodeUri.test(certificate.subjectaltname ?? '')
    ? undefined
    : Object.assign(new Error('its certificate is not a node’s'), { code: 'ERR_TLS_NOT_A_NODE' });
}
