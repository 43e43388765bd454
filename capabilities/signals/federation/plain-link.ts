// What a link does once it is up where the hub is of another kind. The hub puts the writes of both
// sides into order: while one of ours is on its way there, what comes back is older, our own echo
// among it, and is passed over. What is ours is pushed, what is others' is taken as it comes.
import type { Clock, Log } from '@hansa/foundation';
import { maskHas } from '../frames/codes.ts';
import { encodeFrame } from '../frames/encode.ts';
import {
  signalErrors,
  type AddressRevision,
  type PublishMessage,
  type SetMessage,
  type SignalFrame,
  type SignalType,
  type SnapshotParam,
} from '../frames/messages.ts';
import { sameValue } from '../frames/values.ts';
import { routerLimits } from '../router/limits.ts';
import { addressProblem } from '../patterns/address.ts';
import type { ParamWrite } from '../router/param.ts';
import type { Router } from '../router/router.ts';
import type { Timer, Timers } from '../router/timers.ts';
import type { Federation, OwnListener } from './federation.ts';
import type { LinkRights } from './link-rights.ts';
import { createAllowance, type Allowance, type LinkPort } from './allowance.ts';
import { federationLimits } from './limits.ts';
import { revisionFrames } from './revision-frames.ts';

/** As published links count their subscriptions. */
const firstSubscription = 1_000;

/** Who writes what comes from the hub: it does not say. */
const hubWriter = 'federation';

/** Gestures of the hub's clients at once; of further ones the moves are not heard here. */
const fingersMax = routerLimits.routerGesturesMax;

/** How often all that the hub has is asked for anew: of what others own it tells no revisions. */
const refreshMs = 600_000;

export interface PlainLinkNeeds {
  readonly federation: Federation;
  readonly router: Router;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly port: LinkPort;
  readonly rights: LinkRights;
  /** What we want to hear of others. */
  readonly interests: readonly string[];
  /** What it carries, as a mask; see `carriedTypes`. */
  readonly types: number;
}

interface Underway {
  count: number;
  sentMs: number;
}

export class PlainLink implements OwnListener {
  readonly #needs: PlainLinkNeeds;
  /** Ours that the hub has not answered for. */
  readonly #underway = new Map<string, Underway>();
  /** By address, the hub's own count. */
  readonly #revisions = new Map<string, number>();
  /** Ours that the hub has as we have them; until we are active. */
  #agreed: Set<string> | undefined = new Set();
  readonly #dirty = new Set<string>();
  /** Of the hub's clients, by id and address. */
  readonly #fingers = new Set<string>();
  #timer: Timer | undefined;
  #ticking: Timer | undefined;
  #active = false;
  #refreshedMs = 0;
  dropped = 0;

  readonly #allowance: Allowance;
  /** Patterns that the hub is asked to tell of. */
  #interests: readonly string[];

  constructor(needs: PlainLinkNeeds) {
    this.#needs = needs;
    this.#allowance = createAllowance(needs.port);
    this.#interests = needs.interests;
  }

