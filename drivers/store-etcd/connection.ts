// How etcd is reached: addresses, encryption, and what the node shows of itself.
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { HansaError } from '@hansa/foundation';
import { Member } from './member.ts';

export interface EtcdTls {
  /** Certificates of the authorities, as PEM. */
  readonly ca: Uint8Array;
  /** The node's own, where etcd asks for one; both or none, as PEM. */
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

const addressPattern = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:]+\]|[^:/\s[\]]+):(\d{1,5})\/?$/;
export const endpointsMax = 16; // etcd itself advises against more than seven members

export function membersOf(endpoints: readonly string[], tls: EtcdTls | undefined): Member[] {
  if (endpoints.length === 0 || endpoints.length > endpointsMax) {
    throw invalid(`etcd is reached at 1 to ${endpointsMax} addresses, not ${endpoints.length}`);
  }
  const made = credentialsOf(tls);
  return endpoints.map((endpoint) => new Member(addressOf(endpoint, tls !== undefined), made));
}

function addressOf(endpoint: string, isEncrypted: boolean): string {
  const match = addressPattern.exec(endpoint);
  if (match === null) {
    throw invalid(`an address of etcd is host:port, not ${endpoint}`);
  }
  const [, scheme, host, port] = match;
  if (scheme === 'https' && !isEncrypted) {
    throw invalid(`for ${endpoint}, the certificate of etcd’s authority is needed`);
  }
  if (scheme === 'http' && isEncrypted) {
    throw invalid(`${endpoint} is not encrypted, but certificates for etcd were given`);
  }
  return `${host}:${port}`;
}

function credentialsOf(tls: EtcdTls | undefined): ChannelCredentials {
  if (tls === undefined) {
    return credentials.createInsecure();
  }
  const { ca, cert, key } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid('a certificate for etcd goes with its key, and a key with its certificate');
  }
  const pem = (bytes: Uint8Array | undefined): Buffer | null =>
    bytes === undefined ? null : Buffer.from(bytes);
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

function invalid(message: string): HansaError {
  return new HansaError('CONFIG_INVALID', message);
}
