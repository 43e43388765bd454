// A router on time that a test moves, and clients that speak frames to it over lines in memory.
import type { Log } from '@hansa/foundation';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { Line, LineEvents } from '../frames/line.ts';
import type { Feature, SignalFrame, SignalMessage, WireValue } from '../frames/messages.ts';
import { readValue, wireValue, type SignalValue } from '../frames/values.ts';
import { createVirtualClock, type VirtualClock } from '../../../testkit/virtual-clock.ts';
import { createSeededRandom } from '../../../testkit/seeded-random.ts';
import { createRouter, type Router, type RouterNeeds } from './router.ts';

export interface Problem {
  readonly name: string;
  readonly error: unknown;
}

export interface Rig {
  readonly clock: VirtualClock;
  readonly router: Router;
  /** What the router logged as wrong: none, in a good test. */
  readonly problems: Problem[];
  /** A line that has said nothing yet. */
  line(options?: LineOptions): TestLine;
  /** A session that has been welcomed, with what came so far forgotten. */
  join(options?: JoinOptions): Promise<TestLine>;
}

export interface LineOptions {
  readonly remote?: string;
  /** The transport cannot stop reading. */
  readonly unstoppable?: boolean;
}

export interface JoinOptions extends LineOptions {
  readonly name?: string;
  readonly token?: string;
  readonly features?: readonly Feature[];
}

export function createRig(needs: Partial<Omit<RouterNeeds, 'random' | 'log'>> = {}): Rig {
  const clock = createVirtualClock();
  const problems: Problem[] = [];
  const log: Log = {
    event: () => undefined,
    problem: (name, error) => void problems.push({ name, error }),
    with: () => log,
  };
  const router = createRouter({
    clock,
    ...needs,
    random: createSeededRandom(7),
    log,
  });
  const rig: Rig = {
    clock,
    router,
    problems,
    line: (options = {}) => new TestLine(router, options),
    async join(options = {}) {
      const line = rig.line(options);
      const { name = 'tester', token, features = ['param', 'event', 'stream'] } = options;
      line.say({ type: 'hello', version: 1, features, name, token });
      await clock.settle();
      const welcome = line.messages('welcome')[0];
      if (welcome === undefined) {
        throw new Error('the session was not welcomed');
      }
      line.session = welcome.session;
      line.forget();
      return line;
    },
  };
  return rig;
}

type Of<T extends SignalMessage['type']> = Extract<SignalMessage, { readonly type: T }>;

export class TestLine implements Line {
  readonly remote: string;
  readonly read?: (on: boolean) => void;
  readonly #events: LineEvents;
  session = '';
  reading = true;
  frames: Uint8Array[] = [];
  closedWith: string | undefined;
  /** While set, frames wait here instead of arriving. */
  stuck = false;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(router: Router, { remote = 'test', unstoppable = false }: LineOptions) {
    this.remote = remote;
    if (!unstoppable) {
      this.read = (on): void => {
        this.reading = on;
      };
    }
    this.#events = router.accept(this);
  }

  send(frame: Uint8Array): number {
    if (this.closedWith !== undefined) {
      return 0;
    }
    if (this.stuck) {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.length;
    } else {
      this.frames.push(frame);
    }
    return this.#waitingBytes;
  }

  waiting(): number {
    return this.#waitingBytes;
  }

  close(reason: string): void {
    if (this.closedWith === undefined) {
      this.closedWith = reason;
      this.frames.push(...this.#waiting.splice(0));
      queueMicrotask(() => this.#events.closed(reason));
    }
  }

  /** What waited arrives; more may wait again at once. */
  flow(): void {
    this.stuck = false;
    this.frames.push(...this.#waiting.splice(0));
    this.#waitingBytes = 0;
    this.#events.drained();
  }

  /** As `flow`, and stuck again as soon as the router was told. */
  trickle(): void {
    this.frames.push(...this.#waiting.splice(0));
    this.#waitingBytes = 0;
    this.#events.drained();
  }

  hangUp(): void {
    this.closedWith ??= 'hung up';
    this.#events.closed('hung up');
  }

  pong(): void {
    this.#events.alive?.();
  }

  raw(bytes: Uint8Array): void {
    this.#events.frame(bytes);
  }

  say(message: SignalMessage): void {
    this.raw(encodeFrame(message));
  }

  set(address: string, value: SignalValue, more: Partial<Of<'set'>> = {}): void {
    this.say({
      type: 'set',
      address,
      value: wireValue(value),
      lock: false,
      unlock: false,
      ...more,
    });
  }

  publish(address: string, more: Partial<Of<'publish'>> = {}): void {
    this.say({ type: 'publish', address, signal: 'event', value: wireValue(1), ...more });
  }

  subscribe(id: number, pattern: string, more: Partial<Of<'subscribe'>> = {}): void {
    this.say({ type: 'subscribe', id, pattern, types: 0xff, ...more });
  }

  forget(): void {
    this.frames = [];
  }

  /** All that arrived, decoded. */
  get all(): SignalMessage[] {
    return this.frames.map((frame) => decoded(frame).message);
  }

  messages<T extends SignalMessage['type']>(type: T): Of<T>[] {
    return this.all.filter((message): message is Of<T> => message.type === type);
  }

  /** SETs as `address=value@revision`. */
  get sets(): string[] {
    return this.messages('set').map(
      ({ address, value, revision }) => `${address}=${shown(value)}@${revision}`,
    );
  }

  get publishes(): string[] {
    return this.messages('publish').map(({ address, value }) =>
      value === undefined ? address : `${address}=${shown(value)}`,
    );
  }

  get errors(): string[] {
    return this.messages('error').map(({ code, message }) => `${code} ${message}`);
  }

  get errorCodes(): number[] {
    return this.messages('error').map(({ code }) => code);
  }

  get types(): string[] {
    return this.all.map(({ type }) => type);
  }

  /** Of all SNAPSHOTs that arrived, by address. */
  get snapshot(): Map<string, string> {
    const params = this.messages('snapshot').flatMap((message) => message.params);
    return new Map(
      params.map(({ address, value, revision }) => [address, `${shown(value)}@${revision}`]),
    );
  }
}

export function shown(value: WireValue): string {
  return JSON.stringify(readValue(value), (_key, inner: unknown) => {
    if (typeof inner === 'bigint') {
      return `${inner}n`;
    }
    return inner instanceof Map ? Object.fromEntries(inner) : inner;
  });
}

function decoded(frame: Uint8Array): SignalFrame {
  return decodeFrame(frame);
}