  subscribe(): void {
    const { types } = this.#needs;
    this.#interests.forEach((pattern, i) =>
      this.#send({ type: 'subscribe', id: firstSubscription + i, pattern, types }),
    );
  }

  /** A hub that does not let us hear everything may let us hear what is written at our own. */
  #narrow(): void {
    const { owned } = this.#needs.federation.topology;
    if (this.#interests !== owned) {
      this.#interests = owned;
      this.subscribe();
    }
  }

  /** The hub has told what it has: now it is told what it lacks. */
  activate(): void {
    this.#active = true;
    this.#refreshedMs = this.#needs.clock.monotonicMs();
    const agreed = this.#agreed;
    this.#agreed = undefined;
    this.#needs.federation.owners.add(this);
    for (const { address } of this.#needs.router.params()) {
      if (this.#isOwn(address) && agreed?.has(address) !== true) {
        this.set(address);
      }
    }
    this.#tick();
  }

  close(): void {
    const { federation, router, port } = this.#needs;
    federation.owners.delete(this);
    router.lost((from) => from === `link ${port.id}`);
    this.#timer?.cancel();
    this.#ticking?.cancel();
    this.#dirty.clear();
  }

  drained(): void {
    this.#pump();
  }

  set(address: string): void {
    const { rights, types } = this.#needs;
    if (maskHas(types, 'param') && rights.allows('read', address)) {
      this.#dirty.add(address);
      this.#pump();
    }
  }

  publish(message: PublishMessage, frame: Uint8Array): void {
    const { port, rights, types, router } = this.#needs;
    if (!maskHas(types, message.signal ?? 'event') || !rights.allows('read', message.address)) {
      return;
    }
    if (router.isFleeting(message) ? port.isClogged() : this.#allowance.isSpent()) {
      this.dropped += 1;
    } else {
      this.#allowance.sent(frame.length);
      port.send(frame);
    }
  }

  receive({ message }: SignalFrame): void {
    switch (message.type) {
      case 'set':
        this.#receiveSet(message);
        return;
      case 'publish':
        this.#receivePublish(message);
        return;
      case 'snapshot':
        message.params.forEach((param) => this.#receiveParam(param));
        return;
      case 'ack':
        if (message.address !== undefined) {
          this.#arrived(message.address);
          this.#noteRevision(message.address, message.revision);
        }
        return;
      case 'error':
        this.#receiveError(message.code, message.address);
        return;
      default:
    }
  }

  #receiveError(code: number, address: string | undefined): void {
    if (address !== undefined) {
      this.#arrived(address);
    }
    if (code === signalErrors.scope && this.#needs.interests.includes(address ?? '')) {
      this.#narrow();
    }
    if (code === signalErrors.overflow) {
      this.subscribe(); // it dropped what it had for us, and a subscription comes with a snapshot
    }
    this.#needs.log.event('signal-federation.hub-refused', { code, address });
  }

  #receiveSet({ address, value, ttl, revision }: SetMessage): void {
    this.#noteRevision(address, revision);
    this.#take({ address, value, ttl });
  }

  /**
   * Of ours, the one that was written last: the hub's clients may have written while we were away.
   */
  #receiveParam({ address, value, revision, timestamp }: SnapshotParam): void {
    this.#noteRevision(address, revision);
    const held = this.#needs.router.get(address);
    if (this.#active && this.#isOwn(address) && held === undefined) {
      return; // its time was over here, and this tells how things stood there
    }
    if (!this.#isOwn(address) || held === undefined) {
      this.#take({ address, value, ttl: undefined });
      this.#agreed?.add(address);
    } else if (sameValue(held.value, value)) {
      this.#agreed?.add(address);
    } else if (timestamp === undefined || timestamp <= held.timestamp) {
      this.#pushIfActive(address);
    } else {
      this.#take({ address, value, ttl: undefined });
      this.#agreed?.add(address);
    }
  }

  #pushIfActive(address: string): void {
    if (this.#active) {
      this.set(address);
    }
  }

  #take({ address, value, ttl }: Pick<ParamWrite, 'address' | 'value' | 'ttl'>): void {
    const { router, port, federation } = this.#needs;
    if (!this.#mayTake(address, 'param') || this.#isUnderway(address)) {
      return;
    }
    const held = router.get(address);
    if (held !== undefined && sameValue(held.value, value)) {
      router.prolong(address); // the hub has it still
      return;
    }
    const plain = { lock: false, unlock: false, writer: 'federation', link: port.id } as const;
    router.set({ address, value, ttl, ...plain });
    const taken = router.get(address);
    if (taken === undefined || !sameValue(taken.value, value)) {
      this.#pushIfActive(address); // a lock or a rule of ours kept it out: what stands here counts
      return;
    }
    const change = { address, value, ttl, stamp: 0, origin: port.id, hops: 1 };
    federation.taken(this, port.id, change);
  }

  #receivePublish(message: PublishMessage): void {
    const { router, port, federation } = this.#needs;
    if (this.#mayTake(message.address, message.signal ?? 'event') && this.#isTheirs(message)) {
      const { id } = port;
      router.publish(message, { writer: hubWriter, link: id, router: `link ${id}` });
      federation.heard(id, message, hubWriter);
    }
  }

  /**
   * A hub may tell moves to whoever made them, too: those of a gesture that began here are ours.
   */
  #isTheirs({ signal, phase, address, id = 0 }: PublishMessage): boolean {
    if (signal !== 'gesture') {
      return true;
    }
    const finger = `${id} ${address}`;
    if (phase === 'move') {
      return this.#fingers.has(finger);
    }
    this.#fingers.delete(finger);
    if (phase !== 'end' && phase !== 'cancel' && this.#fingers.size < fingersMax) {
      this.#fingers.add(finger);
    }
    return true;
  }

  /** Ours to judge, or nobody's whom we know better. */
  #mayTake(address: string, signal: SignalType): boolean {
    const { federation, rights, types } = this.#needs;
    const owner = federation.topology.ownerOf(address);
    return (
      maskHas(types, signal) &&
      (owner === undefined || owner.kind === 'self') &&
      addressProblem(address) === undefined &&
      rights.allows('write', address)
    );
  }

  #isOwn(address: string): boolean {
    return this.#needs.federation.topology.ownerOf(address)?.kind === 'self';
  }

  #isUnderway(address: string): boolean {
    return this.#dirty.has(address) || this.#underway.has(address);
  }

  #arrived(address: string): void {
    const one = this.#underway.get(address);
    if (one !== undefined) {
      one.count -= 1;
      if (one.count <= 0) {
        this.#underway.delete(address);
      }
    }
  }

  #noteRevision(address: string, revision: number | undefined): void {
    if (revision !== undefined && this.#isOwn(address)) {
      this.#revisions.set(address, revision);
    }
  }

  #pump(): void {
    const { port, router, clock, timers } = this.#needs;
    for (const address of this.#dirty) {
      if (port.isClogged()) {
        this.#timer ??= timers.at(clock.monotonicMs() + federationLimits.paceMs, () => {
          this.#timer = undefined;
          this.#pump();
        });
        return;
      }
      this.#dirty.delete(address);
      const param = router.get(address);
      if (param !== undefined) {
        const one = this.#underway.get(address) ?? { count: 0, sentMs: 0 };
        one.count += 1;
        one.sentMs = clock.monotonicMs();
        this.#underway.set(address, one);
        const { value, ttl } = param;
        this.#send({ type: 'set', address, value, ttl, lock: false, unlock: false });
      }
    }
  }

  #tick(): void {
    const { clock, timers, federation } = this.#needs;
    const { syncIntervalMs } = federation.config;
    this.#ticking = timers.at(clock.monotonicMs() + syncIntervalMs, () => {
      this.#sendAgain();
      this.#refresh();
      for (const frame of revisionFrames(this.#known(), federation.routerId)) {
        this.#needs.port.send(frame);
      }
      this.#tick();
    });
  }

  /** A subscription comes with a snapshot. */
  #refresh(): void {
    const nowMs = this.#needs.clock.monotonicMs();
    if (nowMs >= this.#refreshedMs + refreshMs) {
      this.#refreshedMs = nowMs;
      // At some hubs what is only replaced stays behind.
      this.#interests.forEach((_, i) =>
        this.#send({ type: 'unsubscribe', id: firstSubscription + i }),
      );
      this.subscribe();
    }
  }

  /** What was never answered for was lost on its way, or its answer was. */
  #sendAgain(): void {
    const sinceMs = this.#needs.clock.monotonicMs() - federationLimits.unacknowledgedMs;
    for (const [address, { sentMs }] of this.#underway) {
      if (sentMs <= sinceMs) {
        this.#underway.delete(address);
        this.set(address);
      }
    }
  }

  *#known(): Generator<AddressRevision, undefined> {
    for (const [address, revision] of this.#revisions) {
      if (this.#needs.router.get(address) === undefined) {
        this.#revisions.delete(address);
      } else {
        yield { address, revision };
      }
    }
    return undefined;
  }

  #send(message: Parameters<typeof encodeFrame>[0]): void {
    try {
      this.#needs.port.send(encodeFrame(message));
    } catch (error) {
      this.#needs.log.problem('signal-federation.value-too-large', error);
    }
  }
}
