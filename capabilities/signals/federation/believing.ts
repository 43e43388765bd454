// What of all that comes over a link is believed: changes and publications of whoever owns the
// address, and of what was lost here what others still have.
import type { Clock } from '@hansa/foundation';
import { maskHas } from '../frames/codes.ts';
import type { PublishMessage, SignalType } from '../frames/messages.ts';
import type { Param } from '../router/param.ts';
import { mayBeShared } from './config.ts';
import type { KinLink } from './kin-link.ts';
import { federationLimits } from './limits.ts';
import { brings } from './link-rights.ts';
import type { Suffix } from './suffix.ts';
import type { Topology } from './topology.ts';

/** After its first link is up a router that lost its state may take it back from others. */
const recoveryMs = 30_000;

export interface BelievingHost {
  readonly clock: Clock;
  readonly topology: Topology;
  param(address: string): Param | undefined;
}

export class Believing {
  readonly #host: BelievingHost;
  #recoversUntilMs: number | undefined;

  constructor(host: BelievingHost) {
    this.#host = host;
  }

  /** A link is up. */
  linked(): void {
    this.#recoversUntilMs ??= this.#host.clock.monotonicMs() + recoveryMs;
  }

  recovers(): boolean {
    const until = this.#recoversUntilMs;
    return until !== undefined && this.#host.clock.monotonicMs() < until;
  }

  mayBring(link: KinLink, address: string, signal: SignalType): boolean {
    if (!mayBeShared(address) || !maskHas(link.types, signal) || !brings(link.rights, address)) {
      return false;
    }
    const { topology } = this.#host;
    const owner = topology.ownerOf(address);
    if (owner?.kind === 'router' || owner?.kind === 'away') {
      return topology.mayBring(link.peerId, owner.id);
    }
    // Of our own what we lost is taken back; nobody else publishes there.
    const isLost = signal === 'param' && this.#host.param(address) === undefined;
    return owner?.kind === 'self' && isLost && this.recovers();
  }

  /** Numbers under another's name would be taken for that one's publications, and silence it. */
  isOfItsOwner(address: string, { origin, stamp }: Suffix): boolean {
    const owner = this.#host.topology.ownerOf(address);
    const isOwner = (owner?.kind === 'router' || owner?.kind === 'away') && owner.id === origin;
    const nowUs = this.#host.clock.now() * 1_000;
    return isOwner && stamp <= nowUs + federationLimits.aheadMs * 1_000;
  }

  /** What was still under way of a gesture that was cancelled when its router was lost. */
  isOver({ signal, phase }: PublishMessage, router: string): boolean {
    const isOpen = signal === 'gesture' && phase !== 'end' && phase !== 'cancel';
    return isOpen && this.#host.topology.isAway(router);
  }
}
