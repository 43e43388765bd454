import type { Call } from '@hansa/foundation';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createSignalCluster, join, type SignalCluster } from '../../../testkit/signal-clusters.ts';
import { advertMessage, suffixedMessage } from '../federation/suffix.ts';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { SignalMessage } from '../frames/messages.ts';
import { readValue, wireValue } from '../frames/values.ts';
import { sendsMax } from '../wire.ts';
import { Batch, unpackFrames } from './batches.ts';
import { gatherMs } from './dialling.ts';

const made: SignalCluster[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((cluster) => cluster.stop()));
});

function clusters(...names: readonly string[]): readonly SignalCluster[] {
  const all = names.map((name, at) => createSignalCluster(10 * (at + 1), name));
  made.push(...all);
  return all;
}

function startAll(all: readonly SignalCluster[]): Promise<unknown> {
  return Promise.all(all.map(({ capability }) => capability.start(new AbortController().signal)));
}

function until(condition: () => unknown): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 10_000, interval: 5 });
}

const hasValue = (cluster: SignalCluster, address: string, value: number): Promise<void> =>
  until(() => cluster.value(address) === value);

async function isActive(cluster: SignalCluster, peer: SignalCluster): Promise<void> {
  await vi.waitFor(
    async () => {
      const { peers } = await cluster.shown.list({});
      expect(peers.find((one) => one.cluster === peer.id)?.state).toBe('active');
    },
    { timeout: 10_000, interval: 5 },
  );
}

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

/** A line to a router that is opened by hand, as a cluster that keeps no rule would. */
class HandLine {
  readonly heard: SignalMessage[] = [];
  readonly #to: SignalCluster;
  readonly #call: Call;
  readonly #line: string;
  #sequence = 0;
  ended = false;

  constructor(to: SignalCluster, as: SignalCluster, line = '0f'.repeat(16)) {
    this.#to = to;
    this.#line = line;
    this.#call = { caller: { kind: 'cluster', cluster: as.id, node: as.id as never } };
    void this.#read();
  }

  async #read(): Promise<void> {
    const items = this.#to.service.open({ line: this.#line, turn: 0 }, this.#call);
    for await (const { frames } of items) {
      this.heard.push(...unpackFrames(frames).map((frame) => decodeFrame(frame).message));
    }
    this.ended = true;
  }

  send(frames: Uint8Array, sequence: number = this.#sequence): Promise<unknown> {
    this.#sequence = Math.max(this.#sequence, sequence + 1);
    return this.#to.service.send({ line: this.#line, sequence, frames }, this.#call);
  }

  say(...frames: readonly (SignalMessage | Uint8Array)[]): Promise<unknown> {
    return this.send(
      packFrames(frames.map((one) => (one instanceof Uint8Array ? one : encodeFrame(one)))),
    );
  }

  of<T extends SignalMessage['type']>(type: T): Extract<SignalMessage, { type: T }>[] {
    return this.heard.filter(
      (one): one is Extract<SignalMessage, { type: T }> => one.type === type,
    );
  }

  /** Declares as a router of our kind does. */
  async declare(origin: string, patterns: readonly string[] = []): Promise<void> {
    await until(() => this.heard.length === 0);
    const features = ['param', 'event', 'federation'] as const;
    await this.say({ type: 'hello', version: 1, features: [...features], name: 'hand' });
    await until(() => this.of('welcome').length > 0);
    const advert = { routerId: origin, stamp: 1, patterns, neighbours: [] };
    await this.say(advertMessage(advert));
    await until(() => this.of('ack').length + this.of('error').length > 0);
  }
}

const plain = { lock: false, unlock: false } as const;

function toldSet(address: string, origin: string, value: number): Uint8Array {
  const message = { type: 'set', address, value: wireValue(value), ...plain } as const;
  const stamp = Date.now() * 1_000;
  return suffixedMessage(message, { kind: 'told', hops: 1, stamp, id: 0, origin, writer: '' });
}

