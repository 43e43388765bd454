// Keeps a link to one endpoint: dials, and dials again when it ends, with longer and longer waits
// that no two routers share.
import { HansaError, type Clock, type Log, type Random } from '@hansa/foundation';
import type { AcceptLine, Line } from '../frames/line.ts';
import type { Timer, Timers } from '../router/timers.ts';
import type { FederationConfig, PeerState } from './config.ts';
import type { FederationLink } from './line-link.ts';
import { federationLimits } from './limits.ts';

/** Opens a line; `accept` is called once, when it is open. */
export type DialLine = (target: {
  readonly url: string;
  readonly accept: AcceptLine;
  readonly signal: AbortSignal;
}) => Promise<Line>;

export interface DialerNeeds {
  readonly endpoint: string;
  readonly config: FederationConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly log: Log;
  readonly dial: DialLine;
  /** Makes the link of a line; it tells of every state that it enters. */
  readonly link: (line: Line, changed: (state: PeerState) => void) => FederationLink;
  /** Told of every new state, with the router that was last known to be there. */
  readonly changed: (state: PeerState, peer: string | undefined) => void;
}

export interface Dialer {
  readonly endpoint: string;
  readonly state: PeerState;
  /** In a row, without ever having been active. */
  readonly attempts: number;
  readonly reason: string | undefined;
  /** The router that was last known to be there. */
  readonly peer: string | undefined;
  start(): void;
  stop(): void;
}

/** A wait of nothing would be a loop. */
const waitMsMin = 50;

export function createDialer(needs: DialerNeeds): Dialer {
  return new EndpointDialer(needs);
}

class EndpointDialer implements Dialer {
  readonly endpoint: string;
  readonly #needs: DialerNeeds;
  readonly #ending = new AbortController();
  #state: PeerState = 'connecting';
  #attempts = 0;
  #reason: string | undefined;
  #link: FederationLink | undefined;
  #peer: string | undefined;
  /** In a row, without a link that held. */
  #waits = 0;
  /** Since when the link is active. */
  #activeMs: number | undefined;
  #timer: Timer | undefined;
  /** What still speaks of an attempt that is over is not listened to. */
  #attempt = 0;

  constructor(needs: DialerNeeds) {
    this.#needs = needs;
    this.endpoint = needs.endpoint;
  }

  get state(): PeerState {
    return this.#state;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get peer(): string | undefined {
    return this.#peer;
  }

  start(): void {
    const { dial, link, clock } = this.#needs;
    const { signal } = this.#ending;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#enter('connecting');
    this.#timer = this.#needs.timers.at(clock.monotonicMs() + federationLimits.handshakeMs, () =>
      this.#over(attempt, 'the endpoint did not answer in time'),
    );
    const accept: AcceptLine = (line) => {
      const made = link(line, (state) => this.#changed(attempt, made, state));
      if (attempt !== this.#attempt || this.#state !== 'connecting') {
        queueMicrotask(() => made.close('the attempt was given up'));
        return made;
      }
      this.#timer?.cancel();
      this.#link = made;
      made.open();
      return made;
    };
    dial({ url: this.endpoint, accept, signal }).catch((error: unknown) => {
      this.#over(
        attempt,
        error instanceof Error ? error.message : 'the endpoint cannot be reached',
      );
    });
  }

  stop(): void {
    this.#attempt += 1;
    this.#enter('disconnected');
    this.#timer?.cancel();
    this.#ending.abort();
    this.#link?.close('the router stops');
  }

  #changed(attempt: number, link: FederationLink, state: PeerState): void {
    if (attempt !== this.#attempt) {
      return;
    }
    this.#isThere(link.peer);
    if (state === 'disconnected') {
      this.#over(attempt, link.reason ?? 'the link ended');
      return;
    }
    this.#enter(state);
    if (state === 'active') {
      this.#attempts = 0;
      this.#activeMs = this.#needs.clock.monotonicMs();
      this.#reason = undefined;
    } else if (state === 'failed') {
      this.#reason = link.reason;
      this.#tellFailed();
    }
  }

  /** Nobody tries again by itself. */
  #tellFailed(): void {
    const { endpoint } = this;
    const why = this.#reason ?? 'the link ended';
    this.#needs.log.problem('signal-link.failed', new HansaError('DIAL_FAILED', why), { endpoint });
  }

  #isThere(peer: string | undefined): void {
    if (peer !== undefined && peer !== this.#peer) {
      this.#needs.changed('disconnected', this.#peer); // another one has taken its place
      this.#peer = peer;
    }
  }

  #enter(state: PeerState): void {
    this.#state = state;
    this.#needs.changed(state, this.#peer);
  }

  #over(attempt: number, reason: string): void {
    if (attempt !== this.#attempt) {
      return;
    }
    const { config, clock, random, timers, log } = this.#needs;
    const { autoReconnect, maxReconnectAttempts, reconnectDelayMs } = config;
    this.#attempt += 1;
    this.#timer?.cancel();
    this.#reason = reason;
    this.#attempts += 1;
    // One that ends as soon as it is up is no success: two routers of one name would take turns.
    const heldMs = clock.monotonicMs() - (this.#activeMs ?? clock.monotonicMs());
    this.#activeMs = undefined;
    this.#waits = heldMs >= federationLimits.steadyMs ? 1 : this.#waits + 1;
    log.event('signal-link.ended', { endpoint: this.endpoint, why: reason });
    if (maxReconnectAttempts > 0 && this.#attempts > maxReconnectAttempts) {
      this.#enter('failed');
      this.#tellFailed();
      return;
    }
    this.#enter('disconnected');
    if (!autoReconnect) {
      return;
    }
    const waitMs = reconnectWaitMs(reconnectDelayMs, this.#waits, random);
    this.#timer = timers.at(clock.monotonicMs() + waitMs, () => this.start());
  }
}

/** Twice as long each time; of that, by chance, between a half and the whole. */
export function reconnectWaitMs(delayMs: number, attempts: number, random: Random): number {
  const grown = delayMs * 2 ** Math.min(attempts - 1, 30);
  const capped = Math.min(Math.max(grown, waitMsMin), federationLimits.reconnectMsMax);
  return capped * (0.5 + random.fraction() / 2);
}
