// What a session is sent. While its line takes everything, frames go straight through. When too
// much waits behind it, each kind gives way as it can bear: answers wait in order (and the session
// is not read meanwhile), params are noted and sent as they then are, events wait up to a bound,
// and what is fleeting is dropped. So a slow session costs what is written here and no more.
import type { Clock } from '@hansa/foundation';
import { encodeFrame } from '../frames/encode.ts';
import { ownBytes } from '../frames/frame-writer.ts';
import type { Line } from '../frames/line.ts';
import { signalErrors } from '../frames/messages.ts';
import { createFrameQueue, type FrameQueue } from './frame-queue.ts';
import { routerLimits } from './limits.ts';
import type { Param } from './param.ts';

/** Answers that are made one by one, when there is room for them. */
export interface FrameSource {
  /** `later` where it will call `Outbox.drained` when it can go on; undefined at its end. */
  next(): Uint8Array | 'later' | undefined;
  /** Nobody will ask again. */
  close?(): void;
}

export interface OutboxNeeds {
  readonly clock: Clock;
  readonly line: Line;
  readonly lineBytesMax: number;
  /** The param as a SET of now. */
  readonly frameOf: (param: Param) => Uint8Array;
  /** The peer takes nothing and its transport cannot stop reading. */
  readonly unread: () => void;
}

export interface OutboxFigures {
  readonly lineBytes: number;
  readonly replies: number;
  readonly events: number;
  readonly params: number;
  readonly dropped: number;
}

export interface Outbox {
  /** An answer: never dropped, in order among answers. */
  reply(answer: Uint8Array | FrameSource): void;
  /** A change of a param, as the frame that all its subscribers share. */
  param(param: Param, frame: Uint8Array): void;
  /** News that is kept for a while. */
  event(frame: Uint8Array): void;
  /** News that is worth nothing when it is late. */
  fleeting(frame: Uint8Array): void;
  /** The line has room again, or a source can go on. */
  drained(): void;
  /** Forgets what waits and sends nothing more. */
  close(): void;
  /** Whether the transport took all that was sent since this was asked last, and there was some. */
  tookSome(): boolean;
  readonly figures: OutboxFigures;
}

export function createOutbox(needs: OutboxNeeds): Outbox {
  return new LineOutbox(needs);
}

