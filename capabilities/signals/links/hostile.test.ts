// A linked cluster that keeps no rule: lines that are opened by hand.
import type { Call } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createSignalCluster, type SignalCluster } from '../../../testkit/signal-clusters.ts';
import { advertMessage, suffixedMessage } from '../federation/suffix.ts';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { SignalMessage } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { sendsMax } from '../wire.ts';
import { Batch, unpackFrames } from './batches.ts';
import { clusters, made, until } from './links-rig.suite.ts';

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
