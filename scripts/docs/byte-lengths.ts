// What JSON Schema cannot say of bytes: how long they may be, found by trying.

export interface ByteLengths {
  readonly min: number;
  /** Absent where a whole frame is taken. */
  readonly max?: number;
}

const minTried = 1_024; // the longest fixed part of a message is half of it
const maxTried: number = 4 * 1_024 * 1_024; // two frames: what is longer never arrives

/** Undefined where the schema takes no bytes. */
export function byteLengthsOf(accepts: (value: Uint8Array) => boolean): ByteLengths | undefined {
  const takes = (length: number): boolean => accepts(new Uint8Array(length));
  let min = 0;
  while (!takes(min)) {
    min += 1;
    if (min > minTried) {
      return undefined;
    }
  }
  let max = min;
  let beyond = min + 1;
  while (takes(beyond)) {
    max = beyond;
    beyond *= 2;
    if (beyond > maxTried) {
      return { min };
    }
  }
  while (beyond - max > 1) {
    const middle = (max + beyond) >> 1;
    if (takes(middle)) {
      max = middle;
    } else {
      beyond = middle;
    }
  }
  return { min, max };
}
