// A link between two routers of our kind, the same on both of its ends: changes with their stamps,
// publications, writes that are on their way to their owner, and revisions compared from time to
// time. What the line does not take at once is gathered by address and sent as it then is.
import { isHansaError, type Clock, type Log } from '@hansa/foundation';
import { encodeFrame, snapshotFrames } from '../frames/encode.ts';
import { snapshotEntryLength } from '../frames/encode-signals.ts';
import type {
  AckMessage,
  AddressRevision,
  ErrorMessage,
  FederationMessage,
  SignalFrame,
  SignalType,
  SnapshotParam,
} from '../frames/messages.ts';
import type { Param } from '../router/param.ts';
import { createBucket, type Bucket } from '../router/bucket.ts';
import type { Timer, Timers } from '../router/timers.ts';
import { createAllowance, type Allowance, type LinkPort } from './allowance.ts';
import { federationLimits } from './limits.ts';
import type { LinkRights } from './link-rights.ts';
import { revisionFrames } from './revision-frames.ts';
import {
  advertMessage,
  advertOf,
  suffixedMessage,
  suffixOf,
  type Advert,
  type Suffixed,
} from './suffix.ts';
import type { StateChange, Version } from './versions.ts';
import { createWaitingEvents, type WaitingEvents } from './waiting-events.ts';

/** The router at this end, as its links see it. */
export interface KinHost {
  readonly routerId: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  param(address: string): Param | undefined;
  version(address: string): Version | undefined;
  versions(): IterableIterator<readonly [string, Version]>;
  /** Whether the address may be told over the link at all. */
  mayCross(link: KinLink, address: string, signal?: SignalType): boolean;
  /** Whether another link to the same router is the one in use. */
  isStandby(link: KinLink): boolean;
  told(link: KinLink, change: StateChange): void;
  published(link: KinLink, suffixed: Suffixed): void;
  asked(link: KinLink, suffixed: Suffixed): void;
  answered(link: KinLink, message: AckMessage | ErrorMessage): void;
  advertised(link: KinLink, advert: Advert): void;
  /** The peer has a newer stamp; true where what it has is wanted. */
  outdone(link: KinLink, entry: AddressRevision): boolean;
  /** The peer has what is here. */
  confirmed(link: KinLink, address: string): void;
}

export interface KinLinkNeeds {
  readonly host: KinHost;
  readonly port: LinkPort;
  readonly peerId: string;
  /** Who dialled; of two links between two routers, that of the smaller id is used. */
  readonly dialerId: string;
  readonly rights: LinkRights;
  /** What it carries, as a mask; see `carriedTypes`. */
  readonly types: number;
}

const batchMax = 256; // looked at before one frame of a snapshot is made
const batchBytesMax = 49_152; // the same in bytes: one more of the usual size still fits the frame

export class KinLink {
  readonly id: string;
  readonly peerId: string;
  readonly dialerId: string;
  readonly rights: LinkRights;
  readonly types: number;
  readonly #pace: Bucket;
  readonly #host: KinHost;
  readonly #port: LinkPort;
  /** Addresses to be told, and whether also to the router that they came from. */
  readonly #dirty = new Map<string, boolean>();
  readonly #allowance: Allowance;
  readonly #events: WaitingEvents = createWaitingEvents();
  #vector: Iterator<Uint8Array, undefined> | undefined;
  #whenTold: (() => void) | undefined;
  #timer: Timer | undefined;
  #closed = false;
  /** What the peer said that it has, until it asks for the rest. */
  #heard: Set<string> | undefined = new Set();
  dropped = 0;

  constructor({ host, port, peerId, dialerId, rights, types }: KinLinkNeeds) {
    this.#host = host;
    this.#port = port;
    this.#allowance = createAllowance(port);
    this.id = port.id;
    this.peerId = peerId;
    this.dialerId = dialerId;
    this.rights = rights;
    this.types = types;
    this.#pace = createBucket(host.clock, federationLimits.advertsPerSecondMax);
  }

