// Load for any router, by frames alone: no client's work is measured with it. Each publisher has an
// address and so many messages on their way; a message's number is its value, by which whoever is
// subscribed tells when it was sent.
import { HansaError, type Clock } from '@hansa/foundation';
import type { LoadAsked, LoadReport } from '../contract.ts';
import { messageCodes } from '../frames/codes.ts';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { AcceptLine, Line } from '../frames/line.ts';
import { allTypesMask, type SignalMessage } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { errorOfAnswer } from './answers.ts';
import { Samples } from './samples.ts';

export interface LoadNeeds {
  readonly clock: Clock;
  /** Where publishers go. */
  readonly dial: (accept: AcceptLine) => Promise<Line>;
  /** Where subscribers go: the same, or a router that is linked to it. */
  readonly dialFar: (accept: AcceptLine) => Promise<Line>;
  readonly token?: string | undefined;
  readonly farToken?: string | undefined;
  readonly url: string;
  readonly signal?: AbortSignal | undefined;
}

const readyMs = 15_000; // a session is welcomed at once, one far away within seconds
const tickMs = 5; // how often what a rate allows is sent, and silence is looked for
const stallMs = 1_000; // nothing came back for so long: it was lost, and others are sent instead
const drainMs = 2_000; // for what is on its way when the time is over
const headerBytes = 4; // before a payload, in a frame without a timestamp
const sentKept = 1 << 16; // moments of sending that are remembered of each publisher

const probeNumber = -1; // asks a subscriber whether it hears

export async function runLoad(needs: LoadNeeds, asked: LoadAsked): Promise<LoadReport> {
  const run = new Load(needs, asked);
  try {
    await run.connect();
    return await run.measure();
  } finally {
    run.close();
  }
}

interface Publisher {
  readonly line: Line;
  readonly frame: Uint8Array;
  readonly numberAt: number;
  readonly sentMs: Float64Array;
  sent: number;
  /** Sent, and not yet acknowledged or heard. */
  underWay: number;
  heardMs: number;
}

class Load {
  readonly #needs: LoadNeeds;
  readonly #asked: LoadAsked;
  readonly #publishers: Publisher[] = [];
  readonly #lines: Line[] = [];
  readonly #samples = new Samples();
  readonly #heard: boolean[] = [];
  #counting = false;
  #sending = false;
  #sent = 0;
  #delivered = 0;
  #refused = 0;
  #firstRefusal: string | undefined;
  #failure: Error | undefined;
  #allowed = Number.POSITIVE_INFINITY;

  constructor(needs: LoadNeeds, asked: LoadAsked) {
    this.#needs = needs;
    this.#asked = asked;
  }

