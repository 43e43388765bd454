// The router's part in a federation: which changes go over which links, which come in, and where a
// write goes that is not ours to judge. Every address has one owner, whose router stamps its
// changes; all others take what is newer and pass it on, so that a change that comes twice, by
// whatever ways there are, stops where it is known.
import type { Clock, Log } from '@hansa/foundation';
import { maskHas } from '../frames/codes.ts';
import { encodePayload } from '../frames/encode.ts';
import type {
  AckMessage,
  AddressRevision,
  ErrorMessage,
  PublishMessage,
  SignalType,
} from '../frames/messages.ts';
import type { SignalChange } from '../router/core.ts';
import { isRefusal, type Param } from '../router/param.ts';
import type { Router } from '../router/router.ts';
import type { Timers } from '../router/timers.ts';
import { Believing } from './believing.ts';
import { Carrying } from './carrying.ts';
import { isPrivate, type FederationConfig } from './config.ts';
import { createDispute, type Dispute } from './dispute.ts';
import type { KinHost, KinLink } from './kin-link.ts';
import { federationLimits } from './limits.ts';
import { owns } from './link-rights.ts';
import { payloadOf, type Advert, type Suffixed } from './suffix.ts';
import { Spreading } from './spreading.ts';
import { advertsFor, restate } from './stating.ts';
import { Topology } from './topology.ts';
import { isNewer, type StateChange, type Version } from './versions.ts';
import { createWriters, type Writers } from './writers.ts';

export interface FederationFigures {
  /** Changes and publications that were taken from other routers. */
  taken: number;
  /** What came twice, by another way. */
  known: number;
  /** What the router it came from may not bring. */
  refused: number;
}

export interface FederationNeeds {
  readonly config: FederationConfig;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** Told of what this router owns, as it changes: a link to a router of another kind. */
export interface OwnListener {
  set(address: string): void;
  publish(message: PublishMessage, frame: Uint8Array): void;
}

/** What came in over a link, for those who watch. */
export interface TakenListener {
  set(linkId: string, change: StateChange): void;
  publish(linkId: string, message: PublishMessage): void;
}

export class Federation implements KinHost {
  readonly config: FederationConfig;
  readonly routerId: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly topology: Topology;
  readonly figures: FederationFigures = { taken: 0, known: 0, refused: 0 };
  readonly links: Map<string, KinLink> = new Map<string, KinLink>();
  readonly owners: Set<OwnListener> = new Set();
  readonly dispute: Dispute;
  readonly believing: Believing;
  readonly carrying: Carrying;
  router: Router | undefined;
  readonly watchers: Set<TakenListener> = new Set();
  readonly #spreading: Spreading;
  readonly #writers: Writers;

  constructor({ config, clock, timers, log }: FederationNeeds) {
    this.config = config;
    this.routerId = config.routerId;
    this.clock = clock;
    this.timers = timers;
    this.log = log;
    this.dispute = createDispute(config, log);
    this.topology = new Topology(config.routerId, config.ownedNamespaces);
    this.topology.tellOfSelf([], this.#nowUs());
    this.#writers = createWriters({
      routerId: config.routerId,
      isSession: (id) => this.router?.sessions.has(id) === true,
    });
    this.believing = new Believing(this);
    this.carrying = new Carrying(this);
    this.#spreading = new Spreading(this);
  }

