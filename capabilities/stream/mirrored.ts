// Streams as sync mirrors them: every batch is checked before it is applied, and readers hear of it
// once it is.
import type { Codec, FederatedId } from '@hansa/foundation';
import type { FederatedKind } from '../sync/contract.ts';
import { checkChanges } from './checking.ts';
import type { Consumers } from './consumers.ts';
import { streamKind } from './contract.ts';
import { emptyState } from './keys.ts';
import { readState } from './sources.ts';

export interface StreamNews {
  subscribe(changed: (resource: FederatedId) => void): () => void;
}

export function createStreamKind(needs: { readonly codec: Codec; readonly consumers: Consumers }): {
  readonly kind: FederatedKind;
  readonly news: StreamNews;
} {
  const { codec, consumers } = needs;
  const listeners = new Set<(resource: FederatedId) => void>();
  const tell = (resource: FederatedId): void => {
    [...listeners].forEach((listener) => listener(resource));
  };
  return {
    news: {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    kind: {
      kind: streamKind,
      async stage(before, changes) {
        const state = await readState(codec, before).catch(() => emptyState);
        checkChanges(codec, state, changes);
        return { commit: async () => tell(before.resource), discard: async () => undefined };
      },
      async settle({ resource }) {
        tell(resource);
      },
      async purge({ resource, epoch }) {
        await consumers.drop(resource, epoch);
        tell(resource);
      },
    },
  };
}
