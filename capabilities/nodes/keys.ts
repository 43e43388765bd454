// What the nodes of a cluster keep of each other. Who is present, and who is active, lies under
// leases: a node that is gone takes its rows along.
import {
  bytesSchema,
  nodeIdSchema,
  table,
  type Codec,
  type KeyValueStore,
  type NodeId,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { nodeModes, type NodeMode } from './contract.ts';

export const nodesScope = 'nodes';

export interface MemberRecord {
  readonly node: NodeId;
  readonly name: string;
  readonly mode: NodeMode;
  readonly joinedMs: number;
}

export interface PresenceRecord {
  readonly node: NodeId;
  readonly api: string;
  /** `host:port` of where the other nodes reach it. */
  readonly ports: readonly string[];
  readonly version: string;
}

/** What a ticket opens: sealed under its secret, and found by the hash of it. */
export interface TicketRecord {
  readonly expiresMs: number;
  readonly sealed: Uint8Array;
}

export interface ActiveRecord {
  readonly node: NodeId;
}

/** The cluster's seeds, sealed under the key that its nodes share. */
export interface SealedKeysRecord {
  readonly sealed: Uint8Array;
}

const address = z.string().min(1).max(512);

/** By node, by node, by the hex of the secret's hash, one, and by which seed. */
export interface NodeTables {
  readonly members: Table<MemberRecord>;
  readonly presence: Table<PresenceRecord>;
  readonly tickets: Table<TicketRecord>;
  readonly active: Table<ActiveRecord>;
  readonly seeds: Table<SealedKeysRecord>;
}

export function nodeTables(store: KeyValueStore, codec: Codec): NodeTables {
  const named = <T>(name: string, schema: z.ZodType<T>): Table<T> =>
    table({ store, codec, name, schema });
  return {
    members: named<MemberRecord>(
      'member',
      z.object({
        node: nodeIdSchema,
        name: z.string(),
        mode: z.enum(nodeModes),
        joinedMs: z.number(),
      }),
    ),
    presence: named<PresenceRecord>(
      'presence',
      z.object({
        node: nodeIdSchema,
        api: address,
        ports: z.array(address),
        version: z.string(),
      }),
    ),
    tickets: named<TicketRecord>(
      'ticket',
      z.object({ expiresMs: z.number(), sealed: bytesSchema }),
    ),
    active: named<ActiveRecord>('active', z.object({ node: nodeIdSchema })),
    seeds: named<SealedKeysRecord>('seed', z.object({ sealed: bytesSchema })),
  };
}