  /** Resolves when every subscriber hears every publisher's router. */
  async connect(): Promise<void> {
    const { publishers, subscribers } = this.#asked;
    for (let i = 0; i < subscribers; i += 1) {
      await this.#subscribe(i);
    }
    for (let i = 0; i < publishers; i += 1) {
      await this.#publish(i);
    }
    const first = this.#publishers[0];
    if (first === undefined) {
      throw new HansaError('USAGE', 'a load has one publisher at least');
    }
    const isHeard = (): boolean =>
      this.#heard.length === subscribers && this.#heard.every((each) => each);
    await this.#until('every subscriber hears the publishers', () => {
      if (!isHeard()) {
        this.#send(first, probeNumber);
      }
      return isHeard();
    });
  }

  async measure(): Promise<LoadReport> {
    const { clock, signal } = this.#needs;
    const { rate, warmUpMs, durationMs } = this.#asked;
    const startMs = clock.monotonicMs();
    const countMs = startMs + warmUpMs;
    const endMs = countMs + durationMs;
    this.#sending = true;
    let beganMs = startMs;
    for (let nowMs = startMs; nowMs < endMs; nowMs = clock.monotonicMs()) {
      if (!this.#counting && nowMs >= countMs) {
        this.#counting = true;
        beganMs = nowMs;
      }
      if (rate > 0) {
        this.#allowed = Math.ceil(((nowMs - startMs) / 1_000) * rate) - this.#total();
      }
      this.#pump(nowMs);
      this.#throwFailure();
      await clock.sleep(tickMs, signal);
    }
    this.#sending = false;
    const seconds = (clock.monotonicMs() - beganMs) / 1_000;
    const sent = this.#sent;
    const inTime = this.#delivered;
    const dueMs = clock.monotonicMs() + drainMs;
    const due = sent * this.#asked.subscribers;
    while (this.#delivered < due && clock.monotonicMs() < dueMs) {
      await clock.sleep(tickMs, signal);
    }
    return {
      seconds,
      sent,
      delivered: this.#delivered,
      refused: this.#refused,
      sentPerSecond: Math.round(sent / seconds),
      deliveredPerSecond: Math.round(inTime / seconds),
      latencyUs: this.#samples.percentiles(),
      firstRefusal: this.#firstRefusal,
    };
  }

  close(): void {
    this.#lines.forEach((line) => line.close('done'));
  }

  #total(): number {
    return this.#publishers.reduce((total, { sent }) => total + sent, 0);
  }

  async #subscribe(index: number): Promise<void> {
    this.#heard[index] = false;
    const { dialFar, farToken } = this.#needs;
    const line = await this.#open(dialFar, farToken, (bytes) => this.#hear(index, bytes));
    const pattern = `${this.#asked.prefix}/**`;
    line.send(encodeFrame({ type: 'subscribe', id: 1, pattern, types: allTypesMask }));
  }

  async #publish(index: number): Promise<void> {
    const { dial, token } = this.#needs;
    const address = `${this.#asked.prefix}/${index}`;
    const isSet = this.#asked.kind === 'set';
    const line = await this.#open(dial, token, (bytes) => {
      if (isSet && bytes[headerBytes] === messageCodes.ack) {
        this.#returned(index);
      }
    });
    const frame = encodeFrame(messageOf(this.#asked, address));
    // The number is the last thing in the frame, since nothing optional follows it.
    const numberAt = frame.length - 8;
    const sentMs = new Float64Array(sentKept);
    this.#publishers.push({ line, frame, numberAt, sentMs, sent: 0, underWay: 0, heardMs: 0 });
  }

  /** A session that has been welcomed, and told all that there is. */
  async #open(
    dial: LoadNeeds['dial'],
    token: string | undefined,
    frame: (bytes: Uint8Array) => void,
  ): Promise<Line> {
    let ready = false;
    const line = await dial(() => ({
      frame: (bytes) => {
        const code = bytes[headerBytes];
        if (code === messageCodes.error) {
          this.#refuse(bytes);
        } else if (ready) {
          frame(bytes);
        } else {
          ready = code === messageCodes.pong;
        }
      },
      drained: () => undefined,
      closed: (reason) => this.#closed(reason),
    }));
    this.#lines.push(line);
    const features = ['param', 'event', 'stream'] as const;
    line.send(encodeFrame({ type: 'hello', version: 1, features, name: 'hansa bench', token }));
    line.send(encodeFrame({ type: 'ping' }));
    await this.#until('the router welcomes a session', () => ready);
    return line;
  }

  #closed(reason: string): void {
    this.#failure ??= new HansaError(
      'CONNECTION_CLOSED',
      `${this.#needs.url} ended a session: ${reason}`,
    );
  }

  #refuse(bytes: Uint8Array): void {
    const { message } = decodeFrame(bytes);
    if (message.type !== 'error') {
      return;
    }
    const refusal = errorOfAnswer(message, this.#needs.url);
    if (!this.#sending) {
      this.#failure ??= refusal;
      return;
    }
    this.#refused += 1;
    this.#firstRefusal ??= refusal.message;
  }

  /** At a subscriber. */
  #hear(index: number, bytes: Uint8Array): void {
    const told = numberIn(bytes);
    if (told === undefined || told < 0) {
      this.#heard[index] ||= told === probeNumber;
      return;
    }
    const count = this.#publishers.length;
    const publisher = this.#publishers[told % count];
    if (publisher === undefined) {
      return;
    }
    if (this.#counting) {
      const number = Math.floor(told / count);
      const sentMs = publisher.sentMs[number % sentKept] ?? 0;
      this.#delivered += 1;
      this.#samples.add((this.#needs.clock.monotonicMs() - sentMs) * 1_000);
    }
    if (index === 0 && this.#asked.kind !== 'set') {
      this.#returned(told % count);
    }
  }

  #returned(index: number): void {
    const publisher = this.#publishers[index];
    if (publisher !== undefined && publisher.underWay > 0) {
      publisher.underWay -= 1;
      publisher.heardMs = this.#needs.clock.monotonicMs();
      this.#fill(publisher, index);
    }
  }

  #pump(nowMs: number): void {
    this.#publishers.forEach((publisher, index) => {
      if (publisher.underWay > 0 && nowMs - publisher.heardMs > stallMs) {
        publisher.underWay = 0;
      }
      if (publisher.underWay === 0) {
        publisher.heardMs = nowMs;
      }
      this.#fill(publisher, index);
    });
  }

  #fill(publisher: Publisher, index: number): void {
    const { window } = this.#asked;
    while (this.#sending && publisher.underWay < window && this.#allowed > 0) {
      const number = publisher.sent;
      publisher.sent += 1;
      publisher.underWay += 1;
      this.#allowed -= 1;
      this.#sent += this.#counting ? 1 : 0;
      publisher.sentMs[number % sentKept] = this.#needs.clock.monotonicMs();
      this.#send(publisher, number * this.#publishers.length + index);
    }
  }

  #send({ line, frame, numberAt }: Publisher, number: number): void {
    // Sent bytes are not changed afterwards.
    const bytes = frame.slice();
    new DataView(bytes.buffer).setFloat64(numberAt, number);
    line.send(bytes);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const { clock, signal, url } = this.#needs;
    const untilMs = clock.monotonicMs() + readyMs;
    while (!isSo()) {
      this.#throwFailure();
      if (clock.monotonicMs() > untilMs) {
        throw new HansaError('TIMED_OUT', `${url}: waited ${readyMs / 1_000} s until ${what}`);
      }
      await clock.sleep(tickMs, signal);
    }
  }
}

/** Of a SET or PUBLISH as we make them, without decoding the rest. */
function numberIn(bytes: Uint8Array): number | undefined {
  const code = bytes[headerBytes];
  const isPublish = code === messageCodes.publish;
  if ((!isPublish && code !== messageCodes.set) || bytes.length < headerBytes + 4) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const valueAt = headerBytes + 4 + view.getUint16(headerBytes + 2) + (isPublish ? 2 : 0);
  return bytes.length < valueAt + 8 ? undefined : view.getFloat64(valueAt);
}

function messageOf({ kind }: LoadAsked, address: string): SignalMessage {
  const value = wireValue(0);
  return kind === 'set'
    ? { type: 'set', address, value, lock: false, unlock: false }
    : { type: 'publish', address, signal: kind, value };
}
