// S3: one publisher and 10 to 1,000 subscribers who all hear it; beside nats-server and mosquitto.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import type { LoadShape } from './signal-load.ts';
import { startSignalRig } from './signal-rig.ts';

const sizes = [10, 100, 500, 1_000];
const counted = 500; // of which the ratio is
const window = 16;
const bytes = 128;
const ms = 1_500;

async function run({ rounds }: { readonly rounds: number }): Promise<BenchmarkResult> {
  const rig = await startSignalRig();
  const seen: Record<string, number[]> = {};
  const measure = async (wire: LoadShape['wire'], port: number): Promise<number> => {
    let result = Number.NaN;
    for (const subscribers of sizes) {
      const { delivered } = await rig.load.run({
        wire,
        near: port,
        far: port,
        publishers: 1,
        subscribers,
        window,
        ms,
        bytes,
      });
      (seen[`${wire} ${subscribers}`] ??= []).push(delivered);
      result = subscribers === counted ? delivered : result;
    }
    return result;
  };
  try {
    const compared = await compare({
      rounds,
      better: 'higher',
      ours: () => measure('set', rig.ours.ws),
      async peer() {
        await measure('mqtt', rig.mosquitto.hub);
        return measure('nats', rig.nats.hub);
      },
    });
    const of = (wire: string, size: number): string =>
      brief(median((seen[`${wire} ${size}`] ?? []).slice(1)));
    return {
      ...compared,
      unit: `deliveries/s to ${counted} subscribers`,
      peerName: `nats-server ${rig.nats.version}`,
      notes: [
        ...compared.notes,
        ...sizes.map(
          (size) =>
            `${brief(size)} subscribers: ours ${of('set', size)}, NATS ${of('nats', size)}, ` +
            `mosquitto ${of('mqtt', size)}`,
        ),
        `${window} of ${bytes} B under way at most; all subscribers are in one process, which ` +
          'may be what limits each of them; ours params by WebSocket',
        `mosquitto ${rig.mosquitto.version} at QoS 0`,
      ],
    };
  } finally {
    await rig.close();
  }
}

export const benchmark: Benchmark = {
  id: 'S3',
  title: 'One signal is told to hundreds of subscribers',
  run,
};
