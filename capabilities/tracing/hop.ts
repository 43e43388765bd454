// One thing that happened to a change at one cluster, as that cluster tells it.
import { z } from 'zod';

/** In the order in which they happen. */
export const hopSteps = [
  'written',
  'promoted',
  'signed',
  'received',
  'fetched',
  'verified',
  'applied',
  'held',
  'waiting',
] as const;
export type HopStep = (typeof hopSteps)[number];

export const sentenceLengthMax = 400; // a hop is one line on a screen
export const hopsMax = 32; // what one cluster has to say of one change

export interface Hop {
  readonly step: HopStep;
  /** By the clock of the cluster that tells it; absent where the moment is not known. */
  readonly atMs?: number | undefined;
  /** Since the step before it. */
  readonly tookMs?: number | undefined;
  readonly sentence: string;
}

const time = z.number().int().nonnegative();

/** What a peer says is printed on terminals: no control characters. */
export const hopSchema: z.ZodType<Hop> = z.object({
  step: z.enum(hopSteps),
  atMs: time.optional(),
  tookMs: time.optional(),
  sentence: z
    .string()
    .max(sentenceLengthMax)
    .regex(/^\P{C}*$/u),
});
