// A session at a router, ours or anybody's, that does one thing at a time: for the command line and
// for whoever else asks seldom. A PING stands behind each question: a router answers in order, and
// some say nothing at all where there is nothing.
import { cancellation, deadline, HansaError, type Clock } from '@hansa/foundation';
import {
  replayedDefault,
  type ParamSetting,
  type Publication,
  type ReplayAsked,
  type Replayed,
  type ShownParam,
  type SignalClient,
  type SignalNews,
  type Taken,
  type WatchAsked,
} from '../contract.ts';
import { typeMask } from '../frames/codes.ts';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { AcceptLine, Line, LineEvents } from '../frames/line.ts';
import { signalErrors, type SignalMessage, type WelcomeMessage } from '../frames/messages.ts';
import { errorOfAnswer } from './answers.ts';
import { newsOf, shownParam } from './news.ts';
import { givenValue } from './shown.ts';

export interface SignalClientNeeds {
  readonly clock: Clock;
  /** How the router is called in messages. */
  readonly url: string;
  readonly dial: (accept: AcceptLine) => Promise<Line>;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const answerMs = 15_000; // three times what a write may take on its way to another router
// Beyond it the router is not read: it knows best what to leave out.
export const newsWaitingMax = 1_000;
const protocolVersion = 1;
const microseconds = 1_000; // of one millisecond, as moments go over the wire
const partings: ReadonlySet<number> = new Set([signalErrors.authentication, signalErrors.expired]);
const watchId = 1; // a session watches one pattern at a time

/** Whoever is asking at this moment. */
interface Listener {
  heard(message: SignalMessage): void;
  failed(error: Error): void;
}

/** DIAL_FAILED, SIGNAL_UNAUTHENTICATED, SIGNAL_TOKEN_EXPIRED, TIMED_OUT. */
export async function openSignalClient(needs: SignalClientNeeds): Promise<SignalClient> {
  const client = new Client(needs);
  try {
    await client.open();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

class Client implements SignalClient {
  readonly #needs: SignalClientNeeds;
  readonly #abort = (): void => this.#end(cancellation(this.#needs.signal ?? AbortSignal.abort()));
  #line: Line | undefined;
  #listener: Listener | undefined;
  #ended: Error | undefined;
  /** Why the router ends the session, as it says before it does. */
  #parting: Error | undefined;
  #welcome: WelcomeMessage | undefined;
  #welcomedMs = 0;
  /** Of a question that was answered before its PONG, that PONG is still to come. */
  #pings = 0;
  #pongs = 0;

  constructor(needs: SignalClientNeeds) {
    this.#needs = needs;
  }

  get router(): string {
    return this.#welcome?.name ?? '';
  }

  get session(): string {
    return this.#welcome?.session ?? '';
  }

  async open(): Promise<void> {
    const { dial, token, signal } = this.#needs;
    signal?.throwIfAborted();
    signal?.addEventListener('abort', this.#abort, { once: true });
    await dial((line) => {
      this.#line = line;
      return this.#events();
    });
    const features = ['param', 'event', 'stream', 'gesture', 'timeline'] as const;
    const version = protocolVersion;
    const name = 'hansa';
    this.#welcome = await this.#ask([{ type: 'hello', version, features, name, token }], (heard) =>
      heard.type === 'welcome' ? heard : undefined,
    );
    this.#welcomedMs = this.#needs.clock.monotonicMs();
    // All that there is comes unasked, before this is answered.
    await this.#ask([{ type: 'ping' }], isPong);
  }

  async get(address: string): Promise<ShownParam> {
    return this.#ask([{ type: 'get', address }, { type: 'ping' }], (heard) => {
      if (heard.type === 'pong') {
        throw new HansaError('SIGNAL_NOT_FOUND', `nothing was set at ${address}`);
      }
      const params = heard.type === 'snapshot' ? heard.params : [];
      const found = params.find((param) => param.address === address);
      return found === undefined ? undefined : shownParam(found);
    });
  }

  async set(setting: ParamSetting): Promise<Taken> {
    const { address, expected: revision, lock = false, ttlSeconds: ttl } = setting;
    const value = givenValue(setting);
    const write = { address, value, revision, lock, unlock: false, ttl };
    const message: SignalMessage = { type: 'set', ...write };
    return this.#ask([message], (heard) =>
      heard.type === 'ack' && heard.address === address
        ? { address, revision: heard.revision }
        : undefined,
    );
  }

  async emit({ address, type, given, id, phase }: Publication): Promise<void> {
    const value = given === undefined ? undefined : givenValue(given);
    const message: SignalMessage = { type: 'publish', address, signal: type, value, id, phase };
    await this.#ask([message, { type: 'ping' }], isPong);
  }

