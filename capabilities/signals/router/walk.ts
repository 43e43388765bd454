// Frames that tell of many things, made one at a time as the session takes them and in turns, so
// that a long answer costs no memory and no other session's time.
import type { FrameSource } from './outbox.ts';
import type { Turns } from './turns.ts';

export interface Walk<Item extends { readonly born: number }, Entry> {
  /** Walked live, in the order in which they were born: each is told as it then is. */
  readonly items: Iterator<Item, undefined>;
  /** The last one to tell: what came later is not asked for. */
  readonly newest: number;
  /** Undefined where nothing is told of it. */
  readonly entryOf: (item: Item) => Entry | undefined;
  readonly lengthOf: (entry: Entry) => number;
  /** Of all entries in one frame. */
  readonly bytesMax: number;
  readonly frameOf: (entries: readonly Entry[]) => Uint8Array;
  /** A frame also where nothing is told. */
  readonly evenEmpty: boolean;
  readonly turns: Turns;
  /** Asks for the next frame again. */
  readonly goOn: () => void;
}

export function walkSource<Item extends { readonly born: number }, Entry>(
  walk: Walk<Item, Entry>,
): FrameSource {
  return new WalkSource(walk);
}

class WalkSource<Item extends { readonly born: number }, Entry> implements FrameSource {
  readonly #walk: Walk<Item, Entry>;
  #owesFrame: boolean;
  #waits = false;
  #ended = false;
  // Between two calls nothing is held but this: what was read and not sent would be out of date.
  #carried: Item | undefined;

  constructor(walk: Walk<Item, Entry>) {
    this.#walk = walk;
    this.#owesFrame = walk.evenEmpty;
  }

  next(): Uint8Array | 'later' | undefined {
    if (this.#waits) {
      return 'later'; // asked again for another reason
    }
    const entries = this.#gathered();
    if (entries.length === 0 && !this.#ended) {
      this.#waitForTurn();
      return 'later';
    }
    const isOwed = entries.length > 0 || this.#owesFrame;
    this.#owesFrame = false;
    return isOwed ? this.#walk.frameOf(entries) : undefined;
  }

  #waitForTurn(): void {
    const { turns, goOn } = this.#walk;
    this.#waits = true;
    turns.later(() => {
      this.#waits = false;
      goOn();
    });
  }

  /** None of them and no end where this turn has had enough. */
  #gathered(): readonly Entry[] {
    const { turns, entryOf, lengthOf, bytesMax } = this.#walk;
    const entries: Entry[] = [];
    let bytes = 0;
    for (let item = this.#nextItem(); item !== undefined; item = this.#nextItem()) {
      if (!turns.take()) {
        this.#carried = item;
        break;
      }
      const entry = entryOf(item);
      if (entry === undefined) {
        continue;
      }
      bytes += lengthOf(entry);
      if (bytes > bytesMax && entries.length > 0) {
        this.#carried = item;
        break;
      }
      entries.push(entry);
    }
    return entries;
  }

  #nextItem(): Item | undefined {
    const carried = this.#carried;
    this.#carried = undefined;
    if (carried !== undefined || this.#ended) {
      return carried;
    }
    const { items, newest } = this.#walk;
    const step = items.next();
    if (step.done === true || step.value.born > newest) {
      this.#ended = true;
      return undefined;
    }
    return step.value;
  }
}
