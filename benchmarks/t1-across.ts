// T1: one publisher at one cluster, one subscriber at another, across their link, as policies let
// it; and between routers by themselves, over TLS; beside NATS with a leaf node, mosquitto with a
// bridge, and two bare processes that pass bytes on over TLS.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { startLinkedSites, type Place } from './linked-signals.ts';
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
    const linked = await startLinkedSites('a');
    const relay = await startTlsRelay().catch(after(linked));
    const rig = await startSignalRig('a').catch(after(linked, relay));
    const seen: Record<string, { throughput: LoadFigures[]; paced: LoadFigures[] }> = {};
    const across = async (
      name: string,
      wire: LoadShape['wire'],
      where: Pick<LoadShape, 'near' | 'far' | 'tokens'>,
    ): Promise<number> => {
      const shape = { wire, ...where, publishers: 1, subscribers: 1, bytes, under: 'a/' };
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
          await across('bare TLS relay', 'relay', relay);
          await across('routers alone, params', 'setTcp', leafToHub(rig.ours));
          await across('routers alone, events', 'eventTcp', leafToHub(rig.ours));
          await across('clusters, params', 'set', over(linked.a, linked.hub));
          return across('clusters, events', 'event', over(linked.a, linked.hub));
        },
        async peer() {
          await across('mosquitto', 'mqtt', leafToHub(rig.mosquitto));
          return across('nats-server', 'nats', leafToHub(rig.nats));
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
          'one socket for each end; our routers are one process each and judge every write',
          'clusters: nodes as they are, over their link, each message judged at either end',
        ],
      };
    } finally {
      await relay.close();
      await linked.close();
      await rig.close();
    }
  },
};

/** What was started before goes where the next cannot be. */
function after(
  ...started: readonly { close(): Promise<void> }[]
): (error: unknown) => Promise<never> {
  return async (error) => {
    await Promise.all(started.map((each) => each.close()));
    throw error;
  };
}

function leafToHub({ a, hub }: Pick<Sites, 'a' | 'hub'>): Pick<LoadShape, 'near' | 'far'> {
  return { near: a, far: hub };
}

function over(near: Place, far: Place): Pick<LoadShape, 'near' | 'far' | 'tokens'> {
  return { near: near.port, far: far.port, tokens: { near: near.token, far: far.token } };
}

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