  async replay(asked: ReplayAsked): Promise<Replayed> {
    const { pattern, types, sinceMs, limit = replayedDefault } = asked;
    const from =
      sinceMs === undefined ? undefined : Math.max(0, this.#nowUs() - sinceMs * microseconds);
    const mask = typeMask(types);
    const message: SignalMessage = { type: 'replay', pattern, from, limit, types: mask };
    const news: SignalNews[] = [];
    return this.#ask([message, { type: 'ping' }], (heard) => {
      news.push(...newsOf(heard));
      return heard.type === 'pong' ? { news } : undefined;
    });
  }

  async *watch(asked: WatchAsked): AsyncGenerator<SignalNews, void, undefined> {
    const { pattern, types, maxRate, epsilon } = asked;
    const waiting: SignalNews[] = [];
    let wake = (): void => undefined;
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure ??= error;
      wake();
    };
    const release = this.#listen({
      heard: (message) => {
        if (message.type === 'error' && message.address === pattern) {
          fail(errorOfAnswer(message, this.#needs.url));
          return;
        }
        waiting.push(...newsOf(message));
        if (waiting.length > newsWaitingMax) {
          this.#line?.read?.(false);
        }
        wake();
      },
      failed: fail,
    });
    const mask = typeMask(types);
    try {
      this.#say({ type: 'subscribe', id: watchId, pattern, types: mask, maxRate, epsilon });
      for (;;) {
        yield* waiting.splice(0);
        this.#line?.read?.(true);
        if (failure !== undefined) {
          throw failure;
        }
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#say({ type: 'unsubscribe', id: watchId });
      release();
    }
  }

  ended(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.#listen({ heard: () => undefined, failed: reject });
    });
  }

  close(): void {
    this.#needs.signal?.removeEventListener('abort', this.#abort);
    this.#line?.close('done');
  }

  /** By the router's clock. */
  #nowUs(): number {
    const sinceMs = this.#needs.clock.monotonicMs() - this.#welcomedMs;
    return Math.floor((this.#welcome?.time ?? 0) + sinceMs * microseconds);
  }

  #events(): LineEvents {
    return {
      frame: (bytes) => {
        const message = decoded(bytes);
        if (message !== undefined) {
          this.#pongs += message.type === 'pong' ? 1 : 0;
          if (message.type === 'error' && partings.has(message.code)) {
            this.#parting = errorOfAnswer(message, this.#needs.url);
          }
          this.#listener?.heard(message);
        }
      },
      drained: () => undefined,
      closed: (reason) =>
        this.#end(
          this.#parting ??
            new HansaError('CONNECTION_CLOSED', `${this.#needs.url} ended the session: ${reason}`),
        ),
    };
  }

  #say(message: SignalMessage): void {
    this.#line?.send(encodeFrame(message));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#listener?.failed(error);
    this.#line?.close('done');
  }

  #listen(listener: Listener): () => void {
    if (this.#listener !== undefined) {
      throw new TypeError('a session does one thing at a time');
    }
    this.#listener = listener;
    if (this.#ended !== undefined) {
      listener.failed(this.#ended);
    }
    return () => {
      this.#listener = undefined;
    };
  }

  /** `judge` gives the answer, throws what it means, or waits for the next message. */
  async #ask<T>(
    messages: readonly SignalMessage[],
    judge: (heard: SignalMessage) => T | undefined,
  ): Promise<T> {
    const { clock, url, signal } = this.#needs;
    const late = (): Error =>
      new HansaError('TIMED_OUT', `${url} did not answer in ${answerMs / 1_000} s`);
    const time = deadline(clock, answerMs, { reason: late, signal });
    const frames = messages.map((message) => encodeFrame(message));
    this.#pings += messages.some(({ type }) => type === 'ping') ? 1 : 0;
    const isStale = ({ type }: SignalMessage): boolean =>
      type === 'pong' && this.#pongs < this.#pings;
    let release = (): void => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const expire = (): void => reject(time.signal.reason);
        time.signal.addEventListener('abort', expire, { once: true });
        release = this.#listen({
          heard(heard) {
            try {
              const asking = { asked: messages[0], judge, url };
              const answer = isStale(heard) ? undefined : answered(heard, asking);
              if (answer !== undefined) {
                resolve(answer);
              }
            } catch (error) {
              reject(error);
            }
          },
          failed: reject,
        });
        frames.forEach((frame) => this.#line?.send(frame));
      });
    } finally {
      release();
      time.done();
    }
  }
}

interface Asking<T> {
  readonly asked: SignalMessage | undefined;
  readonly judge: (heard: SignalMessage) => T | undefined;
  readonly url: string;
}

/** An ERROR about another address is about something that was asked before. */
function answered<T>(heard: SignalMessage, { asked, judge, url }: Asking<T>): T | undefined {
  if (heard.type !== 'error') {
    return judge(heard);
  }
  if (heard.address === undefined || heard.address === placeOf(asked)) {
    throw errorOfAnswer(heard, url);
  }
  return undefined;
}

/** What an ERROR about the message names. */
function placeOf(asked: SignalMessage | undefined): string | undefined {
  if (asked === undefined) {
    return undefined;
  }
  return 'address' in asked ? asked.address : 'pattern' in asked ? asked.pattern : undefined;
}

/** Words that we do not know may be meant for others. */
function decoded(bytes: Uint8Array): SignalMessage | undefined {
  try {
    return decodeFrame(bytes).message;
  } catch {
    return undefined;
  }
}

function isPong({ type }: SignalMessage): true | undefined {
  return type === 'pong' ? true : undefined;
}
