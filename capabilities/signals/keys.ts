// What the router of a cluster keeps beside its params: rules of addresses, tokens of the forms of
// the protocol, never their texts, and the key that signs them.
import { bytesSchema, table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import { hostedFields, type PlacedRule, type SignalTokenRow } from './hosted-contract.ts';

export interface TokenRecord extends SignalTokenRow {
  /** Of the whole text; its beginning, in hex, is the id. */
  readonly hash: Uint8Array;
}

export interface IssuerRecord {
  readonly seed: Uint8Array;
}

export interface HostedTables {
  /** By pattern. */
  readonly rules: Table<PlacedRule>;
  /** By id. */
  readonly tokens: Table<TokenRecord>;
  /** One row, under `key`. */
  readonly issuer: Table<IssuerRecord>;
}

const token: z.ZodType<TokenRecord> = z.intersection(
  hostedFields.tokenRow,
  z.object({ hash: bytesSchema }),
);
const issuer: z.ZodType<IssuerRecord> = z.object({ seed: bytesSchema });

export function hostedTables(store: KeyValueStore, codec: Codec): HostedTables {
  return {
    rules: table({ store, codec, name: 'signal-rule', schema: hostedFields.placed }),
    tokens: table({ store, codec, name: 'signal-token', schema: token }),
    issuer: table({ store, codec, name: 'signal-issuer', schema: issuer }),
  };
}
