// C1: the shapes of which the protocol's authors publish figures, with our router alone, by bare
// frames and by their published client; beside nats-server and mosquitto where they can do it.
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import type { LoadShape } from './signal-load.ts';
import { startSignalRig, type SignalRig } from './signal-rig.ts';

const bytes = 8; // about as long as the SETs of their figures
const window = 1_024;
const ms = 1_000;
const joined = 10_000;

interface Shape {
  readonly name: string;
  readonly unit: string;
  /** What they say of theirs, on a machine of theirs, all in one process. */
  readonly claimed: string;
  run(rig: SignalRig, who: Who): Promise<string | number> | undefined;
}

type Who = 'ours' | 'client' | 'nats' | 'mosquitto';
const others: readonly Who[] = ['client', 'nats', 'mosquitto'];

function single(rig: SignalRig, who: Who): Pick<LoadShape, 'wire' | 'near' | 'far' | 'bytes'> {
  const { ws } = rig.ours;
  const { nats, mosquitto } = rig;
  const roads = {
    ours: { wire: 'set', near: ws, far: ws },
    client: { wire: 'client', near: ws, far: ws },
    nats: { wire: 'nats', near: nats.hub, far: nats.hub },
    mosquitto: { wire: 'mqtt', near: mosquitto.hub, far: mosquitto.hub },
  } as const;
  return { ...roads[who], bytes };
}

/** From a leaf over the hub to the other leaf. */
function across(
  rig: SignalRig,
  who: Who,
): Pick<LoadShape, 'wire' | 'near' | 'far' | 'bytes' | 'under'> {
  const sites = { ours: rig.ours, client: rig.ours, nats: rig.nats, mosquitto: rig.mosquitto };
  const wire = who === 'nats' ? 'nats' : who === 'mosquitto' ? 'mqtt' : 'setTcp';
  const { a, b } = sites[who];
  return { wire, near: a, far: b, bytes, under: 'a/' };
}

const one = { publishers: 1, subscribers: 1 } as const;

const throughput: Shape = {
  name: 'one client to one subscriber',
  unit: 'messages/s',
  claimed: '74,000',
  run: async (rig, who) =>
    (await rig.load.run({ ...single(rig, who), ...one, window, ms })).delivered,
};

const shapes: readonly Shape[] = [
  throughput,
  {
    name: 'single hop, paced',
    unit: 'µs p50/p95/p99',
    claimed: '34/52/82',
    run: async (rig, who) =>
      lateness(await rig.load.run({ ...single(rig, who), ...one, window: 1, ms })),
  },
  ...[10, 100, 500].map((subscribers): Shape => ({
    name: `fan-out until all ${brief(subscribers)} have it, paced`,
    unit: 'µs p50/p95/p99',
    claimed: { 10: '1,340', 100: '2,660', 500: '4,330' }[subscribers] ?? 'nothing',
    run: async (rig, who) =>
      lateness(
        await rig.load.run({ ...single(rig, who), publishers: 1, subscribers, window: 1, ms }),
      ),
  })),
  {
    name: `late join of ${brief(joined)} params`,
    unit: 'params/s',
    claimed: '420,000',
    run(rig, who) {
      // NATS keeps nothing for who comes later without a stream.
      const wire = who === 'ours' ? 'set' : 'mqtt';
      const port = who === 'ours' ? rig.ours.ws : rig.mosquitto.hub;
      return who === 'nats' || who === 'client' ? undefined : joinRate(rig, wire, port);
    },
  },
  {
    name: 'A → hub → B, paced',
    unit: 'µs p50/p95/p99',
    claimed: 'nothing',
    run: (rig, who) =>
      who === 'client'
        ? undefined
        : rig.load.run({ ...across(rig, who), ...one, window: 1, ms }).then(lateness),
  },
  {
    name: 'A → hub → B',
    unit: 'messages/s',
    claimed: 'nothing',
    run: (rig, who) =>
      who === 'client'
        ? undefined
        : rig.load.run({ ...across(rig, who), ...one, window, ms }).then((all) => all.delivered),
  },
];

async function joinRate(rig: SignalRig, wire: 'set' | 'mqtt', port: number): Promise<number> {
  await rig.load.fill(wire, port, joined, bytes);
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    times.push(await rig.load.join(wire, port, joined));
  }
  return (1_000 * joined) / median(times);
}

function lateness(figures: Readonly<Record<'p50' | 'p95' | 'p99', number>>): string {
  return [figures.p50, figures.p95, figures.p99].map(brief).join('/');
}

/** Of every round but the first, which warms up. */
function middle(values: readonly (string | number)[]): string {
  const parts = values.slice(1).map((value) => String(value).replaceAll(',', '').split('/'));
  const width = parts[0]?.length ?? 0;
  return Array.from({ length: width }, (_, i) =>
    brief(median(parts.map((each) => Number(each[i])))),
  ).join('/');
}

async function run({ rounds }: { readonly rounds: number }): Promise<BenchmarkResult> {
  const rig = await startSignalRig();
  const seen = new Map<string, (string | number)[]>();
  const measure = async (shape: Shape, who: Who): Promise<string | number> => {
    const value = await shape.run(rig, who);
    if (value !== undefined) {
      const key = `${shape.name}\0${who}`;
      seen.set(key, [...(seen.get(key) ?? []), value]);
    }
    return value ?? Number.NaN;
  };
  try {
    const compared = await compare({
      rounds,
      better: 'higher',
      ours: async () => Number(await measure(throughput, 'ours')),
      async peer() {
        for (const shape of shapes) {
          for (const who of ['ours' as const, ...others]) {
            if (shape !== throughput || who === 'client' || who === 'mosquitto') {
              await measure(shape, who);
            }
          }
        }
        return Number(await measure(throughput, 'nats'));
      },
    });
    return {
      ...compared,
      unit: 'messages/s of one client',
      peerName: `nats-server ${rig.nats.version}`,
      notes: [
        ...compared.notes,
        ...shapes.map((shape) => noteOf(shape, (who) => seen.get(`${shape.name}\0${who}`))),
        `${bytes} B a value; ${window} under way at most; the published client sends numbers`,
        'their figures: router, publisher and subscribers in one process of another machine',
        `mosquitto ${rig.mosquitto.version} at QoS 0; links of all by TLS`,
      ],
    };
  } finally {
    await rig.close();
  }
}

function noteOf(shape: Shape, of: (who: Who) => readonly (string | number)[] | undefined): string {
  const names = { ours: 'ours', client: 'ours by their client', nats: 'NATS' } as const;
  const told = ['ours' as const, ...others].flatMap((who) => {
    const values = of(who);
    return values === undefined
      ? []
      : [`${who === 'mosquitto' ? who : names[who]} ${middle(values)}`];
  });
  return `${shape.name}, ${shape.unit}: ${told.join(', ')}; they claim ${shape.claimed}`;
}

export const benchmark: Benchmark = {
  id: 'C1',
  title: 'One client is served as fast as the protocol’s authors say of theirs (74,000 a second).',
  run,
};
