// The end of a link that dials: a line to each linked cluster while it is connected and there is
// anything that could cross it. Of two clusters that hold each other's half-link, the one with the
// smaller id dials.
import {
  aborted,
  HansaError,
  remote,
  reportOf,
  toHex,
  type Clock,
  type ClusterId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Peers } from '../../links/contract.ts';
import type { NamespaceBook } from '../../namespaces/contract.ts';
import type { FederationLink } from '../federation/line-link.ts';
import type { FederationManager } from '../federation/manager.ts';
import { sendsMax, signalsPeerContract, type SignalsPeer } from '../wire.ts';
import { unpackFrames } from './batches.ts';
import { LinkLine } from './link-line.ts';
import { isSame, type PeerMay, type PeerRights } from './rights.ts';

/** An older peer carries no signals until it is upgraded: then it is heard a minute late. */
const unknownAgainMs = 60_000;
/** A call costs as much as hundreds of frames: a line that is busy gathers for so long. */
export const gatherMs = 1;
/** Batches under way from which on it is: before, each goes at once. */
const busySends = 2;
/** At first, and twice as long each time, up to the longest wait: a link that flaps is no herd. */
const againMs = 100;
const againMsMax = 10_000; // as long as people look at a lamp that should have changed

export interface DiallingNeeds {
  readonly cluster: ClusterId;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly peers: Peers;
  readonly book: NamespaceBook;
  readonly federation: () => FederationManager;
  readonly rights: (peer: ClusterId) => PeerRights;
}

export interface Dialled {
  readonly link: FederationLink | undefined;
  /** Why there is no line, or was none the last time. */
  readonly reason: string | undefined;
}

export interface Dialling {
  run(signal: AbortSignal): Promise<void>;
  /** Ends lines whose cluster may do something else now, and dials where a line is wanted. */
  look(): void;
  dialled(peer: ClusterId): Dialled | undefined;
}

export function createDialling(needs: DiallingNeeds): Dialling {
  return new LinkDialling(needs);
}

class LinkDialling implements Dialling {
  readonly #needs: DiallingNeeds;
  readonly #loops = new Map<ClusterId, Promise<void>>();
  readonly #lines = new Map<ClusterId, DialledLine>();
  readonly #reasons = new Map<ClusterId, string>();
  #signal: AbortSignal | undefined;

  constructor(needs: DiallingNeeds) {
    this.#needs = needs;
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = this.#needs.peers.subscribe((peer) => this.#begin(peer));
    this.#signal = signal;
    this.look();
    await aborted(signal);
    stop();
    await Promise.allSettled(this.#loops.values());
    this.#signal = undefined;
  }

  look(): void {
    this.#lines.forEach((line, peer) => line.look(this.#wants(peer)));
    this.#needs.peers.all().forEach(({ cluster }) => this.#begin(cluster));
  }

  dialled(peer: ClusterId): Dialled | undefined {
    const link = this.#lines.get(peer)?.link;
    const reason = link?.reason ?? this.#reasons.get(peer);
    return this.#wants(peer) ? { link, reason } : undefined;
  }

  #wants(peer: ClusterId): boolean {
    const { cluster, peers, book } = this.#needs;
    const { mine, theirs, active } = peers.standing(peer);
    return active && mine && (!theirs || cluster < peer) && book.all().length > 0;
  }

  #begin(peer: ClusterId): void {
    const signal = this.#signal;
    const isFree = !this.#loops.has(peer) && this.#needs.peers.connected(peer);
    if (signal === undefined || signal.aborted || !isFree || !this.#wants(peer)) {
      return;
    }
    const loop = this.#hold(peer, signal).finally(() => {
      this.#loops.delete(peer);
      this.#begin(peer);
    });
    this.#loops.set(peer, loop);
  }

  async #hold(peer: ClusterId, signal: AbortSignal): Promise<void> {
    const { peers, clock, random } = this.#needs;
    for (let waitMs = againMs; peers.connected(peer) && this.#wants(peer) && !signal.aborted;) {
      const ended = await this.#once(peer, signal);
      // One that was of use has ended because something has changed: that is no reason to wait.
      waitMs = ended === 'used' ? againMs : Math.min(waitMs * 2, againMsMax);
      const restMs = ended === 'unknown' ? unknownAgainMs : waitMs * (0.5 + random.fraction() / 2);
      await clock.sleep(restMs, signal).catch(() => undefined);
    }
  }

  /** `unknown` where the other cluster knows of no such lines. */
  async #once(peer: ClusterId, signal: AbortSignal): Promise<'used' | 'useless' | 'unknown'> {
    const line = new DialledLine(this.#needs, peer);
    this.#lines.set(peer, line);
    try {
      await line.run(signal);
      this.#reasons.set(peer, line.reason ?? 'the line ended');
      return line.wasActive ? 'used' : 'useless';
    } catch (error) {
      const { code, message } = reportOf(error);
      this.#reasons.set(peer, message);
      if (!signal.aborted) {
        this.#needs.log.event('signal-line.ended', { peer, reason: code });
      }
      const isUnknown = code === 'METHOD_UNKNOWN';
      return isUnknown ? 'unknown' : line.wasActive ? 'used' : 'useless';
    } finally {
      this.#lines.delete(peer);
    }
  }
}

