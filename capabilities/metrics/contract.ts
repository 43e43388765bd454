// What a node counts and measures, for people; programs fetch the same as text from GET /metrics.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';

export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info';
  readonly meaning: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metrics {
  list(input: Record<string, never>, call?: Call): Promise<{ metrics: readonly Metric[] }>;
}

const metric: z.ZodType<Metric> = z.object({
  name: z.string(),
  type: z.enum(['counter', 'gauge', 'info']),
  meaning: z.string(),
  labels: z.record(z.string(), z.string()),
  value: z.number(),
});

export const metricsContract: Contract<Metrics> = {
  name: 'metrics',
  version: 1,
  methods: {
    list: {
      summary: 'Everything that the node counts and measures, as it stands now.',
      permission: 'metrics.read',
      route: 'GET /metrics/list',
      input: z.strictObject({}),
      output: z.object({ metrics: z.array(metric) }),
      errors: [],
    },
  },
};
