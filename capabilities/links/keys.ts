// Where links keep what must survive: invitations by nonce hash, links by peer.
import {
  clusterIdSchema,
  hashSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { labelsSchema } from '../resources/contract.ts';
import { endpointSchema, type Endpoint } from './contract.ts';

export interface InviteRecord {
  readonly id: string;
  readonly expiresMs: number;
  readonly serveOnly: boolean;
  /** Whoever redeems is confirmed at once. */
  readonly confirm: boolean;
  readonly state: 'open' | 'used' | 'revoked';
  readonly usedBy?: ClusterId | undefined;
  readonly usedMs?: number | undefined;
}

export interface LinkRecord {
  readonly peer: ClusterId;
  readonly name: string;
  readonly epoch: number;
  readonly mine: boolean;
  readonly theirs: boolean;
  readonly invitedByUs: boolean;
  readonly inviterNonce: Uint8Array;
  readonly accepterNonce: Uint8Array;
  readonly confirmedHere: boolean;
  readonly confirmedThere: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly createdMs: number;
  readonly closed: boolean;
  /** Ours, for rules; they outlast the link, as rules for its cluster do. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface LinkTables {
  /** By the hex of BLAKE3(nonce): the store never holds a usable token. */
  readonly invites: Table<InviteRecord>;
  /** By peer. */
  readonly links: Table<LinkRecord>;
}

const invite: z.ZodType<InviteRecord> = z.object({
  id: z.string(),
  expiresMs: z.number(),
  serveOnly: z.boolean(),
  confirm: z.boolean(),
  state: z.enum(['open', 'used', 'revoked']),
  usedBy: clusterIdSchema.optional(),
  usedMs: z.number().optional(),
});
const link: z.ZodType<LinkRecord> = z.object({
  peer: clusterIdSchema,
  name: z.string(),
  epoch: z.number(),
  mine: z.boolean(),
  theirs: z.boolean(),
  invitedByUs: z.boolean(),
  inviterNonce: hashSchema,
  accepterNonce: hashSchema,
  confirmedHere: z.boolean(),
  confirmedThere: z.boolean(),
  endpoints: z.array(endpointSchema),
  createdMs: z.number(),
  closed: z.boolean(),
  labels: labelsSchema.optional(),
});

export function linkTables(store: KeyValueStore, codec: Codec): LinkTables {
  return {
    invites: table({ store, codec, name: 'invite', schema: invite }),
    links: table({ store, codec, name: 'link', schema: link }),
  };
}
