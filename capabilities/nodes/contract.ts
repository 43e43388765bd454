// The nodes of this cluster: one is active and does the cluster's work, the others stand by, pass
// requests on to it, keep copies of blobs, and take over when it is gone.
import { nodeIdSchema, type Call, type Contract, type NodeId } from '@hansa/foundation';
import { z } from 'zod';

export const nodesMax = 16; // etcd itself is best with at most seven members; more only forward
export const ticketMsDefault: number = 15 * 60_000; // as an invitation to link
export const ticketMsMax: number = 24 * 3_600_000; // it opens the cluster's keys: a day at most
export const ticketsOpenMax = 16; // nobody adds more nodes at once
export const ticketBytesMax: number = 8 * 1_024; // the store's certificates are a part of it
export const presenceSeconds = 10; // a node that is silent so long is away
// It says that it is there every 2.5 s, and the store counts whole seconds: beyond, one was missed.
export const silentSecondsUsual = 3;
export const termSeconds = 5; // the shortest lease of the store: so long nobody is active at most

/** `away`: it has not been heard of for `presenceSeconds`. */
export const nodeRoles = ['active', 'standby', 'away'] as const;
export type NodeRole = (typeof nodeRoles)[number];
/** A draining node does not take over, and gives over what it does. */
export const nodeModes = ['serving', 'draining'] as const;
export type NodeMode = (typeof nodeModes)[number];

export interface ClusterNode {
  readonly node: NodeId;
  readonly name: string;
  readonly role: NodeRole;
  readonly mode: NodeMode;
  /** Since it was last heard of, as its presence says; absent where that is gone. */
  readonly silentSeconds?: number | undefined;
  /** Whether it is the one that answers. */
  readonly answers: boolean;
  /** Where people and programs reach it; absent while it is away. */
  readonly api?: string | undefined;
  /** Where the other nodes reach it. */
  readonly ports: readonly string[];
  readonly version?: string | undefined;
  readonly joinedMs: number;
}

export interface StoreHealth {
  readonly engine: string;
  readonly revision: number;
  readonly sizeBytes: number;
  readonly durability: string;
}

export interface ClusterHealth {
  readonly healthy: boolean;
  /** A sentence each; empty where all is well. */
  readonly problems: readonly string[];
  readonly active: string;
  readonly serving: number;
  readonly away: number;
  readonly store: StoreHealth;
  /** Blobs that lie on fewer nodes than asked for, at the last look; absent on a single node. */
  readonly blobs?:
    | { readonly copies: number; readonly short: number; readonly lookedMs: number }
    | undefined;
}

export interface Ticket {
  /** Opens the cluster's keys once: as secret as a password. */
  readonly ticket: string;
  readonly expiresMs: number;
}

export interface Nodes {
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly nodes: readonly ClusterNode[] }>;
  /** NODES_UNSUPPORTED where the store serves one node. */
  invite(input: { readonly ttlMs?: number | undefined }, call?: Call): Promise<Ticket>;
  /** By its name, its id or the first digits of that; waits for nothing. */
  drain(input: { readonly node: string }, call?: Call): Promise<ClusterNode>;
  resume(input: { readonly node: string }, call?: Call): Promise<ClusterNode>;
  /** NODE_IN_USE where it is neither away nor drained. */
  remove(input: { readonly node: string }, call?: Call): Promise<ClusterNode>;
  health(input: Record<string, never>, call?: Call): Promise<ClusterHealth>;
}

const natural = z.number().int().nonnegative();
const shown: z.ZodType<ClusterNode> = z.object({
  node: nodeIdSchema,
  name: z.string(),
  role: z.enum(nodeRoles),
  mode: z.enum(nodeModes),
  silentSeconds: natural.optional(),
  answers: z.boolean(),
  api: z.string().optional(),
  ports: z.array(z.string()),
  version: z.string().optional(),
  joinedMs: natural,
});
const nothing = z.strictObject({});
const oneNode = z.strictObject({ node: z.string().min(1).max(128) });

export const nodesContract: Contract<Nodes> = {
  name: 'nodes',
  version: 1,
  methods: {
    list: {
      summary: 'Lists the nodes of this cluster, and which one is active.',
      permission: 'nodes.read',
      route: 'GET /nodes',
      input: nothing,
      output: z.object({ nodes: z.array(shown) }),
      errors: [],
    },
    invite: {
      summary: 'Makes a ticket with which one more node joins, once.',
      permission: 'nodes.write',
      route: 'POST /nodes/tickets',
      input: z.strictObject({ ttlMs: z.number().int().min(1_000).max(ticketMsMax).optional() }),
      output: z.object({ ticket: z.string(), expiresMs: natural }),
      errors: ['NODES_UNSUPPORTED', 'STORE_LIMIT'],
    },
    drain: {
      summary: 'Has a node give over what it does, and take over nothing.',
      permission: 'nodes.write',
      route: 'POST /nodes/drain',
      input: oneNode,
      output: shown,
      errors: ['NODE_NOT_FOUND', 'NODE_IN_USE', 'NODES_UNSUPPORTED'],
    },
    resume: {
      summary: 'Lets a drained node serve again.',
      permission: 'nodes.write',
      route: 'POST /nodes/resume',
      input: oneNode,
      output: shown,
      errors: ['NODE_NOT_FOUND', 'NODES_UNSUPPORTED'],
    },
    remove: {
      summary: 'Takes a node that is away or drained out of the cluster, for good.',
      permission: 'nodes.write',
      route: 'DELETE /nodes',
      input: oneNode,
      output: shown,
      errors: ['NODE_NOT_FOUND', 'NODE_IN_USE', 'NODES_UNSUPPORTED'],
    },
    health: {
      summary: 'Whether the cluster can lose a node, and what is wrong where it cannot.',
      permission: 'nodes.read',
      route: 'GET /nodes/health',
      input: nothing,
      output: z.object({
        healthy: z.boolean(),
        problems: z.array(z.string()),
        active: z.string(),
        serving: natural,
        away: natural,
        store: z.object({
          engine: z.string(),
          revision: natural,
          sizeBytes: natural,
          durability: z.string(),
        }),
        blobs: z.object({ copies: natural, short: natural, lookedMs: natural }).optional(),
      }),
      errors: [],
    },
  },
};
