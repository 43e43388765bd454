// Mirrors of a cluster that has none: what a test does not ask about fails, where it is asked.
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import { HansaError } from '@hansa/foundation';

function none(): never {
  throw new HansaError('MIRROR_NOT_FOUND', 'there are no mirrors here');
}

export const noMirrors: Mirrors = {
  resolve: none,
  find: () => undefined,
  view: async () => undefined,
  at: async () => undefined,
  all: () => [],
  subscribe: () => () => undefined,
  hold: none,
  release: none,
  purge: none,
  oversee: () => undefined,
  wake: () => undefined,
  registerKind: () => undefined,
  batches: () => [],
  difference: none,
  served: async () => [],
  inspect: async () => undefined,
  mend: () => undefined,
  head: () => undefined,
  onHeld: () => undefined,
  fetch: none,
};
