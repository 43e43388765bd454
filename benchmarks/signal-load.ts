// The load of signals, in a process of its own: the same shapes for every router and protocol.
import { askedBy } from './asked.ts';
import { quantile } from './data-rig.ts';
import { touch, type Touched, type TouchShape } from './signal-touch.ts';
import { connectClasp, joinClasp } from './wire-clasp.ts';
import { connectClient } from './wire-client.ts';
import { connectMqtt, joinMqtt, retainMqtt } from './wire-mqtt.ts';
import { connectNatsWire } from './wire-nats.ts';
import { connectRelay } from './wire-relay.ts';
import { everything, type WireEnd, type WireNeeds } from './wire.ts';

const wires = {
  set: (needs: WireNeeds) => connectClasp({ ...needs, kind: 'set' }),
  event: (needs: WireNeeds) => connectClasp({ ...needs, kind: 'event' }),
  setTcp: (needs: WireNeeds) => connectClasp({ ...needs, kind: 'set', transport: 'tcp' }),
  eventTcp: (needs: WireNeeds) => connectClasp({ ...needs, kind: 'event', transport: 'tcp' }),
  relay: connectRelay,
  client: connectClient,
  nats: connectNatsWire,
  mqtt: connectMqtt,
} as const;

export type WireName = keyof typeof wires;

export interface LoadShape {
  readonly wire: WireName;
  /** Where publishers go, and where subscribers do. */
  readonly near: number;
  readonly far: number;
  /** By which those at either end are let in. */
  readonly tokens?: { readonly near: string; readonly far: string } | undefined;
  readonly publishers: number;
  readonly subscribers: number;
  /** Each subscriber hears its publisher alone; otherwise all hear all. */
  readonly pairs?: boolean;
  /** Messages of a publisher that not everybody has heard yet; 1 paces. */
  readonly window: number;
  readonly ms: number;
  readonly bytes: number;
  /** Before the numbers of topics: `a/`. */
  readonly under?: string;
}

export interface LoadFigures {
  readonly delivered: number;
  readonly sentPerSecond: number;
  /** Microseconds from sending until the last subscriber has it. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface SignalLoad {
  run(shape: LoadShape): Promise<LoadFigures>;
  /** Keeps so many values at the router, for who comes later. */
  fill(wire: 'set' | 'mqtt', port: number, count: number, bytes: number): Promise<void>;
  /** Milliseconds from dialling until all of them are here. */
  join(wire: 'set' | 'mqtt', port: number, count: number): Promise<number>;
  touch(port: number, shape: TouchShape): Promise<Touched>;
}

const warmUpMs = 300;
const readyMs = 20_000;
const probeMs = 20;
const stallMs = 5_000;
const slots = 1 << 16; // more than all windows
const probe = -1;

class Run {
  readonly #shape: LoadShape;
  readonly #ends: WireEnd[] = [];
  readonly #send: ((number: number) => void)[] = [];
  readonly #sent: number[] = [];
  readonly #underWay: number[] = [];
  readonly #sentMs: Float64Array[] = [];
  readonly #missing: Uint16Array[] = [];
  readonly #ready: boolean[] = [];
  #samples: number[] = [];
  #counting = false;
  #going = false;
  #counted = 0;

  constructor(shape: LoadShape) {
    this.#shape = shape;
  }

