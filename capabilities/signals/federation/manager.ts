// The one door to a router's federation: its links, who its peers are, and what goes to whom. A
// router is given `peers` when it is made and handed over by `start`; without a router the manager
// only keeps the register of peers, from the events that it is given.
import type { Clock, Log, Random } from '@hansa/foundation';
import type { Line } from '../frames/line.ts';
import { matcherOf, type Matcher } from '../patterns/matching.ts';
import type { PeerDesk } from '../router/core.ts';
import type { PeerSide, Router } from '../router/router.ts';
import { createTimers, type Timers } from '../router/timers.ts';
import {
  federationConfig,
  type FederationConfig,
  type FederationMode,
  type PeerState,
} from './config.ts';
import { createDialer, type Dialer, type DialLine } from './dialer.ts';
import type { FederationEvent, PeerInfo } from './events.ts';
import { Federation, type FederationFigures } from './federation.ts';
import { createHub } from './hub.ts';
import { LineLink, type FederationLink } from './line-link.ts';
import { federationLimits } from './limits.ts';
import type { LinkRights } from './link-rights.ts';
import { EventReceiver } from './receiver.ts';

export interface FederationManagerNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For leaf and mesh: how endpoints are reached. */
  readonly dial?: DialLine | undefined;
}

export interface LinkOptions {
  /** What the router at the other end may read and write here; everything where left out. */
  readonly rights?: LinkRights | undefined;
  /** What we want to hear of a hub of another kind; all it lets us where left out. */
  readonly interests?: readonly string[] | undefined;
  /** The one router that may be there, where the line has proven it. */
  readonly expected?: string | undefined;
  readonly changed?: ((state: PeerState) => void) | undefined;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly state: PeerState;
  readonly attempts: number;
  readonly reason: string | undefined;
  readonly peer: string | undefined;
}

interface Registered {
  state: PeerState;
  namespaces: readonly string[];
  matchers: readonly Matcher[];
}

const allRights: LinkRights = { allows: () => true };

export class FederationManager {
  readonly #config: FederationConfig;
  readonly #needs: FederationManagerNeeds;
  readonly #timers: Timers;
  readonly #federation: Federation;
  readonly #peers = new Map<string, Registered>();
  readonly #links = new Map<string, FederationLink>();
  #owned: readonly Matcher[];
  #dialers: readonly Dialer[] = [];
  #receiver: EventReceiver | undefined;
  #router: Router | undefined;
  #unhook: (() => void) | undefined;
  #linkCount = 0;

