// T4: a mirror is killed, 100,000 messages are appended meanwhile, and it is started again: until
// it has them all on its disk, gapless and each once; beside a JetStream mirror behind a leaf node.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import {
  createRig,
  share,
  startPair,
  until,
  untilLive,
  type MeasuredCluster,
  type Rig,
} from './federation-rig.ts';
import {
  lastOf,
  mirrorStream,
  startNatsPair,
  type NatsDurability,
  type NatsPair,
} from './nats-rig.ts';

const missed = 100_000;
const payloadBytes = 128;
const batch = 40; // of one request
const callers = 16; // of the API, which takes 500 requests a second
const arriveWithinMs = 600_000;
const lookEveryMs = 10;
const limits = { maxMessages: 1_000_000 };

export const benchmark: Benchmark = {
  id: 'T4',
  title:
    'A mirror that was killed catches up with 100,000 messages, gapless and without duplicates.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const rig = createRig();
    const ours = await startOurs(rig);
    const nats = await startNats(rig.folder, 'always');
    try {
      const compared = await compare({
        rounds,
        better: 'lower',
        ours: () => oursOnce(rig, ours),
        peer: () => theirsOnce(nats),
      });
      await nats.close();
      const eager = await startNats(`${rig.folder}/eager`, 'as it comes');
      const eagerSeconds = await theirsOnce(eager);
      await eager.close();
      return {
        ...compared,
        unit: 's from the start of the process',
        peerName:
          `nats-server ${nats.version}, JetStream mirror behind a leaf node with TLS, ` +
          'every write of the mirror synchronous',
        notes: [
          ...compared.notes,
          `a NATS mirror that syncs only now and then, its default, measured once: ` +
            `${brief(eagerSeconds)} s`,
          'all sequences of ours were read at the mirror: dense, and each once',
        ],
      };
    } finally {
      await nats.close();
      await rig.close();
    }
  },
};

interface Ours {
  readonly lubeck: MeasuredCluster;
  bergen: MeasuredCluster;
  /** Messages that the mirror had when it was killed. */
  had: number;
}

async function startOurs(rig: Rig): Promise<Ours> {
  const pair = await startPair(rig);
  const { lubeck, bergen } = pair;
  await lubeck.streams.create({ name: 'events', limits });
  await share(pair, 'events', 'stream');
  await bergen.sync.add({ resource: 'lubeck:stream/events' });
  return { lubeck, bergen, had: 0 };
}

async function oursOnce(rig: Rig, ours: Ours): Promise<number> {
  await ours.bergen.kill();
  await fill(ours.lubeck);
  const { last } = await ours.lubeck.streams.show({ stream: 'events' });
  const startedMs = performance.now();
  ours.bergen = await rig.start('bergen');
  await until('the mirror has all', arriveWithinMs, async () => {
    await sleep(lookEveryMs);
    return (await ours.bergen.streams.show({ stream: 'lubeck:events' })).last === last;
  });
  const tookMs = performance.now() - startedMs;
  await requireDense(ours, last);
  await untilLive(ours.bergen, 'lubeck');
  ours.had = last;
  return tookMs / 1_000;
}

async function fill({ streams }: MeasuredCluster): Promise<void> {
  const messages = Array.from({ length: batch }, () => ({ payload: 'x'.repeat(payloadBytes) }));
  let left = missed / batch;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      while (!(await appended(streams.append({ stream: 'events', messages })))) {
        await sleep(lookEveryMs);
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** False where the API asks for patience. */
function appended(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    (error: unknown) => {
      if ((error as { code?: string }).code === 'RATE_LIMITED') {
        return false;
      }
      throw error;
    },
  );
}

async function requireDense({ bergen, had }: Ours, last: number): Promise<void> {
  let from = had + 1;
  while (from <= last) {
    const page = await bergen.streams.read({ stream: 'lubeck:events', from, limit: 1_000 });
    page.messages.forEach(({ sequence }, index) => {
      if (sequence !== from + index) {
        throw new Error(`message ${from + index} is missing: ${sequence} stands there`);
      }
    });
    from += page.messages.length;
  }
}

async function startNats(folder: string, leaf: NatsDurability): Promise<NatsPair> {
  const nats = await startNatsPair(folder, { hub: 'as it comes', leaf });
  await mirrorStream(nats, 'events');
  return nats;
}

async function theirsOnce({ hub, leaf }: NatsPair): Promise<number> {
  await leaf.kill();
  const goal = (await lastOf(hub, 'events')) + missed;
  const message = Buffer.alloc(payloadBytes, 'x');
  for (let at = 0; at < missed; at += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, () => hub.client.request('events', message)));
  }
  const startedMs = performance.now();
  await leaf.restart();
  await until('the mirror has all', arriveWithinMs, async () => {
    await sleep(lookEveryMs);
    return (await lastOf(leaf, 'events')) >= goal;
  });
  return (performance.now() - startedMs) / 1_000;
}
