// The in-process road: a carrier that takes calls straight to an edge of this process.
import { abortable } from './cancellation.ts';
import type { Carrier } from './contract.ts';
import type { Credential, Edge } from './edge.ts';

export function near(edge: Edge, credential: Credential): Carrier {
  const never = new AbortController().signal;
  return {
    call(contract, method, input, { signal }) {
      const request = { contract: contract.name, method, input, credential };
      return abortable(edge.call({ ...request, signal: signal ?? never }), signal);
    },
    watch(contract, method, input, { signal }) {
      const request = { contract: contract.name, method, input, credential };
      return edge.watch({ ...request, signal: signal ?? never });
    },
  };
}
