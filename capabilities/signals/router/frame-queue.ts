// First in, first out, without moving what waits: for the frames of a slow session.

export interface FrameQueue<T> {
  readonly size: number;
  push(item: T): void;
  first(): T | undefined;
  /** The first has place 0; undefined where there is none, or no longer. */
  at(place: number): T | undefined;
  shift(): T | undefined;
  clear(): void;
  /** What is in it now, the first first. */
  list(): readonly T[];
}

// Below this many used places the list is left as it is.
const compactAfter = 64;

/** Items are never undefined. */
export function createFrameQueue<T>(): FrameQueue<T> {
  let items: (T | undefined)[] = [];
  let at = 0;
  return {
    get size() {
      return items.length - at;
    },
    push: (item) => void items.push(item),
    first: () => items[at],
    at: (place) => (place < 0 ? undefined : items[at + place]),
    shift() {
      const item = items[at];
      if (item === undefined) {
        return undefined;
      }
      items[at] = undefined;
      at += 1;
      if (at > compactAfter && at * 2 > items.length) {
        items = items.slice(at);
        at = 0;
      }
      return item;
    },
    clear() {
      items = [];
      at = 0;
    },
    list: () => items.slice(at).filter((item) => item !== undefined),
  };
}
