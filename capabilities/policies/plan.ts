// What a change would give and take, in words.
import { clusterIdSchema, type ClusterId } from '@hansa/foundation';
import { z } from 'zod';
import { resourceIdSchema, verbs, type ResourceId, type Verb } from './rule.ts';

export const planRowsMax = 1_000; // a plan is read by a person

/** What one peer gains or loses by a change, or by which limits it is held from then on. */
export interface PlanRow {
  readonly change: 'gains' | 'loses' | 'limited' | 'unlimited';
  readonly peer: ClusterId;
  readonly peerName: string;
  readonly resource: ResourceId;
  readonly verbs: readonly Verb[];
}

export interface Plan {
  readonly rows: readonly PlanRow[];
  /** More rows than a person reads. */
  readonly truncated: boolean;
  /** Of a rule that is to be added: what it speaks of now, whoever gains or loses by it. */
  readonly matching?: { readonly resources: number; readonly kinds: readonly string[] } | undefined;
}

export const planRowsSchema: z.ZodType<readonly PlanRow[]> = z.array(
  z.object({
    change: z.enum(['gains', 'loses', 'limited', 'unlimited']),
    peer: clusterIdSchema,
    peerName: z.string(),
    resource: resourceIdSchema,
    verbs: z.array(z.enum(verbs)),
  }),
);
export const planSchema: z.ZodType<Plan> = z.object({
  rows: planRowsSchema,
  truncated: z.boolean(),
  matching: z.object({ resources: z.number(), kinds: z.array(z.string()) }).optional(),
});