describe('a linked cluster that keeps no rule', () => {
  async function meet(): Promise<{
    readonly visby: SignalCluster;
    readonly bergen: SignalCluster;
    readonly hand: HandLine;
  }> {
    const [visby, bergen] = clusters('visby', 'bergen') as [SignalCluster, SignalCluster];
    const namespace = visby.state({ owner: visby, patterns: ['/visby/**'] });
    visby.state({ owner: bergen, patterns: ['/bergen/**'] });
    visby.grant(bergen, 'pull', namespace);
    visby.peers.set({
      cluster: bergen.id,
      name: 'bergen',
      mine: true,
      theirs: false,
      active: true,
      trust: 'public',
      labels: {},
    });
    await visby.capability.start(new AbortController().signal);
    const hand = new HandLine(visby, bergen);
    await until(() => hand.heard.length === 0);
    return { visby, bergen, hand };
  }

  test('speaks as nobody else', async () => {
    const { visby, hand } = await meet();
    await hand.declare('somebody else');
    expect(hand.of('error')).toMatchObject([{ code: 403 }]);
    await hand.say(toldSet('/bergen/light', visby.id, 1));
    expect(visby.value('/bergen/light')).toBeUndefined();
  });

  test('owns what it is known to own, whatever it declares', async () => {
    const { visby, bergen, hand } = await meet();
    await hand.declare(bergen.id, ['/visby/**', '/free/**']);
    visby.set('/free/light', 1);
    await hand.say(toldSet('/free/light', bergen.id, 2));
    await hand.say(toldSet('/visby/light', bergen.id, 3));
    await hand.say(toldSet('/bergen/light', bergen.id, 4));
    await until(() => visby.value('/bergen/light') === 4);
    expect([visby.value('/free/light'), visby.value('/visby/light')]).toEqual([1, undefined]);
  });

  test('writes nowhere without a right to, by its router or as a client', async () => {
    const { visby, bergen, hand } = await meet();
    await hand.declare(bergen.id);
    const message = {
      type: 'set',
      address: '/visby/light',
      value: wireValue(1),
      ...plain,
    } as const;
    const asked = {
      kind: 'asked',
      hops: 1,
      stamp: 0,
      id: 7,
      origin: bergen.id,
      writer: 'w',
    } as const;
    await hand.say(suffixedMessage(message, asked), message);
    await until(() => hand.of('error').length > 1);
    expect(hand.of('error').map(({ code }) => code)).toEqual([301, 301]);
    expect(visby.value('/visby/light')).toBeUndefined();
  });

  test('hears of no patterns, and of nobody who is not linked by a proven line', async () => {
    const { visby, bergen, hand } = await meet();
    const stranger = createSignalCluster(90, 'stranger');
    made.push(stranger);
    visby.state({ owner: stranger, patterns: ['/stranger/**'] });
    await hand.declare(bergen.id);
    await until(() => hand.of('federation').length > 0);
    const said = hand.of('federation');
    expect(said.flatMap(({ patterns }) => patterns)).toEqual([]);
    const ids: (string | undefined)[] = [visby.id, bergen.id];
    expect(said.filter(({ origin }) => !ids.includes(origin))).toEqual([]);
  });

  test('is told of nothing that it may not read when it subscribes to all', async () => {
    const { visby, hand } = await meet();
    const features = ['param', 'event'] as const;
    await hand.say({ type: 'hello', version: 1, features: [...features], name: 'client' });
    await hand.say({ type: 'subscribe', id: 1, pattern: '/**', types: 0xff });
    await hand.say({ type: 'subscribe', id: 2, pattern: '/visby/**', types: 0xff });
    await hand.say({ type: 'ping' });
    await until(() => hand.of('pong').length > 0);
    visby.set('/secret/light', 1);
    visby.set('/visby/light', 2);
    await until(() => hand.of('set').length > 0);
    expect(hand.of('error')).toMatchObject([{ code: 301, address: '/**' }]);
    expect(hand.of('set').map(({ address }) => address)).toEqual(['/visby/light']);
  });

  test('is left when it sends what is no batch, out of order, or more ahead than may be', async () => {
    for (const [frames, sequence, times] of [
      [Uint8Array.of(0, 0, 0, 9, 1), 0, 1],
      [new Uint8Array(), 5, sendsMax + 1],
    ] as const) {
      const { hand } = await meet();
      for (let i = 0; i < times; i += 1) {
        await hand.send(frames, sequence + i).catch(() => undefined);
      }
      await until(() => hand.ended);
      await expect(hand.send(new Uint8Array())).rejects.toMatchObject({
        code: 'CONNECTION_CLOSED',
      });
    }
  });

  test('gets no line where it is not linked, and one line at a time where it is', async () => {
    const { visby, bergen, hand } = await meet();
    const again = new HandLine(visby, bergen);
    await until(() => again.ended); // the turn is not its: the first goes on
    expect(hand.ended).toBe(false);
    const other = new HandLine(visby, bergen, 'f0'.repeat(16));
    await until(() => hand.ended);
    await other.declare(bergen.id);
    visby.peers.set({ ...visby.peers.standing(bergen.id), active: false });
    await until(() => other.ended);
    const call: Call = {
      caller: { kind: 'cluster', cluster: bergen.id, node: bergen.id as never },
    };
    const items = visby.service
      .open({ line: '00'.repeat(16), turn: 0 }, call)
      [Symbol.asyncIterator]();
    await expect(items.next()).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  });
});

function packFrames(frames: readonly Uint8Array[]): Uint8Array {
  const batch = new Batch();
  frames.forEach((frame) => batch.add(frame));
  return batch.bytes;
}
