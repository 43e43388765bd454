// Readings of all sources at one moment. A source that fails leaves its readings out: whoever looks
// at a sick node needs the others most.
import type { Log } from '@hansa/foundation';
import type { Metrics } from './contract.ts';
import { metricRegister, type Reading } from './register.ts';

export type Source = () => readonly Reading[] | Promise<readonly Reading[]>;

export interface MetricsNeeds {
  readonly sources: readonly Source[];
  readonly log: Log;
}

export async function readAll({ sources, log }: MetricsNeeds): Promise<readonly Reading[]> {
  const read = sources.map(async (source) => {
    try {
      return await source();
    } catch (error) {
      log.problem('metrics.source-failed', error);
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

export function createMetrics(needs: MetricsNeeds): Metrics {
  return {
    async list() {
      const readings = await readAll(needs);
      return {
        metrics: readings.map(({ name, labels = {}, value }) => {
          const { type, meaning } = metricRegister[name];
          return { name, type, meaning, labels, value };
        }),
      };
    },
  };
}