  constructor(config: Partial<FederationConfig>, needs: FederationManagerNeeds) {
    const { clock, random, log } = needs;
    this.#needs = needs;
    this.#config = federationConfig(config, random);
    this.#owned = this.#config.ownedNamespaces.map(matcherOf);
    this.#timers = createTimers({ clock, log });
    this.#federation = new Federation({ config: this.#config, clock, timers: this.#timers, log });
    this.#federation.watchers.add({
      set: (linkId, { address, value }) =>
        this.#emit({ type: 'remoteSet', peer: this.#peerOf(linkId), address, value }),
      publish: (linkId, message) =>
        this.#emit({ type: 'remotePublish', peer: this.#peerOf(linkId), message }),
    });
  }

  get config(): FederationConfig {
    return this.#config;
  }

  get mode(): FederationMode {
    return this.#config.mode;
  }

  get routerId(): string {
    return this.#config.routerId;
  }

  get ownedNamespaces(): readonly string[] {
    return this.#federation.topology.owned;
  }

  /**
   * What this router owns from now on, beside what it was configured with, and what is whose among
   * routers that their links have proven.
   */
  state(owned: readonly string[], others: ReadonlyMap<string, readonly string[]>): void {
    const all = [...new Set([...this.#config.ownedNamespaces, ...owned])];
    this.#owned = all.map(matcherOf);
    this.#federation.state(all, others);
  }

  get figures(): Readonly<FederationFigures> {
    return this.#federation.figures;
  }

  /** Routers of our kind that were heard of, this one not counted. */
  get knownRouters(): number {
    return this.#federation.topology.adverts().length - 1;
  }

  /** What the router is made with: see `RouterNeeds.peers`. */
  readonly peers = (side: PeerSide): PeerDesk =>
    createHub({ federation: this.#federation, emit: (event) => this.#emit(event) }, side);

  /** Carries the router's changes from now on, and dials whom the mode names. */
  start(router: Router): void {
    this.#router = router;
    this.#unhook = this.#federation.start(router);
    const { dial, clock, random, log } = this.#needs;
    const { mode } = this.#config;
    const endpoints =
      mode.kind === 'leaf' ? [mode.hubEndpoint] : mode.kind === 'mesh' ? mode.peers : [];
    if (dial === undefined) {
      return; // whoever has lines of its own calls createLink
    }
    const shared = { config: this.#config, clock, random, timers: this.#timers, log, dial };
    this.#dialers = [...new Set(endpoints)].map((endpoint) =>
      createDialer({
        ...shared,
        endpoint,
        link: (line, changed) => this.#makeLink(line, { changed }),
        changed: (state, peer) => this.#stands(peer, state),
      }),
    );
    this.#dialers.forEach((dialer) => dialer.start());
  }

  stop(): void {
    this.#dialers.forEach((dialer) => dialer.stop());
    [...this.#links.values()].forEach((link) => link.close('the router stops'));
    this.#unhook?.();
    this.#timers.stop();
    this.#receiver?.close();
  }

  /** The link of a line that is open; it says HELLO at once. */
  createLink(line: Line, options: LinkOptions = {}): FederationLink {
    const link = this.#makeLink(line, options);
    link.open();
    return link;
  }

  /** The first caller gets it, and nobody after. */
  takeEventReceiver(): AsyncIterableIterator<FederationEvent, undefined> | undefined {
    if (this.#receiver !== undefined) {
      return undefined;
    }
    this.#receiver = new EventReceiver();
    return this.#receiver;
  }

  /** Brings the register up to date; what came by a link of ours is in it already. */
  processEvent(event: FederationEvent): void {
    const { peer } = event;
    switch (event.type) {
      case 'peerNamespaces': {
        const state = this.#peers.get(peer)?.state === 'active' ? 'active' : 'syncing';
        this.#register(peer, { state, namespaces: event.patterns });
        return;
      }
      case 'connected':
        if (this.#peers.get(peer)?.state !== 'active') {
          this.#needs.log.event('signal-peer.active', { peer });
        }
        this.#register(peer, { state: 'active' });
        return;
      case 'disconnected':
        if (this.#peers.has(peer)) {
          this.#register(peer, { state: 'disconnected', namespaces: [] });
          this.#needs.log.event('signal-peer.away', { peer, why: event.reason });
        }
        return;
      default:
    }
  }

  activePeers(): readonly PeerInfo[] {
    return [...this.#peers]
      .filter(([, { state }]) => state === 'active')
      .map(([routerId, peer]) => infoOf(routerId, peer));
  }

  /** All that are known, those that are away included. */
  peerCount(): number {
    return this.#peers.size;
  }

  peerInfo(routerId: string): PeerInfo | undefined {
    const peer = this.#peers.get(routerId);
    return peer && infoOf(routerId, peer);
  }

  removePeer(routerId: string): boolean {
    return this.#peers.delete(routerId);
  }

  shouldForward(address: string, origin?: string): boolean {
    return this.peersForAddress(address, origin).length > 0;
  }

  /** The peers that declared the address, but for the one that it came from. */
  peersForAddress(address: string, excludeOrigin?: string): readonly string[] {
    return [...this.#peers]
      .filter(
        ([id, { matchers }]) => id !== excludeOrigin && matchers.some((fits) => fits(address)),
      )
      .map(([id]) => id);
  }

  isLocal(address: string): boolean {
    return this.#owned.some((fits) => fits(address));
  }

  isRemote(address: string): boolean {
    return this.shouldForward(address);
  }

  /** How it stands with the endpoints that are dialled. */
  endpoints(): readonly EndpointStatus[] {
    return this.#dialers.map(({ endpoint, state, attempts, reason, peer }) => ({
      endpoint,
      state,
      attempts,
      reason,
      peer,
    }));
  }

  #makeLink(line: Line, options: LinkOptions): FederationLink {
    const { rights = allRights, interests, expected, changed } = options;
    if (this.#router === undefined) {
      throw new TypeError('a manager that was not started has no router to link');
    }
    this.#linkCount += 1;
    const id = `link-${this.#linkCount}`;
    const link = new LineLink({
      federation: this.#federation,
      router: this.#router,
      log: this.#needs.log,
      line,
      id,
      rights,
      interests: interests ?? ['/**'],
      nameOf: (name) => this.#nameOf(name, line),
      expected,
      emit: (event) => this.#emit(event),
      changed: (state) => {
        if (state === 'disconnected' || state === 'failed') {
          this.#links.delete(id);
        }
        this.#stands(link.peer, state);
        changed?.(state);
      },
    });
    this.#links.set(id, link);
    return link;
  }

  /** Of a peer that is known already: what becomes of the link to it, before and after it is up. */
  #stands(peer: string | undefined, state: PeerState): void {
    const isUp = state === 'syncing' || state === 'active'; // that is told by events
    if (!isUp && peer !== undefined && this.#peers.has(peer) && !this.#isLinked(peer)) {
      this.#register(peer, { state, namespaces: [] });
    }
  }

  #isLinked(peer: string): boolean {
    const isKin = [...this.#federation.links.values()].some(({ peerId }) => peerId === peer);
    return isKin || [...this.#links.values()].some((link) => leadsTo(link, peer));
  }

  /** Routers of another kind may have the same name. */
  #nameOf(name: string, { remote }: Line): string {
    const isTaken = [...this.#links.values()].some(({ peer }) => peer === name);
    return isTaken ? `${name} at ${remote}` : name;
  }

  #emit(event: FederationEvent): void {
    if (event.type === 'disconnected' && this.#isLinked(event.peer)) {
      return; // one of two links to it has ended
    }
    this.processEvent(event);
    this.#receiver?.push(event);
  }

  #peerOf(linkId: string): string {
    return this.#federation.links.get(linkId)?.peerId ?? this.#links.get(linkId)?.peer ?? linkId;
  }

  #register(
    routerId: string,
    change: { readonly state: PeerState; readonly namespaces?: readonly string[] },
  ): void {
    const known = this.#peers.get(routerId);
    const namespaces = change.namespaces ?? known?.namespaces ?? [];
    const matchers = change.namespaces?.map(matcherOf) ?? known?.matchers ?? [];
    if (known === undefined && this.#peers.size >= federationLimits.routersMax) {
      this.#forgetOne();
    }
    this.#peers.set(routerId, { state: change.state, namespaces, matchers });
  }

  /** One that is away where there is one, else the one that came first. */
  #forgetOne(): void {
    let first: string | undefined;
    for (const [id, { state }] of this.#peers) {
      first ??= id;
      if (state === 'disconnected' || state === 'failed') {
        this.#peers.delete(id);
        return;
      }
    }
    if (first !== undefined) {
      this.#peers.delete(first);
    }
  }
}

function leadsTo({ state, peer }: FederationLink, name: string): boolean {
  return peer === name && (state === 'syncing' || state === 'active');
}

function infoOf(routerId: string, { state, namespaces }: Registered): PeerInfo {
  return { routerId, state, namespaces };
}
