// Changes on their way out: each address with its newest stamp, told over every link that may have
// it, as one frame that is made once.
import type { Clock, Log } from '@hansa/foundation';
import type { PublishMessage, SignalType } from '../frames/messages.ts';
import type { Param } from '../router/param.ts';
import type { Router } from '../router/router.ts';
import type { KinLink } from './kin-link.ts';
import { suffixedFrame, suffixedMessage, type Suffix } from './suffix.ts';
import { createSeen, stampOf, type Seen, type Version } from './versions.ts';

export interface SpreadingHost {
  readonly routerId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly links: ReadonlyMap<string, KinLink>;
  readonly router: Router | undefined;
  param(address: string): Param | undefined;
  mayCross(link: KinLink, address: string, signal?: SignalType): boolean;
}

/** A publication on its way; `from` is the link that it came over. */
export interface News {
  readonly message: PublishMessage;
  readonly payload: Uint8Array;
  readonly suffix: Suffix;
  readonly from: KinLink | undefined;
}

export class Spreading {
  readonly #host: SpreadingHost;
  readonly versions: Map<string, Version> = new Map();
  readonly seen: Seen = createSeen();
  #newsId = 0;

  constructor(host: SpreadingHost) {
    this.#host = host;
  }

  stamp(address: string, above: number): void {
    const known = this.versions.get(address);
    const least = Math.max(above, known?.stamp ?? 0);
    const origin = this.#host.routerId;
    const floor = { stamp: least, origin, hops: 0, via: undefined };
    const stamp = stampOf(this.#host.clock.now(), origin, floor);
    this.versions.set(address, { stamp, origin, hops: 0, via: undefined });
  }

  /** A param that was there before: ours is as old as it says, another's is of unknown age. */
  adopt({ address, timestamp }: Param): void {
    const { routerId: origin } = this.#host;
    const stamp = stampOf(Math.max(1, timestamp / 1_000), origin, undefined);
    this.versions.set(address, { stamp, origin, hops: 0, via: undefined });
  }

  flood(address: string, payload: Uint8Array | undefined): void {
    if (this.#host.links.size === 0) {
      return;
    }
    let made: Uint8Array | undefined;
    const frame = (): Uint8Array | undefined => {
      made ??= this.#stateFrame(address, payload);
      return made;
    };
    this.#host.links.forEach((link) => link.tell(address, frame));
  }

  /** Undefined where it has to go as an entry of a snapshot, which has more room. */
  #stateFrame(address: string, payload: Uint8Array | undefined): Uint8Array | undefined {
    const version = this.versions.get(address);
    const param = this.#host.param(address);
    if (version === undefined || param === undefined) {
      return undefined;
    }
    const { stamp, origin, hops } = version;
    const suffix = { kind: 'told', hops: hops + 1, stamp, id: 0, origin, writer: '' } as const;
    const { value, ttl } = param;
    try {
      return payload === undefined
        ? suffixedMessage({ type: 'set', address, value, ttl, lock: false, unlock: false }, suffix)
        : suffixedFrame(payload, true, suffix);
    } catch {
      return undefined;
    }
  }

  /** A publication that was made here, by somebody whom others know as `writer`. */
  tellNews({
    message,
    payload,
    writer,
  }: Pick<News, 'message' | 'payload'> & { readonly writer: string }): void {
    if (this.#host.links.size === 0) {
      return;
    }
    const { clock, routerId: origin } = this.#host;
    const stamp = Math.max(this.#newsId + 1, Math.floor(clock.now() * 1_000));
    this.#newsId = stamp;
    this.seen.isNew(origin, stamp); // should it ever come back
    const suffix: Suffix = { kind: 'told', hops: 1, stamp, id: 0, origin, writer };
    this.floodNews({ message, payload, suffix, from: undefined });
  }

  floodNews({ message, payload, suffix, from }: News): void {
    const { address, signal = 'event' } = message;
    let frame: Uint8Array | undefined;
    for (const link of this.#host.links.values()) {
      const isBack = link === from || link.peerId === suffix.origin;
      if (isBack || !this.#host.mayCross(link, address, signal)) {
        continue;
      }
      try {
        frame ??= suffixedFrame(payload, false, suffix);
      } catch (error) {
        this.#host.log.problem('signal-federation.value-too-large', error);
        return;
      }
      link.news(frame, this.#host.router?.isFleeting(message) ?? false);
    }
  }
}
