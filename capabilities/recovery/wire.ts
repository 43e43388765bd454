// What an owner asks of a peer that mirrors it: its own signed heads, and its own content back.
import {
  bytesSchema,
  federatedIdSchema,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  blobReferenceSchema,
  headSchema,
  type Head,
  type ResourceEntry,
} from '../resources/contract.ts';
import type { Standing } from './contract.ts';

export const witnessedMax = 100; // heads in one answer: about 60 KiB
export const positionsMax = 1_000; // in one answer: about 30 KiB
// a page of entries stays below a frame, whatever its values are
export const pageBytesMax: number = 1_024 * 1_024;
export const pageEntriesMax = 1_000; // small ones cost more than their bytes

export interface RecoveryPeer {
  /** The newest signed heads that the asked cluster holds of the asking one’s; null for no copy. */
  witness(
    input: { readonly resources: readonly FederatedId[] },
    call?: Call,
  ): Promise<{ readonly heads: readonly (Head | null)[] }>;
  /** Where the asked cluster’s own resources stand that the asker may pull; null for any other. */
  positions(
    input: { readonly resources: readonly FederatedId[] },
    call?: Call,
  ): Promise<{ readonly positions: readonly (Standing | null)[] }>;
  /** The asking cluster’s own content: entries of a copy after a key, in their order. */
  entries(
    input: { readonly resource: FederatedId; readonly after?: Uint8Array | undefined },
    call?: Call,
  ): Promise<EntriesPage>;
}

export interface EntriesPage {
  /** Of the whole copy: of every page the same, or the copy has moved meanwhile. */
  readonly head: Head;
  readonly entries: readonly ResourceEntry[];
  /** Nothing comes after this page. */
  readonly last: boolean;
}

const natural = z.number().int().nonnegative();
const entry: z.ZodType<ResourceEntry> = z.object({
  key: bytesSchema,
  value: bytesSchema,
  version: z.number().int().positive(),
  blobs: z.array(blobReferenceSchema).max(16),
});

export const recoveryPeerContract: Contract<RecoveryPeer> = {
  name: 'recovery-peer',
  version: 1,
  traffic: 'bulk',
  methods: {
    witness: {
      summary: 'Signed heads of the asker, as the asked holds them.',
      permission: 'peer',
      input: z.object({ resources: z.array(federatedIdSchema).max(witnessedMax) }),
      output: z.object({ heads: z.array(headSchema.nullable()).max(witnessedMax) }),
      errors: [],
    },
    positions: {
      summary: 'Where resources of the asked stand that the asker may pull.',
      permission: 'peer',
      input: z.object({ resources: z.array(federatedIdSchema).max(positionsMax) }),
      output: z.object({
        positions: z
          .array(z.object({ epoch: natural, sequence: natural }).nullable())
          .max(positionsMax),
      }),
      errors: [],
    },
    entries: {
      summary: 'The asker’s own content, as the asked holds it.',
      permission: 'peer',
      input: z.object({ resource: federatedIdSchema, after: bytesSchema.optional() }),
      output: z.object({
        head: headSchema,
        entries: z.array(entry).max(pageEntriesMax),
        last: z.boolean(),
      }),
      errors: ['MIRROR_NOT_FOUND'],
    },
  },
};