class LineOutbox implements Outbox {
  readonly #needs: OutboxNeeds;
  readonly #replies: FrameQueue<Uint8Array | FrameSource> = createFrameQueue();
  readonly #events: FrameQueue<Uint8Array> = createFrameQueue();
  readonly #dirty = new Set<Param>();
  #eventBytes = 0;
  #replyBytes = 0;
  #clogged = false;
  #held = false;
  #closed = false;
  #took = false;
  #pumping = false;
  #dropped = 0;
  #droppedInWindow = 0;
  #windowMs = Number.NEGATIVE_INFINITY;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(needs: OutboxNeeds) {
    this.#needs = needs;
  }

  tookSome(): boolean {
    const took = this.#took;
    this.#took = false;
    return took;
  }

  get figures(): OutboxFigures {
    return {
      lineBytes: this.#needs.line.waiting(),
      replies: this.#replies.size,
      events: this.#events.size,
      params: this.#dirty.size,
      dropped: this.#dropped,
    };
  }

  reply(answer: Uint8Array | FrameSource): void {
    if (this.#closed) {
      return;
    }
    if (answer instanceof Uint8Array && !this.#clogged && this.#replies.size === 0) {
      this.#send(answer);
      return;
    }
    this.#replies.push(answer instanceof Uint8Array ? ownBytes(answer) : answer);
    this.#replyBytes += bytesOf(answer);
    this.#pump();
    this.#holdBack();
  }

  param(param: Param, frame: Uint8Array): void {
    if (!this.#clogged && this.#dirty.size === 0) {
      this.#send(frame);
      return;
    }
    if (this.#closed) {
      return;
    }
    this.#dirty.add(param);
    if (
      this.#dirty.size > routerLimits.gatesMax &&
      this.#dirty.size % routerLimits.gatesMax === 1
    ) {
      this.#forgetGone();
    }
  }

  event(frame: Uint8Array): void {
    if (!this.#clogged && this.#events.size === 0) {
      this.#send(frame);
      return;
    }
    const { eventsWaitingMax, eventBytesWaitingMax } = routerLimits;
    const isFull =
      this.#events.size >= eventsWaitingMax ||
      this.#eventBytes + frame.length > eventBytesWaitingMax;
    if (this.#closed || isFull) {
      this.#drop(routerLimits.dropsToldMin); // an event is news: its loss is told at once
      return;
    }
    const kept = ownBytes(frame);
    this.#eventBytes += kept.length;
    this.#events.push(kept);
  }

  fleeting(frame: Uint8Array): void {
    if (this.#clogged) {
      this.#drop(1);
      return;
    }
    this.#send(frame);
  }

  drained(): void {
    const waiting = this.#needs.line.waiting();
    this.#clogged = waiting > this.#needs.lineBytesMax;
    this.#took ||= waiting === 0;
    this.#pump();
    if (this.#held && this.#waitShare() <= 0.5) {
      this.#held = false;
      this.#needs.line.read?.(true);
    }
  }

  close(): void {
    this.#closed = true;
    for (const answer of this.#replies.list()) {
      if (!(answer instanceof Uint8Array)) {
        answer.close?.();
      }
    }
    this.#replies.clear();
    this.#events.clear();
    this.#dirty.clear();
    this.#eventBytes = 0;
    this.#replyBytes = 0;
  }

  #send(frame: Uint8Array): void {
    if (this.#closed) {
      return;
    }
    const waiting = this.#needs.line.send(frame);
    this.#clogged = waiting > this.#needs.lineBytesMax;
    this.#took ||= waiting === 0;
  }

  #pump(): void {
    if (this.#pumping) {
      return; // a source that calls `drained` while it is asked
    }
    this.#pumping = true;
    this.#pumpReplies();
    this.#pumpEvents();
    this.#pumpParams();
    this.#pumping = false;
  }

  #pumpReplies(): void {
    while (!this.#clogged) {
      const first = this.#replies.first();
      if (first === undefined) {
        return;
      }
      if (first instanceof Uint8Array) {
        this.#replies.shift();
        this.#replyBytes -= first.length;
        this.#send(first);
        continue;
      }
      const frame = first.next();
      if (frame === 'later') {
        return;
      }
      if (frame === undefined) {
        this.#replies.shift();
      } else {
        this.#send(frame);
      }
    }
  }

  #pumpEvents(): void {
    while (!this.#clogged) {
      const frame = this.#events.shift();
      if (frame === undefined) {
        return;
      }
      this.#eventBytes -= frame.length;
      this.#send(frame);
    }
  }

  #pumpParams(): void {
    for (const param of this.#dirty) {
      if (this.#clogged) {
        return;
      }
      this.#dirty.delete(param);
      if (!param.gone) {
        this.#send(this.#needs.frameOf(param));
      }
    }
  }

  #forgetGone(): void {
    for (const param of this.#dirty) {
      if (param.gone) {
        this.#dirty.delete(param);
      }
    }
  }

  #holdBack(): void {
    const { line, unread } = this.#needs;
    const { repliesUnreadMax, replyBytesUnreadMax } = routerLimits;
    if (line.read === undefined) {
      if (this.#replies.size > repliesUnreadMax || this.#replyBytes > replyBytesUnreadMax) {
        unread();
      }
    } else if (!this.#held && this.#waitShare() > 1) {
      this.#held = true;
      line.read(false);
    }
  }

  /** Of what may wait while the session is read, in answers or in bytes. */
  #waitShare(): number {
    const { repliesWaitingMax, replyBytesWaitingMax } = routerLimits;
    return Math.max(
      this.#replies.size / repliesWaitingMax,
      this.#replyBytes / replyBytesWaitingMax,
    );
  }

  /**
   * Streams weigh little in the count that makes us speak up, events so much that one is enough.
   */
  #drop(weight: number): void {
    this.#dropped += 1;
    if (this.#closed) {
      return;
    }
    const nowMs = this.#needs.clock.monotonicMs();
    if (nowMs - this.#windowMs >= routerLimits.dropsWindowMs) {
      this.#windowMs = nowMs;
      this.#droppedInWindow = 0;
    }
    this.#droppedInWindow += weight;
    const isTold = nowMs - this.#toldMs < routerLimits.dropsWindowMs;
    if (this.#droppedInWindow >= routerLimits.dropsToldMin && !isTold) {
      this.#toldMs = nowMs;
      const message = `too slow: ${this.#dropped} messages were dropped for this session`;
      this.reply(encodeFrame({ type: 'error', code: signalErrors.overflow, message }));
    }
  }
}

function bytesOf(answer: Uint8Array | FrameSource): number {
  return answer instanceof Uint8Array ? answer.length : 0;
}
