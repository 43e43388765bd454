// The process itself: how it is, what it was told, and how it ends.
import {
  clusterIdSchema,
  errorReportSchema,
  nodeIdSchema,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type NodeId,
} from '@hansa/foundation';
import { z } from 'zod';

export interface LinkSummary {
  readonly name: string;
  readonly peer: ClusterId;
  readonly status: string;
  readonly reason?: string | undefined;
}

export interface MirrorSummary {
  readonly mirror: string;
  readonly state: string;
  readonly sequence?: number | undefined;
}

export interface ShownCertificate {
  readonly keyIndex: number;
  readonly serial: number;
  readonly leftMs: number;
}

export interface DaemonStatus {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly node: NodeId;
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly data: string;
  readonly api: string;
  readonly federation: 'on' | 'off';
  readonly problem?: ErrorReport | undefined;
  /** What a person has to act on: a copy that runs, a history that was rewound. */
  readonly warnings: readonly ErrorReport[];
  /** Of this node; renews itself. */
  readonly certificate?: ShownCertificate | undefined;
  /** Where peers reach this node. */
  readonly addresses: readonly string[];
  readonly store: {
    readonly engine: string;
    readonly durability: string;
    readonly revision: number;
    readonly sizeBytes: number;
  };
  readonly resources: number;
  readonly rules: number;
  /** How many clusters are trusted, blocked, or ask to be trusted. */
  readonly trust: {
    readonly trusted: number;
    readonly blocked: number;
    readonly requests: number;
  };
  readonly links: readonly LinkSummary[];
  readonly mirrors: readonly MirrorSummary[];
  readonly memoryBytes: number;
}

/** One setting, and where it came from. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly source: 'flag' | 'environment' | 'file' | 'default';
  readonly description: string;
}

/** The process that answers. */
export interface Daemon {
  status(input: Record<string, never>, call?: Call): Promise<DaemonStatus>;
  config(input: Record<string, never>, call?: Call): Promise<{ settings: readonly Setting[] }>;
  /** Answers, then stops in order. */
  stop(input: Record<string, never>, call?: Call): Promise<{ pid: number }>;
}

const nothing = z.strictObject({});
const status: z.ZodType<DaemonStatus> = z.object({
  cluster: clusterIdSchema,
  name: z.string(),
  node: nodeIdSchema,
  version: z.string(),
  pid: z.number(),
  uptimeMs: z.number(),
  data: z.string(),
  api: z.string(),
  federation: z.enum(['on', 'off']),
  problem: errorReportSchema.optional(),
  warnings: z.array(errorReportSchema),
  certificate: z
    .object({ keyIndex: z.number(), serial: z.number(), leftMs: z.number() })
    .optional(),
  addresses: z.array(z.string()),
  store: z.object({
    engine: z.string(),
    durability: z.string(),
    revision: z.number(),
    sizeBytes: z.number(),
  }),
  resources: z.number(),
  rules: z.number(),
  trust: z.object({ trusted: z.number(), blocked: z.number(), requests: z.number() }),
  links: z.array(
    z.object({
      name: z.string(),
      peer: clusterIdSchema,
      status: z.string(),
      reason: z.string().optional(),
    }),
  ),
  mirrors: z.array(
    z.object({ mirror: z.string(), state: z.string(), sequence: z.number().optional() }),
  ),
  memoryBytes: z.number(),
});

export const daemonContract: Contract<Daemon> = {
  name: 'daemon',
  version: 1,
  methods: {
    status: {
      summary: 'How the node is: identity, store, links, mirrors.',
      permission: 'daemon.read',
      route: 'GET /status',
      input: nothing,
      output: status,
      errors: [],
    },
    config: {
      summary: 'Every setting with its value and where it came from.',
      permission: 'daemon.read',
      route: 'GET /config',
      input: nothing,
      output: z.object({
        settings: z.array(
          z.object({
            name: z.string(),
            value: z.string(),
            source: z.enum(['flag', 'environment', 'file', 'default']),
            description: z.string(),
          }),
        ),
      }),
      errors: [],
    },
    stop: {
      summary: 'Stops the node in order.',
      permission: 'daemon.write',
      route: 'POST /stop',
      input: nothing,
      output: z.object({ pid: z.number() }),
      errors: [],
    },
  },
};
