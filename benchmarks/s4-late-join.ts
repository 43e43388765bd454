// S4: who comes late and has all that there is, 10,000 params; beside as many retained messages of
// mosquitto. NATS keeps nothing of the kind without a stream.
import { compare, median, type Benchmark } from '../scripts/bench/benchmark.ts';
import { startSignalRig } from './signal-rig.ts';

const params = 10_000;
const bytes = 128;
const joins = 10; // of a round

export const benchmark: Benchmark = {
  id: 'S4',
  title: 'Who joins late has 10,000 params at once',
  async run({ rounds }) {
    const rig = await startSignalRig();
    try {
      await rig.load.fill('set', rig.ours.ws, params, bytes);
      await rig.load.fill('mqtt', rig.mosquitto.hub, params, bytes);
      const measure = async (wire: 'set' | 'mqtt', port: number): Promise<number> => {
        const times: number[] = [];
        for (let i = 0; i < joins; i += 1) {
          times.push(await rig.load.join(wire, port, params));
        }
        return median(times);
      };
      const compared = await compare({
        rounds,
        better: 'lower',
        ours: () => measure('set', rig.ours.ws),
        peer: () => measure('mqtt', rig.mosquitto.hub),
      });
      return {
        ...compared,
        unit: 'ms from dialling to all of them',
        peerName: `mosquitto ${rig.mosquitto.version}, retained messages at QoS 0`,
        notes: [...compared.notes, `${bytes} B each, ${joins} joins a round, ours by WebSocket`],
      };
    } finally {
      await rig.close();
    }
  },
};
