// Several routers in one process, joined by lines in memory that lose frames and break when a test
// wants them to, on time that it moves.
import type { Log } from '@hansa/foundation';
import { HansaError } from '@hansa/foundation';
import { createSeededRandom, type SeededRandom } from '../../../testkit/seeded-random.ts';
import {
  createVirtualClock,
  type ClockView,
  type VirtualClock,
} from '../../../testkit/virtual-clock.ts';
import { decodeFrame } from '../frames/decode.ts';
import type { AcceptLine, Line, LineEvents } from '../frames/line.ts';
import type { SignalMessage } from '../frames/messages.ts';
import { readValue, wireValue, type SignalValue } from '../frames/values.ts';
import type { Doorkeeper } from '../router/access.ts';
import { TestLine } from '../router/router-rig.suite.ts';
import type { PeerDesk } from '../router/core.ts';
import { createRouter, type Router, type RouterOptions } from '../router/router.ts';
import type { FederationConfig } from './config.ts';
import { FederationManager } from './manager.ts';

export interface Crossing {
  readonly from: string;
  readonly to: string;
  readonly message: SignalMessage;
  readonly bytes: Uint8Array;
}

export interface SiteOptions {
  readonly doorkeeper?: Doorkeeper;
  readonly options?: RouterOptions;
  /** A hub of another kind: it does not say who it is. */
  readonly isStranger?: boolean;
}

export interface Site {
  readonly id: string;
  readonly clock: ClockView;
  readonly router: Router;
  readonly manager: FederationManager;
  /** Where federation frames arrive. */
  readonly desk: PeerDesk;
  /** A client of this router, welcomed. */
  client(): Promise<TestLine>;
  set(address: string, value: SignalValue): void;
  /** Undefined where nothing stands at the address. */
  value(address: string): SignalValue | undefined;
  /** All shared addresses, with their values. */
  state(): Record<string, unknown>;
}

export class Network {
  readonly clock: VirtualClock = createVirtualClock();
  readonly random: SeededRandom;
  readonly sites = new Map<string, Site>();
  readonly crossings: Crossing[] = [];
  readonly problems: unknown[] = [];
  /** Names of what the sites' logs tell, by site. */
  readonly logged: (readonly [string, string])[] = [];
  readonly #wires = new Set<Wire>();
  /** Pairs between which nothing can be dialled, as `a b`. */
  readonly #cut = new Set<string>();
  /** Bytes that wait behind every line from one to the other. */
  waiting: (from: string, to: string) => number = () => 0;
  loses: (crossing: Crossing) => boolean = () => false;
  isRecording = true;
  /** Called with every frame that is sent, and where somebody dials. */
  passed: () => void = () => undefined;

  constructor(seed = 1) {
    this.random = createSeededRandom(seed);
  }

