// What a namespace is in the log of its resource: one entry, written when it is made.
import { clusterIdSchema, HansaError, utf8, type Codec, type ClusterId } from '@hansa/foundation';
import { z } from 'zod';
import { patternProblem } from '../signals/contract.ts';
import { patternLengthMax, patternsMax } from './contract.ts';

export const definitionKey: Uint8Array = utf8('definition');

export interface Definition {
  readonly patterns: readonly string[];
  /** Absent: of the cluster that owns the namespace. */
  readonly cluster?: ClusterId | undefined;
}

const definitionSchema: z.ZodType<Definition> = z.strictObject({
  patterns: z.array(z.string().max(patternLengthMax)).min(1).max(patternsMax),
  cluster: clusterIdSchema.optional(),
});

/** CHANGE_INVALID. */
export function definitionFrom(codec: Codec, bytes: Uint8Array): Definition {
  const parsed = definitionSchema.safeParse(decoded(codec, bytes));
  if (!parsed.success) {
    throw new HansaError('CHANGE_INVALID', 'a namespace has patterns, and says whose they are');
  }
  const problem = namespaceProblem(parsed.data.patterns);
  if (problem !== undefined) {
    throw new HansaError('CHANGE_INVALID', problem);
  }
  return parsed.data;
}

function decoded(codec: Codec, bytes: Uint8Array): unknown {
  try {
    return codec.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Why these are none, as a sentence. The first segment is said in full: who has a pattern for
 * everything would be asked for everything.
 */
export function namespaceProblem(patterns: readonly string[]): string | undefined {
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      return `${pattern}: ${problem}`;
    }
    const [, first = ''] = pattern.split('/');
    if (first === '' || first.includes('*') || first === 'clasp') {
      return `${pattern}: a namespace says its first segment in full, and /clasp/ is nobody's`;
    }
  }
  return undefined;
}
