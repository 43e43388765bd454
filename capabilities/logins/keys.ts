// Where logins are kept: hashes of passwords, codes and sessions, never the texts; identity
// providers, with their secrets apart; and whom each of them vouches for.
import {
  accountNameSchema,
  table,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { loginFields, type SessionRow } from './fields.ts';
import { bindingSchema, providerSchema, type Binding, type Provider } from './providers.ts';

export interface PasswordRecord {
  readonly user: string;
  readonly phc: string;
  readonly setMs: number;
  readonly mustChange: boolean;
}

export interface CodeRecord {
  /** Empty for the owner's. */
  readonly user: string;
  readonly hash: string;
  readonly expiresMs: number;
}

export interface SessionRecord extends SessionRow {
  /** Of the text; its beginning is the id. */
  readonly hash: string;
  readonly mark: string;
}

export interface SecretRecord {
  readonly secret: string;
}

export interface LoginTables {
  /** By user. */
  readonly passwords: Table<PasswordRecord>;
  /** By user; the owner's under the empty name. */
  readonly codes: Table<CodeRecord>;
  /** By id. */
  readonly sessions: Table<SessionRecord>;
  /** By name. */
  readonly providers: Table<Provider>;
  /** By provider: what has to be sealed. */
  readonly secrets: Table<SecretRecord>;
  /** By provider and subject. */
  readonly bindings: Table<Binding>;
  /** One row, under `first`: when the first owner's code was made. */
  readonly marks: Table<{ readonly atMs: number }>;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const password: z.ZodType<PasswordRecord> = z.object({
  user: accountNameSchema,
  phc: z.string(),
  setMs: z.number(),
  mustChange: z.boolean(),
});
const code: z.ZodType<CodeRecord> = z.object({ user: z.string(), hash, expiresMs: z.number() });
const session: z.ZodType<SessionRecord> = loginFields.session.extend({
  hash,
  mark: z.string(),
});

export function loginTables(store: KeyValueStore, codec: Codec): LoginTables {
  const of = <T>(name: string, schema: z.ZodType<T>): Table<T> =>
    table({ store, codec, name, schema });
  return {
    passwords: of('password', password),
    codes: of('code', code),
    sessions: of('session', session),
    providers: of('provider', providerSchema),
    secrets: of('secret', z.object({ secret: z.string() })),
    bindings: of('binding', bindingSchema),
    marks: of('mark', z.object({ atMs: z.number() })),
  };
}
