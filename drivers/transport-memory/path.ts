// One direction between two nodes: how long bytes travel, what happens to them on the way, and
// whether anything arrives at all. Every connection between the two nodes shares it.
import type { Clock, Random } from '@hansa/foundation';

export interface LinkTraits {
  /** Every crossing takes a time drawn evenly from this range. */
  readonly latencyMs: readonly [min: number, max: number];
  /** Shared by everything that travels this way. */
  readonly bytesPerSecond: number;
  /** The chance that one bit of a frame arrives changed, as a hostile relay would do it. */
  readonly flipProbability: number;
  /** The chance, for each frame, that its connection is lost at once at both ends. */
  readonly loseProbability: number;
  /** The chance that a dial is turned away. */
  readonly dialFailProbability: number;
}

export const calmLink: LinkTraits = {
  latencyMs: [1, 4],
  bytesPerSecond: Number.POSITIVE_INFINITY,
  flipProbability: 0,
  loseProbability: 0,
  dialFailProbability: 0,
};

export class Path {
  traits: LinkTraits;
  readonly #clock: Clock;
  readonly #random: Random;
  #blocked = false;
  // When the last byte handed over so far has left: a slow link is a queue.
  #freeAtMs = 0;
  readonly #waiting = new Set<() => void>();

  constructor(needs: { clock: Clock; random: Random; traits: LinkTraits }) {
    this.#clock = needs.clock;
    this.#random = needs.random;
    this.traits = needs.traits;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (!blocked) {
      for (const resume of this.#waiting) {
        resume();
      }
    }
  }

  happens(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  /** When bytes that are handed over now will be at the other end. */
  arrivalMs(bytes: number): number {
    const now = this.#clock.monotonicMs();
    const sendMs = (bytes / this.traits.bytesPerSecond) * 1_000;
    this.#freeAtMs = Math.max(now, this.#freeAtMs) + sendMs;
    return this.#freeAtMs + this.#latencyMs();
  }

  /** Resolves at that time, or once the path has healed; rejects with the signal's reason. */
  async arrive(atMs: number, signal: AbortSignal): Promise<void> {
    const restMs = atMs - this.#clock.monotonicMs();
    if (restMs > 0) {
      await this.#clock.sleep(restMs, signal);
    }
    while (this.#blocked) {
      await this.#healed(signal);
      await this.#clock.sleep(this.#latencyMs(), signal);
    }
    signal.throwIfAborted();
  }

  /** The frame as it arrives: always a copy, because the two ends share no memory. */
  carry(frame: Uint8Array): Uint8Array {
    const arrived = frame.slice();
    if (arrived.length > 0 && this.happens(this.traits.flipProbability)) {
      const at = Math.floor(this.#random.fraction() * arrived.length);
      const bit = 1 << Math.floor(this.#random.fraction() * 8);
      arrived[at] = (arrived[at] ?? 0) ^ bit;
    }
    return arrived;
  }

  #latencyMs(): number {
    const [min, max] = this.traits.latencyMs;
    return min === max ? min : min + this.#random.fraction() * (max - min);
  }

  #healed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const resume = (): void => {
        this.#waiting.delete(resume);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(resume);
        reject(signal.reason);
      };
      this.#waiting.add(resume);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
