import { describe, expect, test } from 'vitest';
import { join, type SignalCluster } from '../../../testkit/signal-clusters.ts';
import { readValue, wireValue } from '../frames/values.ts';
import { gatherMs } from './dialling.ts';
import { clusters, hasValue, isActive, startAll, until } from './links-rig.suite.ts';

/** Visby has a namespace that bergen knows of, and may read. */
async function pair(): Promise<{
  readonly visby: SignalCluster;
  readonly bergen: SignalCluster;
  readonly namespace: ReturnType<SignalCluster['state']>;
  readonly mirrored: ReturnType<SignalCluster['state']>;
}> {
  const [visby, bergen] = clusters('visby', 'bergen') as [SignalCluster, SignalCluster];
  const patterns = ['/visby/**'];
  const namespace = visby.state({ owner: visby, patterns });
  const mirrored = bergen.state({ owner: visby, patterns });
  visby.grant(bergen, 'pull', namespace);
  join(visby, bergen);
  await startAll([visby, bergen]);
  await isActive(bergen, visby);
  await isActive(visby, bergen);
  return { visby, bergen, namespace, mirrored };
}

describe('two linked clusters', () => {
  test('tell what the other may read, and nothing else', async () => {
    const { visby, bergen } = await pair();
    visby.set('/secret/light', 1);
    visby.set('/visby/light', 2);
    await hasValue(bergen, '/visby/light', 2);
    expect(bergen.value('/secret/light')).toBeUndefined();
  });

  test('take back a right at once, and what was told stays as it was', async () => {
    const { visby, bergen, namespace } = await pair();
    visby.set('/visby/light', 1);
    await hasValue(bergen, '/visby/light', 1);
    visby.withdraw(bergen, 'pull', namespace);
    visby.set('/visby/light', 2);
    await isActive(bergen, visby);
    expect(bergen.value('/visby/light')).toBe(1);
    visby.grant(bergen, 'pull', namespace);
    await hasValue(bergen, '/visby/light', 2);
  });

  test('end their line with the link, and are linked again', async () => {
    const { visby, bergen } = await pair();
    const carrier = bergen.peers.carrier(visby.id);
    const back = visby.peers.carrier(bergen.id);
    bergen.peers.set({ ...bergen.peers.standing(visby.id), active: false });
    visby.peers.set({ ...visby.peers.standing(bergen.id), active: false });
    visby.set('/visby/light', 3);
    expect(await visby.shown.list({})).toEqual({ peers: [] });
    bergen.peers.set({ ...bergen.peers.standing(visby.id), active: true }, carrier);
    visby.peers.set({ ...visby.peers.standing(bergen.id), active: true }, back);
    await hasValue(bergen, '/visby/light', 3);
  });

  test('pull over a link that only one of them holds, and take nothing the other way', async () => {
    const [visby, bergen] = clusters('visby', 'bergen') as [SignalCluster, SignalCluster];
    for (const cluster of [visby, bergen]) {
      for (const owner of [visby, bergen]) {
        const namespace = cluster.state({ owner, patterns: [`/${owner.name}/**`] });
        cluster.grant(cluster === visby ? bergen : visby, 'pull', namespace);
      }
    }
    join(visby, bergen);
    visby.peers.set({ ...visby.peers.standing(bergen.id), mine: false });
    bergen.peers.set({ ...bergen.peers.standing(visby.id), theirs: false });
    await startAll([visby, bergen]);
    await isActive(bergen, visby);
    bergen.set('/bergen/light', 1);
    visby.set('/visby/light', 2);
    await hasValue(bergen, '/visby/light', 2);
    expect(visby.value('/bergen/light')).toBeUndefined();
  });

  test('forget what a namespace brought when it is gone, and keep what is their own', async () => {
    const { visby, bergen, mirrored } = await pair();
    bergen.set('/bergen/light', 5);
    visby.set('/visby/light', 1);
    await hasValue(bergen, '/visby/light', 1);
    bergen.unstate(mirrored);
    expect(bergen.value('/visby/light')).toBeUndefined();
    expect(bergen.value('/bergen/light')).toBe(5);
  });

  test('carry a thousand params, and the last of each of ten thousand writes', async () => {
    const { visby, bergen } = await pair();
    for (let i = 0; i < 10_000; i += 1) {
      visby.set(`/visby/light/${i % 1_000}`, i);
    }
    await hasValue(bergen, '/visby/light/999', 9_999);
    const found = Array.from({ length: 1_000 }, (_, i) => bergen.value(`/visby/light/${i}`));
    expect(found).toEqual(Array.from({ length: 1_000 }, (_, i) => 9_000 + i));
  });
});

test('a line goes on by another way without losing or turning round what it carries', async () => {
  const [visby, bergen] = clusters('visby', 'bergen') as [SignalCluster, SignalCluster];
  for (const owner of [visby, bergen]) {
    for (const cluster of [visby, bergen]) {
      const namespace = cluster.state({ owner, patterns: [`/${owner.name}/**`] });
      owner.grant(cluster, 'pull', namespace);
    }
  }
  join(visby, bergen);
  await startAll([visby, bergen]);
  await isActive(visby, bergen);
  await isActive(bergen, visby);
  const heard = { visby: heardBy(visby, '/bergen/cue'), bergen: heardBy(bergen, '/visby/cue') };
  const sent = Array.from({ length: 300 }, (_, i) => i);
  for (const i of sent) {
    for (const { router, name } of [visby, bergen]) {
      const event = { type: 'publish', signal: 'event', value: wireValue(i) } as const;
      router.publish({ ...event, address: `/${name}/cue` }, { writer: 'process' });
    }
    if (i % 7 === 0) {
      visby.peers.turn(bergen.id);
      bergen.peers.turn(visby.id);
    }
    if (i % 3 === 0) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }
  await until(() => heard.visby.length >= sent.length && heard.bergen.length >= sent.length);
  expect(heard).toEqual({ visby: sent, bergen: sent });
});

function heardBy({ router }: SignalCluster, address: string): unknown[] {
  const heard: unknown[] = [];
  router.listen((change) => {
    if (change.kind === 'publish' && change.message.address === address) {
      heard.push(change.message.value && readValue(change.message.value));
    }
  });
  return heard;
}

test('a line whose calls take long carries much with each of them', async () => {
  const [near, far] = clusters('visby', 'bergen').toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [
    SignalCluster,
    SignalCluster,
  ];
  const namespace = near.state({ owner: near, patterns: ['/light'] });
  far.state({ owner: near, patterns: ['/light'] });
  near.grant(far, 'pull', namespace);
  join(near, far);
  const calls = slowed(near, far);
  await startAll([near, far]);
  await isActive(near, far);
  const [before, startedMs] = [calls(), performance.now()];
  for (let i = 1; i <= 500; i += 1) {
    near.set('/light', i);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  await hasValue(far, '/light', 500);
  expect(calls() - before).toBeLessThanOrEqual((performance.now() - startedMs) / gatherMs + 2);
});

/** From now on the answer that a batch has arrived takes its time; gives how many were sent. */
function slowed(near: SignalCluster, far: SignalCluster): () => number {
  const carrier = near.peers.carrier(far.id);
  let calls = 0;
  near.peers.set(near.peers.standing(far.id), {
    watch: (...asked) => carrier.watch(...asked),
    async call(...asked) {
      const answer = await carrier.call(...asked);
      if (asked[1] === 'send') {
        calls += 1;
        await new Promise((resolve) => {
          setTimeout(resolve, 20 * gatherMs);
        });
      }
      return answer;
    },
  });
  return () => calls;
}
