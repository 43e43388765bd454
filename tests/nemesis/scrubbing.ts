// What a cluster itself finds wrong in what it has stored: after any fault, nothing.
import { scrubContract } from '@hansa/capabilities/scrub/contract';
import { until } from '../black-box/harness/until.ts';
import { serviceOf } from './clients/asking.ts';
import type { NodeProcess } from './world/node-process.ts';

const callWithinMs = 20_000;
const scrubWithinMs = 60_000; // reading some MB takes a second; the round that goes by itself ends

/** One round without repair: a sentence for each finding. */
export async function findingsOf(node: NodeProcess): Promise<readonly string[]> {
  const scrub = serviceOf(node, scrubContract, callWithinMs);
  const { startedMs } = await until('a round can begin', () => scrub.begin({ repair: false }));
  const { findings } = await until(
    `${node.name} is scrubbed`,
    async () => {
      const status = await scrub.status({});
      const isOver = !status.running && (status.last?.startedMs ?? 0) >= startedMs;
      return isOver ? status : undefined;
    },
    scrubWithinMs,
  );
  return findings
    .filter(({ repairedMs }) => repairedMs === undefined)
    .map(({ name, sentence }) => `scrub of ${node.name}: ${name}: ${sentence}`);
}
