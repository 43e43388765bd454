// What the rooms of certificates are handed: the maker, the tables, and the caches that follow
// them.
import type {
  Clock,
  ClusterId,
  HansaError,
  KeyValueStore,
  Log,
  Mutex,
  NodeId,
  Random,
  WatchedTable,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { AuditSink } from '../audit/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { CertificateMaker } from './authority.ts';
import type { CertificateRole, Validities } from './contract.ts';
import type {
  BundleRecord,
  CertificateTables,
  IssuedRecord,
  PeerBundleRecord,
  RootRecord,
} from './keys.ts';

export interface CertificateCaches {
  readonly roots: WatchedTable<RootRecord>;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly nodes: WatchedTable<IssuedRecord>;
  readonly roles: WatchedTable<CertificateRole>;
  readonly bundle: WatchedTable<BundleRecord>;
  readonly peerBundles: WatchedTable<PeerBundleRecord>;
}

export interface CertificateParts extends CertificateCaches {
  readonly store: KeyValueStore;
  readonly tables: CertificateTables;
  readonly maker: CertificateMaker;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly peers: Peers;
  readonly validities: Validities;
  /** DNS names and addresses of this node's own certificate. */
  readonly names: { readonly dns: readonly string[]; readonly ips: readonly string[] };
  /** Nobody is given a certificate of somebody who may more; without it, owners alone issue. */
  readonly access?: (() => Pick<AccessControl, 'requireStandIn'>) | undefined;
  readonly audit?: AuditSink | undefined;
  /** One change of what is published at a time. */
  readonly publishing: Mutex;
  /** What peers told last and was not taken. */
  readonly refused: Map<ClusterId, HansaError>;
}

/** Positive and never short, so that it is written alike everywhere. */
export function newSerial(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
