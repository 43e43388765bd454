// Latencies of one run, for their percentiles.
import type { LoadReport } from '../contract.ts';

const samplesMax = 4_194_304; // 32 MiB; what comes later replaces what came first

export class Samples {
  #kept: Float64Array = new Float64Array(1 << 16);
  #count = 0;

  add(us: number): void {
    if (this.#count >= this.#kept.length && this.#kept.length < samplesMax) {
      const more = new Float64Array(this.#kept.length * 2);
      more.set(this.#kept);
      this.#kept = more;
    }
    this.#kept[this.#count % this.#kept.length] = us;
    this.#count += 1;
  }

  percentiles(): LoadReport['latencyUs'] {
    const sorted = this.#kept.slice(0, Math.min(this.#count, this.#kept.length)).sort();
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
  }
}
