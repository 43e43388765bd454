// L1: two clusters that never heard of each other are linked, by invitation, acceptance and
// confirmation on both sides, until the link is live; and how long a killed node is away from its
// peer. Beside the time in which a leaf node of NATS gets its first connection.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { createRig, until, untilLive } from './federation-rig.ts';
import { natsVersion, startNatsPair, untilLinked } from './nats-rig.ts';

const settleMs = 200; // a server that has just answered is still busy with its start

export const benchmark: Benchmark = {
  id: 'L1',
  title: 'Two running clusters are linked, from the invitation to a live link.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const reconnected: { ours: number[]; theirs: number[]; readyMs: number[] } = {
      ours: [],
      theirs: [],
      readyMs: [],
    };
    const compared = await compare({
      rounds,
      better: 'lower',
      ours: () => oursOnce(reconnected),
      peer: () => theirsOnce(reconnected.theirs),
    });
    const [ours, theirs, ready] = [reconnected.ours, reconnected.theirs, reconnected.readyMs].map(
      (values) => brief(median(values)),
    );
    return {
      ...compared,
      unit: 'ms to a live link',
      peerName:
        `nats-server ${natsVersion()}, a leaf node with TLS, from its start to its ` + `connection`,
      notes: [
        ...compared.notes,
        'ours: both run; one invites, the other accepts, two confirm, beats passed both ways',
        `killed and started again until live: ours ${ours} ms (of it until its API answers ` +
          `${ready} ms), nats ${theirs} ms`,
      ],
    };
  },
};

async function oursOnce(reconnected: { ours: number[]; readyMs: number[] }): Promise<number> {
  const rig = createRig();
  try {
    const [lubeck, bergen] = [await rig.start('lubeck'), await rig.start('bergen')];
    await sleep(settleMs);
    const startedMs = performance.now();
    const { token } = await lubeck.links.invite({ confirm: true });
    await bergen.links.accept({ token, confirm: true });
    await Promise.all([untilLive(bergen, 'lubeck'), untilLive(lubeck, 'bergen')]);
    const tookMs = performance.now() - startedMs;
    await bergen.kill();
    const againMs = performance.now();
    const again = await rig.start('bergen');
    await Promise.all([untilLive(again, 'lubeck'), untilLive(lubeck, 'bergen')]);
    reconnected.ours.push(performance.now() - againMs);
    reconnected.readyMs.push(again.readyMs);
    return tookMs;
  } finally {
    await rig.close();
  }
}

async function theirsOnce(reconnected: number[]): Promise<number> {
  const rig = createRig();
  const pair = await startNatsPair(rig.folder, { hub: 'as it comes', leaf: 'as it comes' });
  try {
    await sleep(settleMs);
    const times: number[] = [];
    for (let time = 0; time < 2; time += 1) {
      await pair.leaf.kill();
      await until('the hub has noticed', 30_000, async () => (await pair.hub.leafs()) === 0);
      const startedMs = performance.now();
      await pair.leaf.restart();
      await untilLinked(pair.hub);
      times.push(performance.now() - startedMs);
    }
    reconnected.push(times[1] ?? Number.NaN);
    return times[0] ?? Number.NaN;
  } finally {
    await pair.close();
    await rig.close();
  }
}
