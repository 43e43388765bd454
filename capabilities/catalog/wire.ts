// What a peer may ask of the catalog: pages of what it may see, and a word whenever that changes.
import { localIdSchema, type Call, type Contract, type LocalId } from '@hansa/foundation';
import { z } from 'zod';
import { catalogPageMax, itemSchema, type CatalogItem } from './contract.ts';

export interface CatalogPeer {
  /** In the order of local ids, after the given one. */
  list(
    input: { readonly after?: LocalId | undefined },
    call?: Call,
  ): Promise<{ readonly items: readonly CatalogItem[]; readonly more: boolean }>;
  /** One item whenever what the asking cluster may see has changed; how, the list tells. */
  changes(
    input: Record<string, never>,
    call?: Call,
  ): AsyncIterable<{ readonly generation: number }>;
}

export const catalogPeerContract: Contract<CatalogPeer> = {
  name: 'catalog-peer',
  version: 1,
  traffic: 'state',
  methods: {
    list: {
      summary: 'A page of what the asking cluster may see.',
      permission: 'peer',
      input: z.object({ after: localIdSchema.optional() }),
      output: z.object({ items: z.array(itemSchema).max(catalogPageMax), more: z.boolean() }),
      errors: [],
    },
    changes: {
      watch: true,
      summary: 'A word whenever what the asking cluster may see has changed.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({ generation: z.number() }),
      errors: [],
    },
  },
};
