// The end of a link that dialled: HELLO, WELCOME, what we declare, what we ask for, then steady
// state; and how long it is believed that the other end is there.
import type { Log } from '@hansa/foundation';
import { carriedTypes } from '../frames/codes.ts';
import { decodeFrame } from '../frames/decode.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { Line, LineEvents } from '../frames/line.ts';
import {
  signalErrors,
  type ErrorMessage,
  type FederationMessage,
  type Feature,
  type SignalFrame,
  type SignalMessage,
  type WelcomeMessage,
} from '../frames/messages.ts';
import type { Router } from '../router/router.ts';
import type { Timer } from '../router/timers.ts';
import { carriedByBoth, type PeerState } from './config.ts';
import type { Emit } from './events.ts';
import type { Federation } from './federation.ts';
import type { LinkPort } from './allowance.ts';
import { KinLink } from './kin-link.ts';
import { federationLimits } from './limits.ts';
import type { LinkRights } from './link-rights.ts';
import { PlainLink } from './plain-link.ts';
import { advertMessage, advertOf, kinIn } from './suffix.ts';

const protocolVersion = 1;

export interface LineLinkNeeds {
  readonly federation: Federation;
  readonly router: Router;
  readonly log: Log;
  readonly line: Line;
  readonly id: string;
  readonly emit: Emit;
  readonly rights: LinkRights;
  readonly interests: readonly string[];
  /** What a router of another kind is known by, of what it calls itself. */
  readonly nameOf: (name: string) => string;
  /** The one router that may be at the other end, where the line has proven it. */
  readonly expected?: string | undefined;
  /** Told of every new state; `failed` where it makes no sense to try again. */
  readonly changed?: ((state: PeerState) => void) | undefined;
}

export interface FederationLink extends LineEvents {
  readonly id: string;
  readonly state: PeerState;
  /** As the other end calls itself; undefined before its WELCOME. */
  readonly peer: string | undefined;
  /** Why it ended or was refused. */
  readonly reason: string | undefined;
  /** Says HELLO. */
  open(): void;
  close(reason: string): void;
}

export class LineLink implements FederationLink {
  readonly id: string;
  readonly #needs: LineLinkNeeds;
  readonly #port: LinkPort;
  #state: PeerState = 'connecting';
  #peer: string | undefined;
  #reason: string | undefined;
  #declared = false;
  #kin: KinLink | undefined;
  #plain: PlainLink | undefined;
  #heardMs: number;
  #timer: Timer | undefined;