  /** A change that has just been taken; `frame` is asked for where it goes out at once. */
  tell(address: string, frame: () => Uint8Array | undefined): void {
    if (!this.#wants(address, false)) {
      return;
    }
    if (this.#dirty.size === 0 && !this.#port.isClogged()) {
      const made = frame();
      if (made !== undefined) {
        this.#port.send(made);
        return;
      }
    }
    this.#mark(address, false);
  }

  /** Where the peer has been found to lack it. */
  tellAgain(address: string): void {
    if (this.#wants(address, true)) {
      this.#mark(address, true);
    }
  }

  news(frame: Uint8Array, isFleeting: boolean): void {
    if (this.#closed || this.#host.isStandby(this)) {
      return;
    }
    if (this.#events.size === 0 && !this.#port.isClogged()) {
      this.#port.send(frame);
    } else if (isFleeting || !this.#events.push(frame)) {
      this.dropped += 1;
    } else {
      this.#pump();
    }
  }

  /** Whether so much waits on the line that no more writes should be sent over it. */
  get isStalled(): boolean {
    return this.#allowance.isSpent();
  }

  /** Frames that are neither gathered nor dropped: writes, answers, adverts. */
  send(frame: Uint8Array): void {
    if (!this.#closed) {
      this.#allowance.sent(frame.length);
      this.#port.send(frame);
    }
  }

  advertise(advert: Advert): void {
    try {
      this.send(encodeFrame(advertMessage(advert)));
    } catch (error) {
      this.#host.log.problem('signal-federation.advert-too-large', error);
    }
  }

  /** Tells the peer what we have of what it may have. */
  offerRevisions(): void {
    this.#vector ??= revisionFrames(this.#revisions(), this.#host.routerId);
    this.#pump();
  }

  /** All that it may have and has not spoken of since the link was made. */
  tellUnheard(): void {
    const heard = this.#heard;
    this.#heard = undefined;
    for (const [address] of this.#host.versions()) {
      if (heard?.has(address) !== true) {
        this.#dirty.set(address, true);
      }
    }
    this.#pump();
  }

  /** Once, when all that waits to be told now has been sent. */
  whenTold(run: () => void): void {
    this.#whenTold = run;
    this.#pump();
  }

  /** False where the frame is no business of a link's. */
  receive(frame: SignalFrame): boolean {
    const { message } = frame;
    switch (message.type) {
      case 'set':
      case 'bundle':
        return this.#receiveSuffixed(frame);
      case 'snapshot':
        message.params.forEach((param) => this.#receiveParam(param));
        return true;
      case 'federation':
        return this.#receiveFederation(message);
      case 'ack':
      case 'error':
        if (message.correlationId === undefined) {
          return false;
        }
        this.#host.answered(this, message);
        return true;
      default:
        return false;
    }
  }

  /** The line has room again. */
  drained(): void {
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#dirty.clear();
    this.#events.clear();
    this.#vector = undefined;
    this.#whenTold = undefined;
  }

  #wants(address: string, again: boolean): boolean {
    if (this.#closed) {
      return false;
    }
    const version = this.#host.version(address);
    if (version === undefined || version.hops >= federationLimits.hopsMax) {
      return false;
    }
    if (!again) {
      const isItsOwn = version.via === this.id || version.origin === this.peerId;
      if (isItsOwn || this.#host.isStandby(this)) {
        return false;
      }
    }
    return this.#host.mayCross(this, address);
  }

