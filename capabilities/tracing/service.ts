// Traces, differences and evidence as people ask for them.
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { History } from '../resources/contract.ts';
import type { Tracing } from './contract.ts';
import { differences } from './differences.ts';
import { exportEvidence } from './exporting.ts';
import { resolveResource } from './spelling.ts';
import { traceChange, type TracesNeeds } from './traces.ts';

export interface TracingNeeds extends TracesNeeds {
  readonly signer: Signer;
  readonly keys: KeyBook;
  readonly history: History;
}

export function createTracing(needs: TracingNeeds): Tracing {
  return {
    trace: ({ change }, call) => traceChange(needs, change, call?.signal),
    diff: async ({ of }, call) => ({ rows: await differences(needs, of, call?.signal) }),
    async *evidence({ resource, since }) {
      yield* exportEvidence(needs, resolveResource(needs, resource), since);
    },
  };
}
