// `hansa metrics`: what people type, and what they see.
import { remote, type Command } from '@hansa/foundation';
import { metricsContract } from './contract.ts';

const list: Command = {
  noun: 'metrics',
  summary: 'Show what the node counts and measures; programs fetch it from GET /metrics.',
  examples: ['hansa metrics'],
  async run({ carrier, signal }) {
    const data = await remote(metricsContract, carrier).list({}, { signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['METRIC', 'LABELS', 'VALUE', 'MEANING'],
        rows: data.metrics.map(({ name, labels, value, meaning }, at) => [
          name,
          Object.entries(labels)
            .map(([label, text]) => `${label}=${text}`)
            .join(' '),
          String(value),
          data.metrics[at - 1]?.name === name ? '' : meaning, // once for each metric
        ]),
        empty: 'Nothing is measured yet.',
      },
    };
  },
};

export const metricsCommands: readonly Command[] = [list];
