// Which routers there are, how they are linked, and who owns which addresses. Each router tells of
// itself and its links; all of it reaches everybody, and each finds its ways by itself, so that the
// end of a link is never mistaken for a longer way round.
import { isAlike, problemOf } from './adverts.ts';
import { restPattern } from './config.ts';
import { federationLimits } from './limits.ts';
import { createNamespaceBook, type Claimed, type Holder } from './namespaces.ts';
import type { Advert } from './suffix.ts';

export type Owner =
  /** This router. */
  | { readonly kind: 'self' }
  /** A peer of another kind that is linked to us, for which we judge writes. */
  | { readonly kind: 'peer'; readonly key: string }
  /** Another router of our kind; `next` is the linked one that is nearest to it. */
  | { readonly kind: 'router'; readonly id: string; readonly next: string }
  /** One that was here and cannot be reached. */
  | { readonly kind: 'away'; readonly id: string };

export type Offered =
  | { readonly outcome: 'new' | 'known' | 'outdone' }
  | { readonly outcome: 'refused'; readonly sentence: string };

/** How an advert has come. */
interface Hearing {
  /** Over a link whose other end has proven who it is. */
  readonly isProven: boolean;
  /** Microseconds since 1970. */
  readonly nowUs: number;
}

/** Links that once were, as pairs of routers; more than as many routers have is a mistake. */
const edgesMax = 16 * federationLimits.routersMax;

export class Topology {
  readonly selfId: string;
  #owned: readonly string[];
  /** What this cluster holds to be others', whatever anybody says on a line: see `state`. */
  #stated: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #proven = new Set<string>();
  /** Routers that have never told of themselves here, or not as the last. */
  readonly #hearsay = new Set<string>();
  #self: Advert;
  readonly #adverts = new Map<string, Advert>();
  /** Of peers of another kind, by their key. */
  readonly #peers = new Map<string, readonly string[]>();
  #peersClaim = 0;
  /** By router, those that it says it is linked to. */
  readonly #linked = new Map<string, ReadonlySet<string>>();
  /** By router, those that it was linked to at any time, both of them agreeing. */
  readonly #once = new Map<string, Set<string>>();
  #edges = 0;
  readonly #book = createNamespaceBook();
  #ways: ReadonlyMap<string, string> | undefined;
  /** By address, as long as nothing changes: each message asks several times. */
  readonly #owners = new Map<string, Owner | undefined>();
  readonly #bringing = new Map<string, ReadonlySet<string>>();

  constructor(selfId: string, owned: readonly string[]) {
    this.selfId = selfId;
    this.#owned = owned;
    this.#self = { routerId: selfId, stamp: 0, patterns: owned, neighbours: [] };
    this.#book.claim(this.#selfHolder(), owned);
  }

  get owned(): readonly string[] {
    return this.#owned;
  }

  get self(): Advert {
    return this.#self;
  }

