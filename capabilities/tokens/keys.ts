// Where tokens are kept: what was issued and revoked, without the tokens; what was received, with
// them; whose tokens count here, and what those clusters took back.
import {
  clusterIdSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { tokenFields, type IssuedRow, type Revocation } from './contract.ts';

export interface IssuedRecord extends Omit<IssuedRow, 'revoked'> {
  /** Ids of the token that its maker came with, and of those that one descends from. */
  readonly via: readonly string[];
  /** Whose word those are; this cluster's where absent. */
  readonly viaRoot?: ClusterId | undefined;
}

/** What another cluster took back of its own tokens. */
export interface FollowedRecord {
  readonly root: ClusterId;
  readonly jti: string;
  readonly untilMs: number;
}

export interface ReceivedRecord {
  readonly jti: string;
  readonly text: string;
  readonly issuer: string;
  readonly presentTo: ClusterId;
  readonly caps: readonly string[];
  readonly expiresMs: number;
}

export interface HonouredRecord {
  readonly cluster: ClusterId;
  readonly caps: readonly string[];
}

export interface TokenTables {
  /** By token id, like the next two. */
  readonly issued: Table<IssuedRecord>;
  readonly revoked: Table<Revocation>;
  readonly received: Table<ReceivedRecord>;
  /** By cluster. */
  readonly honoured: Table<HonouredRecord>;
  /** By the cluster that said so, then by token id. */
  readonly followed: Table<FollowedRecord>;
}

const { jti, subject, holder, scopes, text } = tokenFields;
const issued: z.ZodType<IssuedRecord> = z.object({
  jti,
  subject,
  audience: z.array(holder),
  caps: scopes,
  issuedMs: z.number(),
  expiresMs: z.number(),
  delegable: z.boolean(),
  via: z.array(jti),
  viaRoot: clusterIdSchema.optional(),
});
const revoked: z.ZodType<Revocation> = z.object({
  jti,
  revokedMs: z.number(),
  untilMs: z.number(),
});
const received: z.ZodType<ReceivedRecord> = z.object({
  jti,
  text,
  issuer: z.string(),
  presentTo: clusterIdSchema,
  caps: scopes,
  expiresMs: z.number(),
});
const followed: z.ZodType<FollowedRecord> = z.object({
  root: clusterIdSchema,
  jti,
  untilMs: z.number(),
});
const honoured: z.ZodType<HonouredRecord> = z.object({ cluster: clusterIdSchema, caps: scopes });

export function tokenTables(store: KeyValueStore, codec: Codec): TokenTables {
  return {
    issued: table({ store, codec, name: 'issued', schema: issued }),
    revoked: table({ store, codec, name: 'revoked', schema: revoked }),
    received: table({ store, codec, name: 'received', schema: received }),
    honoured: table({ store, codec, name: 'honoured', schema: honoured }),
    followed: table({ store, codec, name: 'followed', schema: followed }),
  };
}
