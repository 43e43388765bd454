// Chance from a seed: the same seed gives the same bytes on every machine. Good for simulations and
// for nothing that must be secret. xoshiro128** (Blackman, Vigna 2018), seeded through splitmix32.
import type { Random } from '@hansa/foundation';

export interface SeededRandom extends Random {
  /** Uniform in `[0, below)`. */
  integer(below: number): number;
  /** Uniform in `[min, max)`. */
  between(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Independent of how much is drawn here, before or after: one per component, by its name. */
  fork(name: string): SeededRandom;
}

const twoTo32 = 4_294_967_296;
const twoTo53 = 9_007_199_254_740_992;

export function createSeededRandom(seed: number, path = ''): SeededRandom {
  const next = xoshiro(hashedSeed(`${seed}/${path}`));
  const fraction = (): number => ((next() >>> 11) * twoTo32 + next()) / twoTo53;
  const integer = (below: number): number => Math.floor(fraction() * below);
  return {
    fraction,
    integer,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 4) {
        const word = next();
        bytes[at] = word;
        bytes[at + 1] = word >>> 8;
        bytes[at + 2] = word >>> 16;
        bytes[at + 3] = word >>> 24;
      }
      return bytes;
    },
    between: (min, max) => min + fraction() * (max - min),
    chance: (probability) => fraction() < probability,
    pick(items) {
      const item = items[integer(items.length)];
      if (item === undefined) {
        throw new RangeError('there is nothing to pick from');
      }
      return item;
    },
    fork: (name) => createSeededRandom(seed, `${path}/${name}`),
  };
}

/** FNV-1a: only has to tell names apart; splitmix does the mixing. */
function hashedSeed(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

function splitmix(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function xoshiro(seed: number): () => number {
  const fill = splitmix(seed);
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result;
  };
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
