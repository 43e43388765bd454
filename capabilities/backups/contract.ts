// Copies of a whole cluster, written while it serves: its store at one revision, its blobs, and its
// keys where that is asked for. They are checked and restored without a node.
import { clusterIdSchema, type Call, type ClusterId, type Contract } from '@hansa/foundation';
import { z } from 'zod';

export interface BackupSummary {
  /** The folder, on the node's machine. */
  readonly path: string;
  readonly cluster: ClusterId;
  readonly name: string;
  readonly createdMs: number;
  /** The store is as it was at it. */
  readonly revision: number;
  readonly records: number;
  readonly storeBytes: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** Of the blobs, those that were not there from the backup before. */
  readonly copiedBlobs: number;
  readonly copiedBytes: number;
  /** Whoever has it, and what seals it, is the cluster. */
  readonly keys: boolean;
  /** Under the key that seals the node's data folder. */
  readonly sealed: boolean;
}

export interface BackupStep {
  readonly stage: 'store' | 'blobs';
  readonly done: number;
  /** Where it is known. */
  readonly total?: number | undefined;
}

export type BackupProgress =
  | ({ readonly type: 'progress' } & BackupStep)
  | { readonly type: 'done'; readonly backup: BackupSummary };

export interface Backups {
  /** Begins one. CONFLICT: another is being written. BACKUP_TARGET: not into that folder. */
  begin(
    input: { to: string; keys?: boolean | undefined },
    call?: Call,
  ): Promise<{ startedMs: number }>;
  /** How far the present one is, until it is written. */
  follow(input: Record<string, never>, call?: Call): AsyncIterable<BackupProgress>;
  status(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ running: boolean; last?: BackupSummary | undefined }>;
}

/** Who writes a backup: the only part of it that knows files. */
export interface BackupWriter {
  write(order: {
    readonly to: string;
    readonly keys: boolean;
    readonly signal: AbortSignal;
    progress(step: BackupStep): void;
  }): Promise<BackupSummary>;
}

const natural = z.number().int().nonnegative();
const summary: z.ZodType<BackupSummary> = z.object({
  path: z.string(),
  cluster: clusterIdSchema,
  name: z.string(),
  createdMs: z.number(),
  revision: natural,
  records: natural,
  storeBytes: natural,
  blobs: natural,
  blobBytes: natural,
  copiedBlobs: natural,
  copiedBytes: natural,
  keys: z.boolean(),
  sealed: z.boolean(),
});
export const summarySchema: z.ZodType<BackupSummary> = summary;
const pathLengthMax = 4_096; // the longest that Linux takes
const nothing = z.strictObject({});

export const backupsContract: Contract<Backups> = {
  name: 'backups',
  version: 1,
  methods: {
    begin: {
      summary: 'Begins to write a backup into a folder of the node’s machine.',
      permission: 'backups.write',
      route: 'POST /backups',
      input: z.strictObject({
        to: z.string().min(1).max(pathLengthMax),
        keys: z.boolean().optional(),
      }),
      about: ({ to }) => to,
      output: z.object({ startedMs: z.number() }),
      errors: ['CONFLICT', 'BACKUP_TARGET'],
    },
    follow: {
      watch: true,
      summary: 'How far the present backup is, until it is written.',
      permission: 'backups.read',
      route: 'GET /backups/progress',
      input: nothing,
      output: z.discriminatedUnion('type', [
        z.object({
          type: z.literal('progress'),
          stage: z.enum(['store', 'blobs']),
          done: natural,
          total: natural.optional(),
        }),
        z.object({ type: z.literal('done'), backup: summary }),
      ]),
      errors: ['BACKUP_TARGET', 'DISK_FULL', 'BLOB_CORRUPT', 'STORE_DAMAGED'],
    },
    status: {
      summary: 'The last backup that was written, and whether another is being written.',
      permission: 'backups.read',
      route: 'GET /backups',
      input: nothing,
      output: z.object({ running: z.boolean(), last: summary.optional() }),
      errors: [],
    },
  },
};
