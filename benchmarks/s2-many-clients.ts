// S2: sixteen publishers at once, each with a subscriber of its own; beside nats-server and
// mosquitto.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import type { LoadFigures, LoadShape } from './signal-load.ts';
import { startSignalRig } from './signal-rig.ts';

const clients = 16;
const window = 64; // of each
const bytes = 128;
const ms = 2_000;

async function run({ rounds }: { readonly rounds: number }): Promise<BenchmarkResult> {
  const rig = await startSignalRig();
  const seen: Record<string, LoadFigures[]> = {};
  const measure = async (wire: LoadShape['wire'], port: number): Promise<number> => {
    const figures = await rig.load.run({
      wire,
      near: port,
      far: port,
      window,
      bytes,
      ms,
      pairs: true,
      publishers: clients,
      subscribers: clients,
    });
    (seen[wire] ??= []).push(figures);
    return figures.delivered;
  };
  try {
    const compared = await compare({
      rounds,
      better: 'higher',
      async ours() {
        await measure('set', rig.ours.ws);
        return measure('event', rig.ours.ws);
      },
      async peer() {
        await measure('mqtt', rig.mosquitto.hub);
        return measure('nats', rig.nats.hub);
      },
    });
    const names = {
      set: 'ours, params, each acknowledged',
      event: 'ours, events',
      mqtt: `mosquitto ${rig.mosquitto.version} at QoS 0`,
      nats: 'nats-server',
    };
    return {
      ...compared,
      unit: 'messages/s of sixteen clients',
      peerName: `nats-server ${rig.nats.version}`,
      notes: [
        ...compared.notes,
        ...Object.entries(names).map(([wire, name]) => `${name}: ${told(seen[wire] ?? [])}`),
        `${window} of each under way at most, ${bytes} B; ours by WebSocket, one process`,
      ],
    };
  } finally {
    await rig.close();
  }
}

/** The first warmed up. */
function told(all: readonly LoadFigures[]): string {
  const of = (which: keyof LoadFigures): string =>
    brief(median(all.slice(1).map((figures) => figures[which])));
  return `${of('delivered')}/s, p50 ${of('p50')}, p99 ${of('p99')} µs`;
}

export const benchmark: Benchmark = {
  id: 'S2',
  title: 'Many clients of a signal router at once',
  run,
};
