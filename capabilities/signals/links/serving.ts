// The end of a link that was dialled: a line of each linked cluster, given to the router with the
// rights of that cluster.
import { callingCluster, HansaError, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../../links/contract.ts';
import type { LineEvents } from '../frames/line.ts';
import type { Router } from '../router/router.ts';
import { sendsMax, type SignalsPeer } from '../wire.ts';
import { unpackFrames } from './batches.ts';
import { LinkLine } from './link-line.ts';
import { isSame, type PeerMay, type PeerRights } from './rights.ts';

export interface ServingNeeds {
  readonly peers: Peers;
  /** SHUTTING_DOWN. */
  readonly router: () => Router;
  readonly rights: (peer: ClusterId) => PeerRights;
}

export interface Serving {
  readonly service: SignalsPeer;
  /** Ends lines whose cluster may do something else now. */
  look(): void;
  has(peer: ClusterId): boolean;
  stop(): void;
}

export function createServing(needs: ServingNeeds): Serving {
  const lines = new Map<ClusterId, ServedLine>();
  return {
    service: {
      async *open({ line: id, turn }, call) {
        const peer = callingCluster(call);
        const known = lines.get(peer);
        const line = known?.id === id ? known : openLine(needs, { peer, id });
        if (line !== known) {
          known?.drop('the same cluster has opened another line');
          lines.set(peer, line);
        }
        if (!line.begin(turn)) {
          return;
        }
        try {
          yield { frames: new Uint8Array() };
          yield* line.batches(turn, call?.signal);
        } finally {
          if (line.isAt(turn)) {
            line.drop('the link ended');
          }
          if (line.isOver && lines.get(peer) === line) {
            lines.delete(peer);
          }
        }
      },
      async send({ line: id, sequence, frames }, call) {
        const line = lines.get(callingCluster(call));
        if (line?.id !== id) {
          throw new HansaError('CONNECTION_CLOSED', 'there is no such line');
        }
        line.receive(sequence, frames);
        return {};
      },
    },
    look: () => lines.forEach((line) => line.look()),
    has: (peer) => lines.has(peer),
    stop: () => lines.forEach((line) => line.drop('the router stops')),
  };
}

function openLine(
  { peers, router, rights }: ServingNeeds,
  { peer, id }: { readonly peer: ClusterId; readonly id: string },
): ServedLine {
  if (!peers.standing(peer).active) {
    throw new HansaError('LINK_NOT_FOUND', 'signals are for linked clusters');
  }
  return new ServedLine({ peer, id, rights: rights(peer), router: router() });
}

class ServedLine {
  readonly id: string;
  readonly #rights: PeerRights;
  readonly #opened: PeerMay;
  readonly #line: LinkLine;
  readonly #events: LineEvents;
  /** What came before those that were sent before it. */
  readonly #early = new Map<number, Uint8Array>();
  #next = 0;
  /** Of the call that its frames go out by. */
  #turn = -1;
  #over = false;
  #wake = (): void => undefined;

  constructor(needs: {
    readonly peer: ClusterId;
    readonly id: string;
    readonly rights: PeerRights;
    readonly router: Router;
  }) {
    this.id = needs.id;
    this.#rights = needs.rights;
    this.#opened = needs.rights.may();
    this.#line = new LinkLine({ remote: `link ${needs.peer}`, wake: () => this.#wake() });
    this.#events = needs.router.acceptAs(this.#line, needs.rights);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Its frames go out by this call from now on; false where a later one has come before it. */
  begin(turn: number): boolean {
    if (turn <= this.#turn) {
      return false;
    }
    this.#turn = turn;
    this.#wake();
    return true;
  }

  isAt(turn: number): boolean {
    return turn === this.#turn;
  }

  async *batches(
    turn: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<{ readonly frames: Uint8Array }, void, undefined> {
    const abort = (): void => {
      if (this.isAt(turn)) {
        this.drop('the link ended');
      }
    };
    signal?.addEventListener('abort', abort, { once: true });
    while (this.isAt(turn)) {
      const frames = this.#line.take();
      if (frames !== undefined) {
        yield { frames };
        if (this.#line.isEmpty) {
          this.#events.drained();
        }
      } else if (this.#line.reason !== undefined || signal?.aborted === true) {
        break;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    signal?.removeEventListener('abort', abort);
  }

  receive(sequence: number, frames: Uint8Array): void {
    if (sequence < this.#next || this.#early.size >= sendsMax) {
      this.drop('the other end sends out of order');
      return;
    }
    this.#early.set(sequence, frames);
    for (let one = this.#early.get(this.#next); one !== undefined;) {
      this.#early.delete(this.#next);
      this.#next += 1;
      this.#hand(one);
      one = this.#early.get(this.#next);
    }
  }

  look(): void {
    if (!isSame(this.#opened, this.#rights.may())) {
      this.drop('what the other cluster may do has changed');
    }
  }

  drop(reason: string): void {
    if (!this.#over) {
      this.#over = true;
      this.#line.drop(reason);
      this.#events.closed(reason);
    }
  }

  #hand(batch: Uint8Array): void {
    try {
      for (const frame of unpackFrames(batch)) {
        if (!this.#over) {
          this.#events.frame(frame);
        }
      }
    } catch (error) {
      this.drop('what came is no batch of frames');
      throw error;
    }
  }
}