  /** Ours first. */
  adverts(): readonly Advert[] {
    return [this.#self, ...[...this.#adverts.values()].map((advert) => this.asStated(advert))];
  }

  /** Ours from now on, and what is whose among routers that have proven who they are. */
  state(owned: readonly string[], others: ReadonlyMap<string, readonly string[]>): void {
    this.#owned = owned;
    this.#book.claim(this.#selfHolder(), owned);
    for (const id of new Set([...this.#stated.keys(), ...others.keys()])) {
      this.#book.claim({ kind: 'stated', id, name: id }, others.get(id) ?? []);
    }
    this.#stated = others;
    this.#owners.clear();
  }

  /** With the patterns that we hold to be its own, for routers that know no better. */
  asStated(advert: Advert): Advert {
    const patterns = this.#stated.get(advert.routerId);
    return patterns === undefined ? advert : { ...advert, patterns };
  }

  /** Whether all that is known of it came over links whose ends have proven who they are. */
  isProven(routerId: string): boolean {
    return this.#proven.has(routerId);
  }

  /** What we tell of ourselves from now on. */
  tellOfSelf(neighbours: readonly string[], stamp: number): Advert {
    // Who owns the rest owns what its peers declared, as far as others are concerned.
    const isRest = this.#owned.includes(restPattern);
    const patterns = isRest ? this.#owned : [...this.#owned, ...[...this.#peers.values()].flat()];
    this.#self = {
      routerId: this.selfId,
      stamp: Math.max(stamp, this.#self.stamp + 1),
      patterns,
      neighbours,
    };
    this.#linked.set(this.selfId, new Set(neighbours));
    this.#changed(this.#self);
    return this.#self;
  }

  /** A peer of another kind declares; the sentence says why it may not. */
  claim(key: string, name: string, patterns: readonly string[]): string | undefined {
    const conflict = this.#crowding(key, patterns) ?? this.#conflict(patterns, { peer: key });
    if (conflict === undefined) {
      this.#hold({ kind: 'peer', id: key, name }, patterns);
      this.#changed(this.#self);
    }
    return conflict;
  }

  #crowding(key: string, patterns: readonly string[]): string | undefined {
    const claimed = this.#peersClaim - (this.#peers.get(key)?.length ?? 0) + patterns.length;
    const { claimsMax } = federationLimits;
    return claimed > claimsMax ? `${claimsMax} namespaces are all that peers have` : undefined;
  }

  #hold(peer: Holder, patterns: readonly string[]): void {
    this.#peersClaim += patterns.length - (this.#peers.get(peer.id)?.length ?? 0);
    this.#peers.set(peer.id, patterns);
    this.#book.claim(peer, patterns);
  }

  release(key: string): void {
    if (this.#peers.has(key)) {
      this.#hold({ kind: 'peer', id: key, name: key }, []);
      this.#peers.delete(key);
      this.#changed(this.#self);
    }
  }

  /**
   * What a linked router, `via`, told of itself or of another one. Of one that is `proven`, links
   * alone count: what it owns is stated, not claimed. What a router tells of itself counts more
   * than what others told of it, whenever that was.
   */
  offer(told: Advert, via: string, { isProven, nowUs }: Hearing): Offered {
    const { routerId } = told;
    if (told.stamp > nowUs + federationLimits.aheadMs * 1_000) {
      // Believed, it would keep all that is told from now on from being newer.
      return { outcome: 'refused', sentence: 'what it tells is of a time to come' };
    }
    const advert = isProven ? { ...told, patterns: [] } : told;
    if (routerId === this.selfId) {
      return { outcome: advert.stamp >= this.#self.stamp ? 'outdone' : 'known' };
    }
    if (!this.#isNews(advert, via)) {
      return { outcome: 'known' };
    }
    const sentence = this.#refusal(advert, { via, isProven });
    if (sentence !== undefined) {
      return { outcome: 'refused', sentence };
    }
    if (via === routerId) {
      this.#hearsay.delete(routerId);
    } else {
      this.#hearsay.add(routerId);
    }
    if (isProven) {
      this.#proven.add(routerId);
    }
    this.#adverts.set(routerId, advert);
    this.#book.claim({ kind: 'router', id: routerId, name: routerId }, advert.patterns);
    this.#linked.set(routerId, new Set(advert.neighbours));
    this.#changed(advert);
    return { outcome: 'new' };
  }

  #isNews(advert: Advert, via: string): boolean {
    const { routerId, stamp } = advert;
    if (via !== routerId && this.#self.neighbours.includes(routerId)) {
      return false; // it tells of itself
    }
    const known = this.#adverts.get(routerId);
    if (known === undefined || known.stamp < stamp) {
      return true;
    }
    return via === routerId && this.#hearsay.has(routerId) && !isAlike(known, advert);
  }

  ownerOf(address: string): Owner | undefined {
    const known = this.#owners.get(address);
    if (known !== undefined || this.#owners.has(address)) {
      return known;
    }
    if (this.#owners.size >= federationLimits.ownersMax) {
      this.#owners.clear();
    }
    const owner = this.#ownerNow(address);
    this.#owners.set(address, owner);
    return owner;
  }

  #ownerNow(address: string): Owner | undefined {
    let best: Owner | undefined;
    let bestRank = 0;
    this.#book.match(address, (claim) => {
      const owner = this.#ownerBy(claim);
      const rank = (claim.pattern === restPattern ? 0 : 2) + (owner.kind === 'away' ? 1 : 2);
      if (rank > bestRank) {
        [best, bestRank] = [owner, rank];
      }
    });
    return best;
  }

  /** The linked router that is nearest to another one. */
  wayTo(routerId: string): string | undefined {
    this.#ways ??= this.#found();
    return this.#ways.get(routerId);
  }

  /** Whether it was heard of and cannot be reached now. */
  isAway(routerId: string): boolean {
    return this.#adverts.has(routerId) && this.wayTo(routerId) === undefined;
  }

  /** Whether what `owner` made can come from a linked router, and not only through us. */
  mayBring(via: string, owner: string): boolean {
    if (via === owner) {
      return true;
    }
    let brought = this.#bringing.get(via);
    if (brought === undefined) {
      brought = this.#reachedFrom(via);
      this.#bringing.set(via, brought);
    }
    return brought.has(owner);
  }

  #refusal(
    advert: Advert,
    { via, isProven }: { readonly via: string; readonly isProven: boolean },
  ): string | undefined {
    const { routerId, patterns } = advert;
    if (!isProven && (this.#stated.has(routerId) || this.#proven.has(routerId))) {
      return 'a router that is known by its link speaks by it';
    }
    const sentence = problemOf(advert) ?? this.#conflict(patterns, { router: routerId });
    const isKnown = sentence !== undefined || this.#adverts.has(routerId);
    const hasRoom = isKnown || this.#hasRoom(via === routerId);
    return hasRoom ? sentence : `${federationLimits.routersMax} routers are all that one knows`;
  }

  #ownerBy({ holder }: Claimed): Owner {
    if (holder.kind === 'self') {
      return { kind: 'self' };
    }
    if (holder.kind === 'peer') {
      return { kind: 'peer', key: holder.id };
    }
    const next = this.wayTo(holder.id);
    return next === undefined
      ? { kind: 'away', id: holder.id }
      : { kind: 'router', id: holder.id, next };
  }

  #selfHolder(): Holder {
    return { kind: 'self', id: this.selfId, name: 'this router' };
  }

  #changed(advert: Advert): void {
    this.#ways = undefined;
    this.#owners.clear();
    this.#bringing.clear();
    for (const other of advert.neighbours) {
      if (this.#isLinked(advert.routerId, other)) {
        this.#remember(advert.routerId, other);
        this.#remember(other, advert.routerId);
      }
    }
  }

  /** Both say so: nobody links another to itself by a word of its own. */
  #isLinked(one: string, other: string): boolean {
    const both = this.#linked.get(one)?.has(other) === true;
    return both && this.#linked.get(other)?.has(one) === true;
  }

  #remember(from: string, to: string): void {
    const known = this.#once.get(from) ?? new Set<string>();
    if (known.has(to)) {
      return;
    }
    if (this.#edges >= edgesMax) {
      this.#once.clear();
      this.#edges = 0;
    }
    known.add(to);
    this.#once.set(from, known);
    this.#edges += 1;
  }

  /** From us, over links that are there now: by router, the linked one to go through. */
  #found(): ReadonlyMap<string, string> {
    const ways = new Map<string, string>();
    const queue: string[] = [];
    for (const neighbour of this.#self.neighbours) {
      ways.set(neighbour, neighbour);
      queue.push(neighbour);
    }
    for (let at = 0; at < queue.length; at += 1) {
      const advert = this.#adverts.get(queue[at] ?? '');
      for (const other of advert?.neighbours ?? []) {
        const isNew = other !== this.selfId && !ways.has(other);
        if (advert !== undefined && isNew && this.#isLinked(advert.routerId, other)) {
          ways.set(other, ways.get(advert.routerId) ?? advert.routerId);
          queue.push(other);
        }
      }
    }
    return ways;
  }

  /** Over links that are or once were, without passing us. */
  #reachedFrom(via: string): ReadonlySet<string> {
    const reached = new Set([via]);
    for (const router of reached) {
      for (const other of this.#once.get(router) ?? []) {
        if (other !== this.selfId) {
          reached.add(other);
        }
      }
    }
    return reached;
  }

  /** What is claimed already by somebody but the one who asks. Who cannot be reached has gone. */
  #conflict(
    patterns: readonly string[],
    but: { readonly peer?: string; readonly router?: string },
  ): string | undefined {
    const counts = ({ kind, id }: Holder): boolean =>
      kind === 'peer'
        ? id !== but.peer
        : kind !== 'router' || (id !== but.router && this.wayTo(id) !== undefined);
    for (const pattern of patterns) {
      const found = this.#book.conflict(pattern, counts);
      if (found !== undefined) {
        return conflictSentence(pattern, found);
      }
    }
    return undefined;
  }

  /**
   * Makes room by forgetting one that cannot be reached, and for one that is here itself one that
   * is known by hearsay; false where there is none.
   */
  #hasRoom(isHere: boolean): boolean {
    if (this.#adverts.size < federationLimits.routersMax) {
      return true;
    }
    const ids = [...this.#adverts.keys()];
    const gone =
      ids.find((id) => this.wayTo(id) === undefined) ??
      (isHere ? ids.find((id) => this.#hearsay.has(id)) : undefined);
    if (gone === undefined) {
      return false;
    }
    this.#linked.delete(gone);
    this.#proven.delete(gone);
    this.#hearsay.delete(gone);
    this.#book.claim({ kind: 'router', id: gone, name: gone }, []);
    return this.#adverts.delete(gone);
  }
}

function conflictSentence(pattern: string, { holder, pattern: theirs }: Claimed): string {
  const [mine, other] = [shortened(pattern), shortened(theirs)];
  return `namespace ${mine} is claimed already: ${holder.name} has ${other}`;
}

/** A pattern may be as long as a frame, and the answer has to fit into one. */
export function shortened(pattern: string): string {
  return pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern;
}