  constructor(needs: LineLinkNeeds) {
    const { line, id } = needs;
    this.id = id;
    this.#needs = needs;
    this.#heardMs = needs.federation.clock.monotonicMs();
    this.#port = {
      id,
      send: (frame) => void line.send(frame),
      isClogged: () => line.waiting() > federationLimits.lineBytesMax,
    };
  }

  get state(): PeerState {
    return this.#state;
  }

  get peer(): string | undefined {
    return this.#peer;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  open(): void {
    const { clientName: name, authToken: token, features } = this.#needs.federation.config;
    this.#enter('handshaking');
    this.#watchHandshake();
    const named = features as readonly Feature[]; // the configuration was looked at
    this.#send({ type: 'hello', version: protocolVersion, features: named, name, token });
  }

  frame(bytes: Uint8Array): void {
    this.#heardMs = this.#needs.federation.clock.monotonicMs();
    const frame = decoded(bytes);
    if (frame === undefined || this.#isOver()) {
      return;
    }
    if (this.#state === 'handshaking') {
      this.#greet(frame.message);
    } else if (!this.#takes(frame.message)) {
      this.#kin?.receive(frame);
      this.#plain?.receive(frame);
    }
  }

  drained(): void {
    this.#kin?.drained();
    this.#plain?.drained();
  }

  alive(): void {
    this.#heardMs = this.#needs.federation.clock.monotonicMs();
  }

  closed(reason: string): void {
    if (this.#isOver()) {
      return;
    }
    this.#leave(this.#reason ?? reason, 'disconnected');
  }

  close(reason: string): void {
    if (!this.#isOver()) {
      this.#leave(reason, 'disconnected');
      this.#needs.line.close(reason);
    }
  }

  #greet(message: SignalMessage): void {
    if (message.type === 'welcome') {
      this.#welcomed(message);
    } else if (message.type === 'error') {
      this.#refused(message);
    }
  }

  /** True where it is not for the link that is made of it. */
  #takes(message: SignalMessage): boolean {
    switch (message.type) {
      case 'federation':
        return this.#takesFederation(message);
      case 'ack':
        return !this.#declared && this.#acknowledged();
      case 'error':
        return !this.#declared && this.#refused(message);
      case 'ping':
        this.#send({ type: 'pong' });
        return true;
      default:
        return false;
    }
  }

  #welcomed({ name, token, features }: WelcomeMessage): void {
    const { federation, router, rights, interests, log } = this.#needs;
    const { clock, timers } = federation;
    const kinId = kinIn(token);
    if (kinId === federation.routerId) {
      this.#fail('the endpoint is this very router');
      return;
    }
    const { expected = kinId } = this.#needs;
    if (kinId !== expected) {
      this.#fail('the link has proven another router than the one that speaks');
      return;
    }
    this.#peer = kinId ?? this.#needs.nameOf(name);
    const own = federation.config.features;
    // What a hub of another kind says of itself is what it knows, not what it is to be told.
    const types = kinId === undefined ? carriedTypes(own) : carriedByBoth(own, features);
    this.#enter('syncing');
    if (kinId === undefined) {
      const port = this.#port;
      const plain = { federation, router, clock, timers, log, port, rights, interests, types };
      this.#plain = new PlainLink(plain);
    } else {
      const host = federation;
      const dialerId = federation.routerId;
      this.#kin = new KinLink({ host, port: this.#port, peerId: kinId, dialerId, rights, types });
    }
    const { self } = federation.topology;
    const patterns = this.#declaring();
    const plain = { type: 'federation', op: 'declare', patterns, revisions: [] } as const;
    this.#send(
      kinId === undefined
        ? { ...plain, origin: federation.routerId }
        : advertMessage({ ...self, patterns }),
    );
  }

  /** What our own policy lets the other end have. */
  #declaring(): readonly string[] {
    const { federation, rights } = this.#needs;
    const isProven = rights.brings !== undefined;
    const owned = isProven ? [] : federation.topology.owned;
    return owned.filter((pattern) => rights.allows('watch', pattern));
  }

  #acknowledged(): true {
    const { federation } = this.#needs;
    this.#declared = true;
    federation.dispute.answered(undefined);
    this.#plain?.subscribe();
    if (this.#kin === undefined) {
      this.#ask();
      return true;
    }
    federation.linkUp(this.#kin);
    this.#kin.offerRevisions();
    this.#kin.whenTold(() => this.#ask());
    return true;
  }

  #takesFederation(message: FederationMessage): boolean {
    const peer = this.#peer ?? '';
    const { op, patterns } = message;
    if (op === 'complete') {
      this.#complete(patterns);
      return true;
    }
    if (op === 'declare') {
      const isOthers = advertOf(message) !== undefined && message.origin !== peer;
      if (!isOthers) {
        this.#needs.emit({ type: 'peerNamespaces', peer, patterns });
      }
    }
    return false;
  }

  #complete(patterns: readonly string[]): void {
    const peer = this.#peer ?? '';
    const { emit } = this.#needs;
    emit({ type: 'syncComplete', peer, patterns });
    if (this.#state !== 'syncing' || !this.#declared) {
      return;
    }
    this.#enter('active');
    this.#plain?.activate();
    emit({ type: 'connected', peer });
    this.#watchSilence();
  }

  #refused({ code, message }: ErrorMessage): true {
    const isAuth = code === signalErrors.authentication || code === signalErrors.expired;
    const isOfRight = code === signalErrors.refused || code === signalErrors.scope;
    if (isOfRight && !this.#declared) {
      this.#needs.federation.dispute.answered(`${code} ${message}`);
    }
    if (isAuth) {
      this.#fail(`${code} ${message}`);
    } else {
      this.close(`${code} ${message}`);
    }
    return true;
  }

  #fail(reason: string): void {
    this.#leave(reason, 'failed');
    this.#needs.line.close(reason);
  }

  #leave(reason: string, state: 'disconnected' | 'failed'): void {
    this.#reason = reason;
    this.#state = state; // whoever is told of it looks
    this.#timer?.cancel();
    this.#plain?.close();
    if (this.#kin !== undefined) {
      this.#needs.federation.linkDown(this.#kin);
    }
    if (this.#peer !== undefined) {
      this.#needs.emit({ type: 'disconnected', peer: this.#peer, reason });
    }
    this.#enter(state);
  }

  #enter(state: PeerState): void {
    this.#state = state;
    this.#needs.changed?.(state);
  }

  #isOver(): boolean {
    return this.#state === 'disconnected' || this.#state === 'failed';
  }

  #send(message: SignalMessage): void {
    try {
      this.#port.send(encodeFrame(message));
    } catch (error) {
      this.#needs.log.problem('signal-federation.message-too-large', error);
      this.#fail('what this router declares does not fit into one frame');
    }
  }

  /**
   * Until it has acknowledged what we declare the hub has so long and no longer, whatever else it
   * says. A snapshot may take its time; where none is on its way, it is asked for again.
   */
  #watchHandshake(): void {
    const { clock, timers } = this.#needs.federation;
    const { handshakeMs } = federationLimits;
    this.#timer = timers.at(clock.monotonicMs() + handshakeMs, () => {
      if (this.#state === 'active') {
        return;
      }
      const silentMs = clock.monotonicMs() - this.#heardMs;
      if (!this.#declared || silentMs >= handshakeMs) {
        this.close('the hub did not complete the handshake in time');
        return;
      }
      this.#ask();
      this.#watchHandshake();
    });
  }

  #ask(): void {
    const patterns = this.#declaring();
    const origin = this.#needs.federation.routerId;
    this.#send({ type: 'federation', op: 'request', patterns, revisions: [], origin });
  }

  #watchSilence(): void {
    const { clock, timers } = this.#needs.federation;
    const { pingMs, silenceMs } = federationLimits;
    this.#timer?.cancel();
    this.#timer = timers.at(clock.monotonicMs() + pingMs, () => {
      const silentMs = clock.monotonicMs() - this.#heardMs;
      if (silentMs >= silenceMs) {
        this.close('the other router has fallen silent');
        return;
      }
      this.#send({ type: 'ping' });
      this.#watchSilence();
    });
  }
}

function decoded(bytes: Uint8Array): SignalFrame | undefined {
  try {
    return decodeFrame(bytes);
  } catch {
    return undefined;
  }
}
