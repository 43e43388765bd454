// Two linked nodes, each a process of its own, called from within.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAsked, type Started } from './asked.ts';
import type { DataNode } from './data-node.ts';
import { until } from './federation-rig.ts';
import { profile, profileFlags } from './profiled.ts';

export interface DataPair {
  readonly folder: string;
  readonly lubeck: DataNode;
  readonly bergen: DataNode;
  close(): Promise<void>;
}

const script = join(import.meta.dirname, 'data-node.ts');
const liveWithinMs = 30_000;

export async function startDataPair(within: string = tmpdir()): Promise<DataPair> {
  const folder = mkdtempSync(join(within, 'hansa-data-'));
  const start = (name: string): Promise<Started<DataNode>> =>
    startAsked(script, [join(folder, name), name], profileFlags);
  const [lubeck, bergen] = await Promise.all([start('lubeck'), start('bergen')]);
  await bergen.node.accept(await lubeck.node.invite());
  await until('the link is live', liveWithinMs, async () =>
    ['live', 'idle', 'syncing'].includes(await bergen.node.status('lubeck')),
  );
  return {
    folder,
    lubeck: lubeck.node,
    bergen: bergen.node,
    async close() {
      await Promise.all([lubeck, bergen].map((one) => (profile ? one.end() : one.kill())));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Where a share of the values, 0.5 or 0.99, is not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
