// Where identity is kept: the inception record, and this node's certificate.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import {
  certificateSchema,
  inceptionSchema,
  type Inception,
  type NodeCertificate,
} from './contract.ts';

export interface IdentityTables {
  /** One row, at no key parts. */
  readonly inception: Table<Inception>;
  /** By node id. */
  readonly certificates: Table<NodeCertificate>;
}

export function identityTables(store: KeyValueStore, codec: Codec): IdentityTables {
  return {
    inception: table({ store, codec, name: 'inception', schema: inceptionSchema }),
    certificates: table({ store, codec, name: 'certificate', schema: certificateSchema }),
  };
}