  async go(): Promise<LoadFigures> {
    try {
      await this.#connect();
      this.#going = true;
      this.#send.forEach((_, index) => this.#fill(index));
      await pause(warmUpMs);
      this.#counting = true;
      const startedMs = performance.now();
      await pause(this.#shape.ms);
      this.#counting = false;
      const seconds = (performance.now() - startedMs) / 1_000;
      this.#going = false;
      await this.#settle();
      return this.#figures(seconds);
    } finally {
      this.#ends.forEach((end) => end.close());
    }
  }

  #figures(seconds: number): LoadFigures {
    const quantiles = [0.5, 0.95, 0.99].map((share) => quantile(this.#samples, share) * 1_000);
    const [p50 = 0, p95 = 0, p99 = 0] = quantiles;
    const sentPerSecond = this.#samples.length / seconds;
    return { delivered: this.#counted / seconds, sentPerSecond, p50, p95, p99 };
  }

  async #connect(): Promise<void> {
    const { wire, near, far, tokens, publishers, subscribers, pairs, bytes } = this.#shape;
    const { under = '' } = this.#shape;
    for (let i = 0; i < subscribers; i += 1) {
      this.#ready[i] = false;
      const heard = (number: number): void => this.#heard(i, number);
      const end = await wires[wire]({ port: far, token: tokens?.far, bytes, heard });
      this.#ends.push(end);
      await end.subscribe(pairs === true ? `${under}${i}` : everything);
    }
    for (let i = 0; i < publishers; i += 1) {
      const end = await wires[wire]({
        port: near,
        token: tokens?.near,
        bytes,
        heard: () => undefined,
      });
      this.#ends.push(end);
      this.#send.push(end.sender(`${under}${i}`));
      this.#sent.push(0);
      this.#underWay.push(0);
      this.#sentMs.push(new Float64Array(slots));
      this.#missing.push(new Uint16Array(slots));
    }
    await within(readyMs, 'every subscriber hears', () => {
      const isReady = this.#ready.every((each) => each);
      if (!isReady) {
        this.#send.forEach((send) => send(probe));
      }
      return isReady;
    });
    await pause(5 * probeMs); // what is left of them
  }

  #heard(subscriber: number, number: number): void {
    if (number < 0) {
      this.#ready[subscriber] = true;
      return;
    }
    const index = number % this.#send.length;
    const slot = Math.floor(number / this.#send.length) % slots;
    const missing = this.#missing[index];
    const sentMs = this.#sentMs[index];
    if (missing === undefined || sentMs === undefined) {
      return;
    }
    this.#counted += this.#counting ? 1 : 0;
    missing[slot] = (missing[slot] ?? 1) - 1;
    if (missing[slot] === 0) {
      if (this.#counting) {
        this.#samples.push(performance.now() - (sentMs[slot] ?? 0));
      }
      this.#underWay[index] = (this.#underWay[index] ?? 1) - 1;
      this.#fill(index);
    }
  }

  #fill(index: number): void {
    const { window, subscribers, pairs = false } = this.#shape;
    const [missing, sentMs, send] = [this.#missing[index], this.#sentMs[index], this.#send[index]];
    if (!this.#going || missing === undefined || sentMs === undefined || send === undefined) {
      return;
    }
    let underWay = this.#underWay[index] ?? 0;
    while (underWay < window) {
      const sequence = this.#sent[index] ?? 0;
      this.#sent[index] = sequence + 1;
      underWay += 1;
      missing[sequence % slots] = pairs ? 1 : subscribers;
      sentMs[sequence % slots] = performance.now();
      send(sequence * this.#send.length + index);
    }
    this.#underWay[index] = underWay;
  }

  /** What is on its way arrives, or was lost: which none of the peers should do. */
  async #settle(): Promise<void> {
    await within(stallMs, 'what was sent arrives', () =>
      this.#underWay.every((left) => left === 0),
    );
  }
}

async function within(ms: number, what: string, done: () => boolean): Promise<void> {
  const untilMs = performance.now() + ms;
  while (!done()) {
    if (performance.now() > untilMs) {
      throw new Error(`waited ${ms} ms in vain: ${what}`);
    }
    await pause(probeMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** SETs, each told to a session that hears all of them. */
async function fillClasp(port: number, count: number, bytes: number): Promise<void> {
  let heard = 0;
  const end = await connectClasp({ port, bytes, kind: 'set', heard: () => (heard += 1) });
  await end.subscribe(everything);
  heard = 0;
  for (let i = 0; i < count; i += 1) {
    end.sender(String(i))(i);
  }
  await within(readyMs, 'every value is there', () => heard >= count);
  end.close();
}

const load: SignalLoad = {
  run: (shape) => new Run(shape).go(),
  fill: (wire, ...where) => (wire === 'mqtt' ? retainMqtt(...where) : fillClasp(...where)),
  join: (wire, ...where) => (wire === 'mqtt' ? joinMqtt(...where) : joinClasp(...where)),
  touch,
};

askedBy(load, async () => undefined);
