// Where judgements and requests are kept: by cluster.
import { clusterIdSchema, type ClusterId } from '@hansa/foundation';
import { z } from 'zod';
import { noteSchema } from './contract.ts';

export interface JudgementRecord {
  readonly cluster: ClusterId;
  readonly level: 'trusted' | 'blocked';
  readonly note: string;
  readonly sinceMs: number;
}

export interface RequestRecord {
  readonly cluster: ClusterId;
  readonly message: string;
  readonly requestedMs: number;
}

export const judgementSchema: z.ZodType<JudgementRecord> = z.strictObject({
  cluster: clusterIdSchema,
  level: z.enum(['trusted', 'blocked']),
  note: noteSchema,
  sinceMs: z.number(),
});
export const requestSchema: z.ZodType<RequestRecord> = z.strictObject({
  cluster: clusterIdSchema,
  message: noteSchema,
  requestedMs: z.number(),
});
