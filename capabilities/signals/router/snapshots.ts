// SNAPSHOT frames of what matches, made one at a time as the session takes them, so that a late
// joiner costs no memory and no other session's time.
import { encodeFrame } from '../frames/encode.ts';
import { snapshotEntryLength } from '../frames/encode-signals.ts';
import { snapshotEntryBytesMax } from '../frames/limits.ts';
import type { SnapshotParam } from '../frames/messages.ts';
import { routerLimits } from './limits.ts';
import type { FrameSource } from './outbox.ts';
import type { Param } from './param.ts';

export interface SnapshotAsked {
  /** Walked live: a param that changes before its turn is told as it then is. */
  readonly params: Iterator<Param, undefined>;
  /** The last one to tell: what came later was told as it came. */
  readonly newest: number;
  readonly wants: (param: Param) => boolean;
  /** A frame also where nothing matches. */
  readonly evenEmpty: boolean;
  /** Calls back in a later turn, then asks for the next frame again. */
  readonly goOn: (ready: () => void) => void;
}

export function snapshotSource(asked: SnapshotAsked): FrameSource {
  return new Snapshot(asked);
}

class Snapshot implements FrameSource {
  readonly #asked: SnapshotAsked;
  #owesFrame: boolean;
  #owesTurn = false;
  #waits = false;
  #ended = false;
  /** In this turn. */
  #looked = 0;
  // Between two calls nothing is held but this: what was read and not sent would be out of date.
  #carried: Param | undefined;

  constructor(asked: SnapshotAsked) {
    this.#asked = asked;
    this.#owesFrame = asked.evenEmpty;
  }

  next(): Uint8Array | 'later' | undefined {
    if (this.#waits) {
      return 'later'; // asked again for another reason
    }
    while (!this.#owesTurn && !this.#ended) {
      const chunk = this.#gathered();
      if (chunk.length > 0) {
        this.#owesFrame = false;
        return encodeFrame({ type: 'snapshot', params: chunk });
      }
    }
    if (!this.#ended) {
      this.#waitForTurn();
      return 'later';
    }
    const last = this.#owesFrame ? encodeFrame({ type: 'snapshot', params: [] }) : undefined;
    this.#owesFrame = false;
    return last;
  }

  #waitForTurn(): void {
    this.#owesTurn = false;
    this.#looked = 0;
    this.#waits = true;
    this.#asked.goOn(() => {
      this.#waits = false;
    });
  }

  #gathered(): SnapshotParam[] {
    const chunk: SnapshotParam[] = [];
    let bytes = 0;
    for (; this.#looked < routerLimits.scannedPerTurnMax; this.#looked += 1) {
      const param = this.#nextParam();
      if (param === undefined) {
        return chunk;
      }
      if (param.gone || !this.#asked.wants(param)) {
        continue;
      }
      const entry = entryOf(param);
      bytes += snapshotEntryLength(entry);
      if (bytes > snapshotEntryBytesMax && chunk.length > 0) {
        this.#carried = param;
        return chunk;
      }
      chunk.push(entry);
    }
    this.#owesTurn = true;
    return chunk;
  }

  #nextParam(): Param | undefined {
    const { params, newest } = this.#asked;
    if (this.#carried !== undefined) {
      const param = this.#carried;
      this.#carried = undefined;
      return param;
    }
    const step = params.next();
    if (step.done === true || step.value.born > newest) {
      this.#ended = true;
      return undefined;
    }
    return step.value;
  }
}

export function entryOf({ address, value, revision, writer, timestamp }: Param): SnapshotParam {
  return { address, value, revision, writer, timestamp };
}
