// T8: what it costs to make a damaged mirror good. One owner and one mirror in this process, every
// message counted as the codec lays it out. A fresh mirror of a compacted resource is the full
// copy; then a thousandth of its entries are spoiled, and it mends itself. What an idle link
// carries is counted in a simulation, where beats, heads and challenges are all there are.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { federatedId, localId, silentLog, utf8, type Carrier, type Log } from '@hansa/foundation';
import { brief, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { createActs } from '../testkit/federation-acts.ts';
import { createFederation } from '../testkit/federation.ts';
import { createSeededRandom } from '../testkit/seeded-random.ts';
import { connectTo, foundCluster, type PairedCluster } from '../testkit/sync-pair.ts';

const keysDefault = 1_000_000; // HANSA_BENCH_KEYS=100000 makes a shorter run
const valueBytes = 128;
const opsPerChange = 90;
const spoiledShare = 0.001;
const pollMs = 5;
const waitMaxMs = 3_600_000;
const idleSettleMs = 120_000; // of the simulation's own time: links are quiet by then
const idleMs = 600_000;
const idleMirrors = 10;

const codec = createMsgpackCodec();
const id = localId('kv', 'many');
const random = createSeededRandom(8);

interface Meter {
  bytes: number;
  through(carrier: Carrier): Carrier;
}

function createMeter(): Meter {
  const meter: Meter = {
    bytes: 0,
    through: (carrier) => ({
      async *watch(...asked) {
        meter.bytes += codec.encode(asked[2]).length;
        for await (const item of carrier.watch(...asked)) {
          meter.bytes += codec.encode(item).length;
          yield item;
        }
      },
      async call(...asked) {
        const answer = await carrier.call(...asked);
        meter.bytes += codec.encode(asked[2]).length + codec.encode(answer).length;
        return answer;
      },
    }),
  };
  return meter;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + waitMaxMs;
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`${what} takes too long`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function fillOwner(owner: PairedCluster, keys: number): Promise<void> {
  await owner.resources.create({ kind: 'kv', name: 'many' });
  for (let at = 0; at < keys; at += opsPerChange) {
    const ops = Array.from({ length: Math.min(opsPerChange, keys - at) }, (_, i) => ({
      put: { key: utf8(`key-${at + i}`), value: random.bytes(valueBytes), blobs: [] },
    }));
    await owner.resources.append(id, ops, { author: 'bench' });
  }
  for (let i = 0; i < 2_100; i += 1) {
    // So that there are whole batches behind which the others may go.
    await owner.resources.append(id, [], { author: 'bench' });
  }
  await owner.started.compact(new AbortController().signal);
}

async function spoil(mirror: PairedCluster, owner: PairedCluster, keys: number): Promise<number> {
  const resource = federatedId(owner.id, id);
  const applied = (await mirror.tables.applied.get(resource))?.value;
  const count = Math.round(keys * spoiledShare);
  for (let i = 0; i < count; i += 1) {
    const key = utf8(`key-${random.integer(keys)}`);
    const entry = { value: random.bytes(valueBytes), version: 1, blobs: [] };
    await mirror.store.batchWrite([
      mirror.tables.entries.put([resource, applied?.copy ?? 1, key], entry),
    ]);
  }
  return count;
}

/** Payload bytes in each direction a second, over a link with mirrors on which nothing happens. */
async function idleBytes(): Promise<number> {
  const sent = new Map<string, number>();
  const federation = await createFederation({
    seed: 8,
    clusters: ['lubeck', 'bergen'],
    options: {
      tap: ({ from, bytes }) => sent.set(from, (sent.get(from) ?? 0) + bytes.length),
    },
  });
  const acts = createActs(federation);
  await federation.link('lubeck', 'bergen');
  for (let i = 0; i < idleMirrors; i += 1) {
    const name = await federation.complete(acts.create('lubeck'));
    const rule = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
    await federation.complete(acts.share({ ...rule, effect: 'allow' }));
    await federation.complete(acts.append(name));
    await federation.complete(acts.mirror('bergen', name));
  }
  await federation.run(idleSettleMs);
  sent.clear();
  await federation.run(idleMs);
  federation.close();
  return (Math.max(...sent.values()) * 1_000) / idleMs;
}

async function run(): Promise<BenchmarkResult> {
  const keys = Number(process.env['HANSA_BENCH_KEYS'] ?? keysDefault);
  const idle = await idleBytes();
  const owner = await foundCluster(1, 'lubeck', { kept: { changes: 1, bytes: 1 } });
  let isRepaired = false;
  const log: Log = {
    ...silentLog,
    event(name) {
      isRepaired ||= name === 'mirror.repaired';
    },
    problem: (name, error) => console.error(name, error),
  };
  const mirror = await foundCluster(11, 'bergen', { log });
  const resource = federatedId(owner.id, id);
  try {
    await fillOwner(owner, keys);
    const peers = { cluster: mirror.id };
    await owner.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
    const meter = createMeter();
    connectTo(mirror, owner, { name: 'lubeck', through: meter.through });
    const state = (): string | undefined => mirror.sync.mirrors.find(resource)?.state;
    let start = performance.now();
    await mirror.sync.sync.add({ resource: 'lubeck:kv/many' });
    await until('the copy', () => state() === 'current');
    const copyMs = performance.now() - start;
    const full = meter.bytes;
    const spoiled = await spoil(mirror, owner, keys);
    meter.bytes = 0;
    start = performance.now();
    mirror.sync.mirroring.mend(resource);
    await until('the repair', () => isRepaired && state() === 'current');
    const repairMs = performance.now() - start;
    const repair = meter.bytes;
    const digest = (await owner.resources.position(id))?.digest;
    const held = (await mirror.tables.applied.get(resource))?.value.digest;
    if (digest === undefined || held?.join() !== digest.join()) {
      throw new Error('the mirror is not what its owner has');
    }
    return {
      unit: 'bytes moved',
      ours: repair,
      peer: full,
      peerName: 'a full copy of the same resource',
      ratio: full / repair,
      rounds: 1,
      notes: [
        `${keys} keys of ${valueBytes} B, ${spoiled} of them spoiled`,
        `repair: ${brief((repair / full) * 100)} % of a full copy’s bytes (goal: 2 %), ` +
          `${brief(repairMs / 1_000)} s with reading all entries; copy: ${brief(copyMs / 1_000)} s`,
        `idle, ${idleMirrors} mirrors: ${brief(idle)} payload bytes/s in the busier direction ` +
          '(goal: 200)',
      ],
    };
  } finally {
    await Promise.all([owner.end(), mirror.end()]);
  }
}

export const benchmark: Benchmark = {
  id: 'T8',
  title: 'A mirror of which a thousandth differs is made good for a fiftieth of a copy’s bytes',
  run,
};
