// The in-process road: a carrier that takes calls straight to an edge of this process.
import { abortable } from './cancellation.ts';
import type { Carrier } from './contract.ts';
import type { Credential, Edge } from './edge.ts';

export function near(edge: Edge, credential: Credential): Carrier {
  const never = new AbortController().signal;
  return {
    // The carrier's own shape: whom, what, with what, and how.
    // oxlint-disable-next-line eslint/max-params
    call(contract, method, input, { signal }) {
      const request = { contract: contract.name, method, input, credential };
      return abortable(edge.call({ ...request, signal: signal ?? never }), signal);
    },
    // oxlint-disable-next-line eslint/max-params
    watch(contract, method, input, { signal }) {
      const request = { contract: contract.name, method, input, credential };
      return edge.watch({ ...request, signal: signal ?? never });
    },
  };
}
