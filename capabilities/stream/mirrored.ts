// Streams as sync mirrors them: every batch is checked before it is applied.
import type { Codec } from '@hansa/foundation';
import type { FederatedKind } from '../sync/contract.ts';
import { checkChanges } from './checking.ts';
import type { Consumers } from './consumers.ts';
import { streamKind } from './contract.ts';
import { readState } from './sources.ts';

export function createStreamKind(needs: {
  readonly codec: Codec;
  readonly consumers: Consumers;
}): FederatedKind {
  const { codec, consumers } = needs;
  return {
    kind: streamKind,
    async stage(before, changes) {
      checkChanges(codec, await readState(codec, before), changes);
      return { commit: async () => undefined, discard: async () => undefined };
    },
    settle: async () => undefined,
    purge: ({ resource, epoch }) => consumers.drop(resource, epoch),
  };
}