  /** Until the function that it gives is called. */
  start(router: Router): () => void {
    this.router = router;
    for (const param of router.params()) {
      if (this.topology.ownerOf(param.address)?.kind === 'self') {
        this.#spreading.adopt(param);
      }
    }
    const unlisten = router.listen((change, frame) => this.#changed(change, frame));
    const unguard = router.guard((session, _verb, address) =>
      this.carrying.refusal(session, address),
    );
    const stopTicking = this.#tick();
    return () => {
      unlisten();
      unguard();
      stopTicking();
      [...this.links.values()].forEach((link) => this.linkDown(link));
    };
  }

  linkUp(link: KinLink): void {
    this.believing.linked();
    this.links.set(link.id, link);
    this.#tellOfSelf(link);
    this.#advertise(this.topology.adverts(), link);
  }

  linkDown(link: KinLink): void {
    link.close();
    if (!this.links.delete(link.id)) {
      return;
    }
    this.carrying.lost(link.id);
    this.#tellOfSelf(undefined);
    this.#endGestures();
    for (const other of this.links.values()) {
      if (other.peerId === link.peerId) {
        other.offerRevisions(); // it may have been the spare one until now
      }
    }
  }

  /** What a peer of another kind owns has changed. */
  peersChanged(): void {
    this.#tellOfSelf(undefined);
  }

  /** Ours from now on, and what is whose: what was taken for another owner is given up. */
  state(owned: readonly string[], others: ReadonlyMap<string, readonly string[]>): void {
    restate({ federation: this, spreading: this.#spreading }, { owned, others });
    this.#tellOfSelf(undefined);
    this.links.forEach((link) => link.offerRevisions());
  }

  /** A link to a hub of another kind has written it; what is ours has to go on from here. */
  taken(from: OwnListener, linkId: string, change: StateChange): void {
    const { address } = change;
    this.figures.taken += 1;
    this.watchers.forEach((watcher) => watcher.set(linkId, change));
    if (this.topology.ownerOf(address)?.kind === 'self') {
      this.#spreading.stamp(address, 0);
      this.#spreading.flood(address, undefined);
      this.owners.forEach((other) => other !== from && other.set(address));
    }
  }

  /**
   * The same of a publication, for routers of our own kind: those of another may be linked among
   * themselves, and it would come round for ever.
   */
  heard(linkId: string, message: PublishMessage, writer: string): void {
    this.figures.taken += 1;
    this.watchers.forEach((watcher) => watcher.publish(linkId, message));
    if (this.topology.ownerOf(message.address)?.kind === 'self') {
      this.#spreading.tellNews({ message, payload: encodePayload(message), writer });
    }
  }

  param(address: string): Param | undefined {
    return this.router?.get(address);
  }

  version(address: string): Version | undefined {
    return this.#spreading.versions.get(address);
  }

  versions(): IterableIterator<readonly [string, Version]> {
    return this.#spreading.versions.entries();
  }

  mayCross(link: KinLink, address: string, signal: SignalType = 'param'): boolean {
    return (
      maskHas(link.types, signal) &&
      !isPrivate(address) &&
      link.rights.allows('read', address) &&
      this.topology.ownerOf(address) !== undefined
    );
  }

  isStandby(link: KinLink): boolean {
    for (const other of this.links.values()) {
      if (other !== link && other.peerId === link.peerId && other.dialerId < link.dialerId) {
        return true;
      }
    }
    return false;
  }

  told(link: KinLink, change: StateChange): void {
    const { address, stamp, origin, hops } = change;
    if (
      !this.believing.mayBring(link, address, 'param') ||
      stamp > this.#nowUs() + federationLimits.aheadMs * 1_000
    ) {
      this.figures.refused += 1;
      return;
    }
    if (!isNewer(change, this.#spreading.versions.get(address))) {
      this.figures.known += 1;
      return;
    }
    const { value, ttl } = change;
    const isOwners = this.topology.ownerOf(address)?.kind !== 'self';
    const plain = { lock: false, unlock: false, writer: origin, link: link.id, isOwners } as const;
    const outcome = this.router?.set({ address, value, ttl, ...plain });
    if (outcome === undefined || isRefusal(outcome)) {
      this.figures.refused += 1;
      this.log.event('signal-federation.not-taken', { address, why: outcome?.message });
      return;
    }
    this.figures.taken += 1;
    this.#spreading.versions.set(address, { stamp, origin, hops, via: link.id });
    this.watchers.forEach((watcher) => watcher.set(link.id, change));
    this.#spreading.flood(address, undefined);
  }

  published(link: KinLink, { suffix, message, payload }: Suffixed): void {
    const { address } = message;
    const isTrue = message.type === 'publish' && this.believing.isOfItsOwner(address, suffix);
    if (!isTrue || !this.believing.mayBring(link, address, message.signal ?? 'event')) {
      this.figures.refused += 1;
      return;
    }
    if (!this.#spreading.seen.isNew(suffix.origin, suffix.stamp)) {
      this.figures.known += 1;
      return;
    }
    if (this.believing.isOver(message, suffix.origin)) {
      return;
    }
    this.figures.taken += 1;
    const writer = this.#writers.here(suffix.writer);
    this.router?.publish(message, { writer, link: link.id, router: suffix.origin }, payload);
    this.watchers.forEach((watcher) => watcher.publish(link.id, message));
    if (suffix.hops < federationLimits.hopsMax) {
      const further = { ...suffix, hops: suffix.hops + 1 };
      this.#spreading.floodNews({ message, payload, suffix: further, from: link });
    }
  }

  asked(link: KinLink, suffixed: Suffixed): void {
    this.carrying.asked(link, suffixed);
  }

  answered(link: KinLink, message: AckMessage | ErrorMessage): void {
    this.carrying.answered(link, message);
  }

  advertised(link: KinLink, advert: Advert): void {
    const isProven = link.rights.brings !== undefined;
    const isAllowed = isProven || advert.patterns.every((pattern) => owns(link.rights, pattern));
    if (!isAllowed && advert.routerId !== this.routerId) {
      this.figures.refused += 1;
      this.log.event('signal-federation.advert-not-allowed', { router: advert.routerId });
      return;
    }
    this.offer(advert, link.peerId, isProven);
  }

  /** The sentence says why an advert is refused. */
  offer(advert: Advert, via: string, isProven = false): string | undefined {
    const offered = this.topology.offer(advert, via, { isProven, nowUs: this.#nowUs() });
    if (offered.outcome === 'refused') {
      this.figures.refused += 1;
      this.log.event('signal-federation.refused', {
        router: advert.routerId,
        why: offered.sentence,
      });
      return offered.sentence;
    }
    if (offered.outcome === 'outdone') {
      // An advert of an earlier life of ours is about: ours has to be newer.
      const neighbours = this.topology.self.neighbours;
      const self = this.topology.tellOfSelf(neighbours, Math.max(this.#nowUs(), advert.stamp + 1));
      this.links.forEach((link) => this.#advertise([self], link));
    } else if (offered.outcome === 'new') {
      this.#endGestures();
      const stated = [this.topology.asStated(advert)];
      this.links.forEach((link) => link.peerId !== via && this.#advertise(stated, link));
    }
    return undefined;
  }

  outdone(link: KinLink, { address, revision }: AddressRevision): boolean {
    if (this.topology.ownerOf(address)?.kind !== 'self') {
      return this.believing.mayBring(link, address, 'param');
    }
    if (this.param(address) === undefined) {
      return this.believing.recovers();
    }
    // Only whoever judged it before us, an earlier life of ours or a forger stamped it later: what
    // is here is what counts. Said when revisions are compared and not at each change, lest two
    // that both hold it to be theirs answer each other for ever.
    if (revision <= this.#nowUs() + federationLimits.aheadMs * 1_000) {
      this.#spreading.stamp(address, revision);
      this.#spreading.flood(address, undefined);
    }
    return false;
  }

  confirmed(link: KinLink, address: string): void {
    const owner = this.topology.ownerOf(address);
    // Only on the way to the owner: routers that told each other would keep it without him.
    if (owner?.kind === 'router' && owner.next === link.peerId) {
      this.router?.prolong(address);
    }
  }

  #changed(change: SignalChange, frame: Uint8Array): void {
    const { address } = change.kind === 'set' ? change.param : change.message;
    const link = change.kind === 'set' ? change.write.link : change.origin.link;
    if (link !== undefined || isPrivate(address)) {
      return; // whoever brought it passed it on
    }
    const owner = this.topology.ownerOf(address);
    if (owner?.kind !== 'self' && owner?.kind !== 'peer') {
      return;
    }
    if (change.kind === 'set') {
      this.#spreading.stamp(address, 0);
      this.#spreading.flood(address, payloadOf(frame));
    } else {
      const { message, origin } = change;
      const writer = this.#writers.elsewhere(origin.writer);
      this.#spreading.tellNews({ message, payload: payloadOf(frame), writer });
    }
    if (owner.kind === 'self') {
      this.owners.forEach((listener) =>
        change.kind === 'set' ? listener.set(address) : listener.publish(change.message, frame),
      );
    }
  }

  /** Nobody tells any more how those of routers that cannot be reached go on. */
  #endGestures(): void {
    this.router?.lost((router) => this.topology.isAway(router));
  }

  /** To everybody but `except`, who is told all there is in a moment. */
  #tellOfSelf(except: KinLink | undefined): void {
    const neighbours = [...new Set([...this.links.values()].map(({ peerId }) => peerId))];
    const self = this.topology.tellOfSelf(neighbours, this.#nowUs());
    this.links.forEach((link) => link !== except && this.#advertise([self], link));
  }

  #advertise(adverts: readonly Advert[], link: KinLink): void {
    advertsFor(link, adverts, this).forEach((advert) => link.advertise(advert));
  }

  /** Compares what it has with every peer, and forgets stamps of what is no more. */
  #tick(): () => void {
    const { syncIntervalMs } = this.config;
    const next = (): ReturnType<Timers['at']> =>
      this.timers.at(this.clock.monotonicMs() + syncIntervalMs, () => {
        for (const address of this.#spreading.versions.keys()) {
          if (this.param(address) === undefined) {
            this.#spreading.versions.delete(address);
          }
        }
        const adverts = this.topology.adverts();
        for (const link of this.links.values()) {
          this.#advertise(adverts, link);
          link.offerRevisions();
        }
        timer = next();
      });
    let timer = next();
    return () => timer.cancel();
  }

  #nowUs(): number {
    return Math.floor(this.clock.now() * 1_000);
  }
}