/** A call by which frames come; its first item has been asked for. */
interface Turn {
  readonly first: Promise<IteratorResult<Batch>>;
  readonly items: AsyncIterator<Batch>;
}

interface Batch {
  readonly frames: Uint8Array;
}

class DialledLine {
  readonly #needs: DiallingNeeds;
  readonly #peer: ClusterId;
  readonly #id: string;
  readonly #rights: PeerRights;
  readonly #opened: PeerMay;
  #road: unknown;
  readonly #wire: SignalsPeer;
  readonly #line: LinkLine;
  readonly #ending = new AbortController();
  #failure: unknown;
  #sends = 0;
  #sequence = 0;
  #sentMs = 0;
  #isGathering = false;
  /** Of calls by which frames come; each ends where the next one begins. */
  readonly #turns: Turn[] = [];
  #turn = 0;
  link: FederationLink | undefined;
  wasActive = false;

  constructor(needs: DiallingNeeds, peer: ClusterId) {
    this.#needs = needs;
    this.#peer = peer;
    this.#id = toHex(needs.random.bytes(16));
    this.#rights = needs.rights(peer);
    this.#opened = this.#rights.may();
    this.#road = needs.peers.road(peer);
    this.#wire = remote(signalsPeerContract, needs.peers.carrier(peer));
    this.#line = new LinkLine({ remote: `link ${peer}`, wake: () => this.#pump() });
  }

  get reason(): string | undefined {
    return this.link?.reason ?? this.#line.reason;
  }

  /** Until the line ends; rejects with what broke it. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#ending.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#open();
      for (let turn = this.#turns.shift(); turn !== undefined; turn = this.#turns.shift()) {
        await this.#read(turn);
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) {
        throw error;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#line.drop('the link ended');
      this.link?.closed('the link ended');
    }
    if (this.#failure !== undefined) {
      const sentence = 'what was sent did not arrive';
      throw new HansaError('CONNECTION_CLOSED', sentence, { cause: this.#failure });
    }
  }

  look(isWanted: boolean): void {
    const { peers } = this.#needs;
    if (!isWanted || !isSame(this.#opened, this.#rights.may())) {
      this.#end('what the other cluster may do has changed');
    } else if (peers.connected(this.#peer) && peers.road(this.#peer) !== this.#road) {
      this.#road = peers.road(this.#peer);
      this.#open(); // there is another way now: what comes goes on there
    }
  }

  /** Asked at once, since the way is that of this moment. */
  #open(): void {
    const { signal } = this.#ending;
    const asked = this.#wire.open({ line: this.#id, turn: this.#turn }, { signal });
    const items = asked[Symbol.asyncIterator]();
    const first = items.next();
    first.catch(() => undefined); // who reads it is told
    this.#turn += 1;
    this.#turns.push({ first, items });
  }

  async #read({ first, items }: Turn): Promise<void> {
    for (let item = await first; item.done !== true; item = await items.next()) {
      this.link ??= this.#link();
      for (const frame of unpackFrames(item.value.frames)) {
        this.link.frame(frame);
      }
    }
  }

  #link(): FederationLink {
    return this.#needs.federation().createLink(this.#line, {
      rights: this.#rights,
      expected: this.#peer,
      changed: (state) => {
        this.wasActive ||= state === 'active';
      },
    });
  }

  #end(reason: string): void {
    this.#line.drop(reason);
    this.link?.closed(reason);
    this.#ending.abort(new HansaError('CONNECTION_CLOSED', reason));
  }

  #pump(): void {
    while (this.#maySend()) {
      const frames = this.#line.take();
      if (frames === undefined) {
        break;
      }
      this.#send(frames);
    }
    if (this.#line.reason !== undefined && this.#line.isEmpty && this.#sends === 0) {
      this.#ending.abort(new HansaError('CONNECTION_CLOSED', this.#line.reason));
    }
  }

  /** At once what stands alone or fills a batch; the rest waits a moment for what follows it. */
  #maySend(): boolean {
    if (this.#sends >= sendsMax || this.#ending.signal.aborted) {
      return false;
    }
    const { clock } = this.#needs;
    const waitMs = this.#sentMs + gatherMs - clock.monotonicMs();
    if (this.#sends < busySends || this.#line.hasBatch || waitMs <= 0) {
      return true;
    }
    if (!this.#isGathering && !this.#line.isEmpty) {
      this.#isGathering = true;
      const again = (): void => {
        this.#isGathering = false;
        this.#pump();
      };
      clock.sleep(waitMs, this.#ending.signal).then(again, () => undefined);
    }
    return false;
  }

  #send(frames: Uint8Array): void {
    const { signal } = this.#ending;
    const sequence = this.#sequence;
    this.#sequence += 1;
    this.#sends += 1;
    this.#sentMs = this.#needs.clock.monotonicMs();
    this.#line.travels(frames.length);
    this.#wire.send({ line: this.#id, sequence, frames }, { signal }).then(
      () => {
        this.#sends -= 1;
        this.#line.travels(-frames.length);
        this.#pump();
        if (this.#line.waiting() === 0) {
          this.link?.drained();
        }
      },
      (error: unknown) => {
        this.#failure ??= error;
        this.#line.drop('the link ended');
        this.#ending.abort(error);
      },
    );
  }
}
