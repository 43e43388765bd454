// Namespaces as sync mirrors them: every change is checked before it is applied.
import { equalBytes, HansaError, type Codec } from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind } from '../sync/contract.ts';
import { namespaceKind } from './contract.ts';
import { definitionFrom, definitionKey } from './keys.ts';

export function createNamespaceKind(codec: Codec, purged: () => void): FederatedKind {
  return {
    kind: namespaceKind,
    async stage(_before, changes) {
      changes.forEach((change) => checkChange(codec, change));
      return { commit: async () => undefined, discard: async () => undefined };
    },
    settle: async () => undefined,
    purge: async () => purged(),
  };
}

/** CHANGE_INVALID where it is none of a namespace. */
function checkChange(codec: Codec, { sequence, change }: SequencedChange): void {
  for (const op of change.ops) {
    const isDefinition =
      'put' in op && equalBytes(op.put.key, definitionKey) && op.put.blobs.length === 0;
    if (!isDefinition) {
      throw new HansaError('CHANGE_INVALID', `change ${sequence} is none of a namespace`);
    }
    definitionFrom(codec, op.put.value);
  }
}
