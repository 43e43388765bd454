// What is kept of certificates. Private keys have records of their own, beside what everybody may
// read.
import {
  bytesSchema,
  clusterIdSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { certificateFields, type CertificateRole, type CertificateRow } from './contract.ts';

/** An authority of this cluster. */
export interface RootRecord {
  readonly serial: string;
  readonly certificate: string;
  /** Certificates are dated back a little; its life is counted from here. */
  readonly madeMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Published before that, so that whoever verifies knows it already. */
  readonly signsFromMs: number;
}

export interface KeyRecord {
  /** PEM. */
  readonly privateKey: string;
}

export interface IssuedRecord extends CertificateRow {
  readonly certificate: string;
}

/** What this cluster tells of whom to believe: each content has a sequence of its own. */
export interface BundleRecord {
  readonly sequence: number;
  /** DER. */
  readonly roots: readonly Uint8Array[];
  /** Serials of certificates that have not run out; in order. */
  readonly revoked: readonly string[];
}

/** What a linked cluster told last of itself, and was taken. */
export interface PeerBundleRecord extends BundleRecord {
  readonly cluster: ClusterId;
  readonly refreshHintMs: number;
  readonly receivedMs: number;
}

export interface CertificateTables {
  /** By serial, like the next two. */
  readonly roots: Table<RootRecord>;
  readonly rootKeys: Table<KeyRecord>;
  readonly issued: Table<IssuedRecord>;
  /** The node's own certificate, and its key; by node. */
  readonly nodes: Table<IssuedRecord>;
  readonly nodeKeys: Table<KeyRecord>;
  readonly roles: Table<CertificateRole>;
  /** One record. */
  readonly bundle: Table<BundleRecord>;
  /** By cluster. */
  readonly peers: Table<PeerBundleRecord>;
}

const { role, row, serial } = certificateFields;
const root: z.ZodType<RootRecord> = z.object({
  serial,
  certificate: z.string(),
  madeMs: z.number(),
  notBeforeMs: z.number(),
  notAfterMs: z.number(),
  signsFromMs: z.number(),
});
const key: z.ZodType<KeyRecord> = z.object({ privateKey: z.string() });
const issued: z.ZodType<IssuedRecord> = z.intersection(row, z.object({ certificate: z.string() }));
const bundleFields = {
  sequence: z.number().int(),
  roots: z.array(bytesSchema),
  revoked: z.array(serial),
};
const bundle: z.ZodType<BundleRecord> = z.object(bundleFields);
const peerBundle: z.ZodType<PeerBundleRecord> = z.object({
  ...bundleFields,
  cluster: clusterIdSchema,
  refreshHintMs: z.number(),
  receivedMs: z.number(),
});

export function certificateTables(store: KeyValueStore, codec: Codec): CertificateTables {
  return {
    roots: table({ store, codec, name: 'roots', schema: root }),
    rootKeys: table({ store, codec, name: 'root-keys', schema: key }),
    issued: table({ store, codec, name: 'issued', schema: issued }),
    nodes: table({ store, codec, name: 'nodes', schema: issued }),
    nodeKeys: table({ store, codec, name: 'node-keys', schema: key }),
    roles: table({ store, codec, name: 'roles', schema: role }),
    bundle: table({ store, codec, name: 'bundle', schema: bundle }),
    peers: table({ store, codec, name: 'peers', schema: peerBundle }),
  };
}