  site(id: string, config: Partial<FederationConfig>, options: SiteOptions = {}): Site {
    const log: Log = {
      event: (name) => void this.logged.push([id, name]),
      problem: (name, error) => void this.problems.push([name, error]),
      with: () => log,
    };
    const clock = this.clock.view();
    const random = this.random.fork(id);
    const manager = new FederationManager(
      { routerId: id, reconnectDelayMs: 1_000, ...config },
      { clock, random, log, dial: ({ url, accept }) => this.#dial(id, url, accept) },
    );
    let desk: PeerDesk | undefined;
    const router = createRouter({
      clock,
      random,
      log,
      doorkeeper: options.doorkeeper,
      options: { name: id, messagesPerSecondMax: 0, paramTtlSeconds: 0, ...options.options },
      peers: (side) => {
        const made = manager.peers(side);
        desk = options.isStranger === true ? nameless(made) : made;
        return desk;
      },
    });
    const site: Site = {
      id,
      clock,
      router,
      manager,
      desk: desk as PeerDesk,
      client: async () => {
        const line = new TestLine(router, {});
        line.say({ type: 'hello', version: 1, features: ['param', 'event'], name: 'client' });
        await this.clock.settle();
        line.session = line.messages('welcome')[0]?.session ?? '';
        line.forget();
        return line;
      },
      set(address, value) {
        const plain = { lock: false, unlock: false, writer: 'process' };
        const outcome = router.set({ address, value: wireValue(value), ...plain });
        if ('code' in outcome) {
          throw new Error(outcome.message);
        }
      },
      value(address) {
        const param = router.get(address);
        return param === undefined ? undefined : readValue(param.value);
      },
      state: () =>
        Object.fromEntries(
          [...router.params()]
            .map(({ address, value }) => [address, readValue(value)] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
    };
    this.sites.set(id, site);
    return site;
  }

  start(): void {
    this.sites.forEach(({ manager, router }) => manager.start(router));
  }

  async settle(): Promise<void> {
    await this.clock.advance(1);
    await this.clock.settle();
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.clock.settle();
  }

  /** Breaks what there is between the two, and lets nothing be dialled until `join`. */
  cut(a: string, b: string): void {
    this.#cut.add(pairOf(a, b));
    this.breakLines(a, b);
  }

  join(a: string, b: string): void {
    this.#cut.delete(pairOf(a, b));
  }

  breakLines(a: string, b: string): void {
    for (const wire of this.#wires) {
      if (pairOf(wire.from, wire.to) === pairOf(a, b)) {
        wire.end('the line broke');
      }
    }
  }

  /** Of the lines between the two, the first. */
  breakOne(a: string, b: string): void {
    const wires = [...this.#wires];
    wires.find(({ from, to }) => pairOf(from, to) === pairOf(a, b))?.end('the line broke');
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.has(pairOf(a, b));
  }

  /** All lines have room again, and say so. */
  flow(): void {
    this.waiting = () => 0;
    this.#wires.forEach((wire) => wire.drained());
  }

  get lines(): number {
    return this.#wires.size;
  }

  stop(): void {
    this.sites.forEach(({ manager, router }) => {
      manager.stop();
      router.stop();
    });
  }

  crossed(from: string, to: string): SignalMessage[] {
    return this.crossings
      .filter((crossing) => crossing.from === from && crossing.to === to)
      .map(({ message }) => message);
  }

  async #dial(from: string, to: string, accept: AcceptLine): Promise<Line> {
    await Promise.resolve();
    this.passed();
    const target = this.sites.get(to);
    if (target === undefined || this.#cut.has(pairOf(from, to))) {
      throw new HansaError('DIAL_FAILED', `${to} cannot be reached`);
    }
    const wire = new Wire(this, from, to);
    this.#wires.add(wire);
    wire.open(accept, target.router.accept, () => this.#wires.delete(wire));
    return wire.near;
  }

  /** False where the frame is lost. */
  pass(from: string, to: string, bytes: Uint8Array): boolean {
    this.passed();
    const crossing = { from, to, bytes, message: decodeFrame(bytes).message };
    if (this.isRecording) {
      this.crossings.push(crossing);
    }
    return !this.loses(crossing);
  }
}

function nameless(desk: PeerDesk): PeerDesk {
  return {
    token: '',
    received: (...told) => desk.received(...told),
    takes: (...told) => desk.takes(...told),
    isElsewhere: (...asked) => desk.isElsewhere(...asked),
    carry: (...told) => desk.carry(...told),
    left: (session) => desk.left(session),
  };
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

class End implements Line {
  readonly remote: string;
  readonly #wire: Wire;
  readonly #isNear: boolean;
  events: LineEvents | undefined;
  readonly queue: Uint8Array[] = [];

  constructor(wire: Wire, isNear: boolean) {
    this.#wire = wire;
    this.#isNear = isNear;
    this.remote = isNear ? wire.to : wire.from;
  }

  send(frame: Uint8Array): number {
    this.#wire.carry(this.#isNear, frame);
    return this.waiting();
  }

  waiting(): number {
    return this.#wire.waiting(this.#isNear);
  }

  close(reason: string): void {
    this.#wire.end(reason);
  }
}

class Wire {
  readonly from: string;
  readonly to: string;
  readonly near: End;
  readonly far: End;
  readonly #network: Network;
  #gone: () => void = () => undefined;
  #ended = false;
  #delivering = false;

  constructor(network: Network, from: string, to: string) {
    this.#network = network;
    this.from = from;
    this.to = to;
    this.near = new End(this, true);
    this.far = new End(this, false);
  }

  open(near: AcceptLine, far: AcceptLine, gone: () => void): void {
    this.#gone = gone;
    this.far.events = far(this.far);
    this.near.events = near(this.near);
  }

  carry(isNear: boolean, frame: Uint8Array): void {
    const [from, to] = isNear ? [this.from, this.to] : [this.to, this.from];
    if (this.#ended || !this.#network.pass(from, to, frame)) {
      return;
    }
    (isNear ? this.far : this.near).queue.push(frame);
    if (!this.#delivering) {
      this.#delivering = true;
      queueMicrotask(() => this.#deliver());
    }
  }

  waiting(isNear: boolean): number {
    const [from, to] = isNear ? [this.from, this.to] : [this.to, this.from];
    return this.#network.waiting(from, to);
  }

  drained(): void {
    this.near.events?.drained();
    this.far.events?.drained();
  }

  end(reason: string): void {
    if (this.#ended) {
      return;
    }
    // What was sent before still arrives, as it does where a line is closed and not broken.
    queueMicrotask(() => {
      if (!this.#ended) {
        this.#deliver();
        this.#ended = true;
        this.#gone();
        this.near.events?.closed(reason);
        this.far.events?.closed(reason);
      }
    });
  }

  #deliver(): void {
    this.#delivering = false;
    for (const end of [this.far, this.near]) {
      for (const frame of end.queue.splice(0)) {
        end.events?.frame(frame);
      }
    }
  }
}
