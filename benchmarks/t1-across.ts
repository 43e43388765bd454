// T1: one publisher at a leaf, one subscriber at its hub, across an encrypted link; beside NATS
// with a leaf node, mosquitto with a bridge, and two bare processes that pass bytes on over TLS.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import type { LoadFigures, LoadShape } from './signal-load.ts';
import { startSignalRig, type Sites } from './signal-rig.ts';
import { startTlsRelay } from './tls-relay-rig.ts';

const window = 1_024;
const bytes = 128;
const ms = 2_000;

export const benchmark: Benchmark = {
  id: 'T1',
  title: 'A publisher at A is heard at B, across an encrypted link (goal: 1 time NATS).',
  async run({ rounds }): Promise<BenchmarkResult> {
    const rig = await startSignalRig('a');
    const relay = await startTlsRelay();
    const seen: Record<string, { throughput: LoadFigures[]; paced: LoadFigures[] }> = {};
    const across = async (
      name: string,
      wire: LoadShape['wire'],
      { a, hub }: Pick<Sites, 'a' | 'hub'>,
    ): Promise<number> => {
      const shape = { wire, near: a, far: hub, publishers: 1, subscribers: 1, bytes, under: 'a/' };
      const throughput = await rig.load.run({ ...shape, window, ms });
      const paced = await rig.load.run({ ...shape, window: 1, ms: ms / 2 });
      const all = (seen[name] ??= { throughput: [], paced: [] });
      all.throughput.push(throughput);
      all.paced.push(paced);
      return throughput.delivered;
    };
    try {
      const compared = await compare({
        rounds,
        better: 'higher',
        async ours() {
          await across('bare TLS relay', 'relay', { a: relay.near, hub: relay.far });
          await across('ours, params', 'setTcp', rig.ours);
          return across('ours, events', 'eventTcp', rig.ours);
        },
        async peer() {
          await across('mosquitto', 'mqtt', rig.mosquitto);
          return across('nats-server', 'nats', rig.nats);
        },
      });
      return {
        ...compared,
        unit: 'messages/s',
        peerName: `nats-server ${rig.nats.version}, leaf node with TLS`,
        notes: [
          ...compared.notes,
          `${window} messages of ${bytes} B under way at most; paced: one`,
          ...Object.entries(seen).map(([name, all]) => noteOf(name, all)),
          `mosquitto ${rig.mosquitto.version}, a bridge with TLS, QoS 0`,
          'one socket for each end, by TCP; our routers are one process each and judge every write',
        ],
      };
    } finally {
      await relay.close();
      await rig.close();
    }
  },
};

/** The first of each warmed up. */
function noteOf(
  name: string,
  {
    throughput,
    paced,
  }: { readonly throughput: readonly LoadFigures[]; readonly paced: readonly LoadFigures[] },
): string {
  const perSecond = median(throughput.slice(1).map(({ delivered }) => delivered));
  const late = (['p50', 'p95', 'p99'] as const).map((which) =>
    brief(median(paced.slice(1).map((one) => one[which]))),
  );
  return `${name}: ${brief(perSecond)}/s, paced p50/p95/p99 ${late.join('/')} µs`;
}
