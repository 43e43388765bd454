// Documents as sync mirrors them: every change is checked before it is applied.
import {
  equalBytes,
  hlcAheadMaxMs,
  HansaError,
  splitFederatedId,
  type ClusterId,
  type Codec,
  type FederatedId,
} from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind } from '../sync/contract.ts';
import { documentKind } from './contract.ts';
import { documentFrom, settingsFrom, settingsKey, valueKey } from './keys.ts';

export interface DocumentKind {
  readonly kind: FederatedKind;
  /** Called after a mirror was removed, which its own subscription does not tell. */
  onPurge(purged: (resource: FederatedId) => void): () => void;
}

export function createDocumentKind(codec: Codec): DocumentKind {
  const listeners = new Set<(resource: FederatedId) => void>();
  return {
    kind: {
      kind: documentKind,
      async stage({ resource }, changes) {
        const { owner } = splitFederatedId(resource);
        changes.forEach((change) => checkChange(codec, owner, change));
        return { commit: async () => undefined, discard: async () => undefined };
      },
      settle: async () => undefined,
      purge: async ({ resource }) => listeners.forEach((purged) => purged(resource)),
    },
    onPurge(purged) {
      listeners.add(purged);
      return () => listeners.delete(purged);
    },
  };
}

/** CHANGE_INVALID where it is none of a document. */
export function checkChange(
  codec: Codec,
  owner: ClusterId,
  { sequence, change }: SequencedChange,
): void {
  for (const op of change.ops) {
    if ('delete' in op || op.put.blobs.length > 0) {
      throw breach(sequence, 'a document has a value and no blobs');
    }
    const { key, value } = op.put;
    if (equalBytes(key, settingsKey)) {
      settingsFrom(codec, value);
    } else if (!equalBytes(key, valueKey)) {
      throw breach(sequence, 'it has a key that no document has');
    } else if (documentFrom(codec, value, owner).cell.at[0] > change.hlc[0] + hlcAheadMaxMs) {
      throw breach(sequence, 'its value is written after it');
    }
  }
}

function breach(sequence: number, what: string): HansaError {
  return new HansaError('CHANGE_INVALID', `change ${sequence} is none of a document: ${what}`);
}
