// Ties metrics to their host: a list for people, and the text that Prometheus and its kin fetch.
import { capability, utf8, type Capability } from '@hansa/foundation';
import { metricsContract } from './contract.ts';
import { exposition, expositionType } from './exposition.ts';
import { createMetrics, readAll, type MetricsNeeds } from './service.ts';

export { createCounts, type Counted, type Counts, type Road } from './counting.ts';
export type { Reading } from './register.ts';
export type { Source } from './service.ts';

export function metricsCapability(needs: MetricsNeeds): Capability {
  return capability({
    name: metricsContract.name,
    serves: [{ contract: metricsContract, service: createMetrics(needs) }],
    routes: [
      {
        method: 'GET',
        path: '/metrics',
        permission: 'metrics.read',
        summary: 'What the node counts and measures, as OpenMetrics text.',
        handle: async () => ({
          status: 200,
          headers: { 'content-type': expositionType },
          body: utf8(exposition(await readAll(needs))),
        }),
      },
    ],
  });
}
