// Where tokens are kept: what was issued and revoked, without the tokens; what was received, with
// them; and whose tokens count here.
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
}

const { jti, subject, principal, scopes, text } = tokenFields;
const issued: z.ZodType<IssuedRecord> = z.object({
  jti,
  subject,
  audience: z.array(principal),
  caps: scopes,
  issuedMs: z.number(),
  expiresMs: z.number(),
  delegable: z.boolean(),
  via: z.array(jti),
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
const honoured: z.ZodType<HonouredRecord> = z.object({ cluster: clusterIdSchema, caps: scopes });

export function tokenTables(store: KeyValueStore, codec: Codec): TokenTables {
  return {
    issued: table({ store, codec, name: 'issued', schema: issued }),
    revoked: table({ store, codec, name: 'revoked', schema: revoked }),
    received: table({ store, codec, name: 'received', schema: received }),
    honoured: table({ store, codec, name: 'honoured', schema: honoured }),
  };
}
