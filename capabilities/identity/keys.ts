// Where identity is kept: the inception record, the rotations since, this node's certificate, and
// the keys of other clusters.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import {
  certificateSchema,
  inceptionSchema,
  keyForkSchema,
  keyLogSchema,
  rotationSchema,
  type Inception,
  type KeyFork,
  type KeyLog,
  type NodeCertificate,
  type Rotation,
} from './contract.ts';

/** What is known of another cluster's keys. */
export interface PeerKeys {
  readonly log: KeyLog;
  readonly fork?: KeyFork | undefined;
}

export interface IdentityTables {
  /** One row, at no key parts. */
  readonly inception: Table<Inception>;
  /** By key index. A record that is here is in force, or will be with the next start. */
  readonly rotations: Table<Rotation>;
  /** By node id. */
  readonly certificates: Table<NodeCertificate>;
  /** By cluster id. */
  readonly peers: Table<PeerKeys>;
}

const peerKeys: z.ZodType<PeerKeys> = z.object({
  log: keyLogSchema,
  fork: keyForkSchema.optional(),
});

export function identityTables(store: KeyValueStore, codec: Codec): IdentityTables {
  return {
    inception: table({ store, codec, name: 'inception', schema: inceptionSchema }),
    rotations: table({ store, codec, name: 'rotation', schema: rotationSchema }),
    certificates: table({ store, codec, name: 'certificate', schema: certificateSchema }),
    peers: table({ store, codec, name: 'peer-keys', schema: peerKeys }),
  };
}