  #mark(address: string, again: boolean): void {
    this.#dirty.set(address, again || this.#dirty.get(address) === true);
    this.#pump();
  }

  #pump(): void {
    while (!this.#closed && !this.#port.isClogged()) {
      if (this.#dirty.size > 0) {
        this.#sendDirty();
        continue;
      }
      const next = this.#events.shift() ?? this.#nextVector();
      if (next !== undefined) {
        this.#port.send(next);
        continue;
      }
      const told = this.#whenTold;
      this.#whenTold = undefined;
      told?.();
      return;
    }
    if (!this.#closed && this.#timer === undefined) {
      const { clock, timers } = this.#host;
      this.#timer = timers.at(clock.monotonicMs() + federationLimits.paceMs, () => {
        this.#timer = undefined;
        this.#pump();
      });
    }
  }

  #nextVector(): Uint8Array | undefined {
    const next = this.#vector?.next();
    if (next?.done !== false) {
      this.#vector = undefined;
      return undefined;
    }
    return next.value;
  }

  #sendDirty(): void {
    const entries: SnapshotParam[] = [];
    let looked = 0;
    let bytes = 0;
    for (const [address, again] of this.#dirty) {
      if (looked >= batchMax || bytes > batchBytesMax) {
        break;
      }
      looked += 1;
      this.#dirty.delete(address);
      const param = this.#host.param(address);
      const version = this.#host.version(address);
      if (param === undefined || version === undefined || !this.#wants(address, again)) {
        continue;
      }
      if (param.ttl !== undefined && this.#sendSet(param, version)) {
        continue;
      }
      const entry = {
        address,
        value: param.value,
        revision: version.stamp,
        writer: version.origin,
      };
      entries.push(entry);
      bytes += snapshotEntryLength(entry);
    }
    if (entries.length > 0) {
      this.#attempt(() => snapshotFrames(entries).forEach((frame) => this.#port.send(frame)));
    }
  }

  /** A snapshot has no room for a lifetime. */
  #sendSet(param: Param, { stamp, origin, hops }: Version): boolean {
    const { address, value, ttl } = param;
    const message = { type: 'set', address, value, ttl, lock: false, unlock: false } as const;
    const suffix = { kind: 'told', hops: hops + 1, stamp, id: 0, origin, writer: '' } as const;
    return this.#attempt(() => this.#port.send(suffixedMessage(message, suffix)));
  }

  #attempt(send: () => void): boolean {
    try {
      send();
      return true;
    } catch (error) {
      if (!isHansaError(error, 'SIGNAL_FRAME_TOO_LARGE')) {
        throw error;
      }
      this.#host.log.problem('signal-federation.value-too-large', error);
      return false;
    }
  }

  *#revisions(): Generator<AddressRevision, undefined> {
    for (const [address, { stamp }] of this.#host.versions()) {
      if (this.#host.mayCross(this, address) && this.#host.param(address) !== undefined) {
        yield { address, revision: stamp };
      }
    }
    return undefined;
  }

  #receiveSuffixed(frame: SignalFrame): boolean {
    const suffixed = suffixOf(frame);
    if (suffixed === undefined) {
      return false;
    }
    const { suffix, message } = suffixed;
    if (suffix.hops > federationLimits.hopsMax) {
      return true;
    }
    if (suffix.kind === 'asked') {
      this.#host.asked(this, suffixed);
    } else if (message.type === 'set') {
      const { address, value, ttl } = message;
      const { stamp, origin, hops } = suffix;
      this.#host.told(this, { address, value, ttl, stamp, origin, hops });
    } else {
      this.#host.published(this, suffixed);
    }
    return true;
  }

  #receiveParam({ address, value, revision, writer }: SnapshotParam): void {
    const origin = writer ?? this.peerId;
    this.#host.told(this, { address, value, ttl: undefined, stamp: revision, origin, hops: 1 });
  }

  #receiveFederation(message: FederationMessage): boolean {
    if (message.op === 'revisions' && message.revisions.length <= federationLimits.revisionsMax) {
      this.#compare(message.revisions);
      return true;
    }
    const advert = advertOf(message);
    // What is too much now is told again with the next round of adverts.
    if (advert !== undefined && this.#pace.take(1 + advert.patterns.length)) {
      this.#host.advertised(this, advert);
    }
    return advert !== undefined;
  }

  /** What is newer here is told; what is newer there is asked for, by saying what we have. */
  #compare(entries: readonly AddressRevision[]): void {
    const wanted: AddressRevision[] = [];
    for (const entry of entries) {
      const held = this.#host.version(entry.address)?.stamp ?? 0;
      if (held > 0) {
        this.#heard?.add(entry.address); // what is not here is not told anyway
      }
      if (held > entry.revision) {
        this.tellAgain(entry.address);
      } else if (held === entry.revision) {
        this.#host.confirmed(this, entry.address);
      } else if (this.#host.outdone(this, entry)) {
        wanted.push({ address: entry.address, revision: held });
      }
    }
    for (const frame of revisionFrames(wanted, this.#host.routerId)) {
      this.send(frame);
    }
  }
}
