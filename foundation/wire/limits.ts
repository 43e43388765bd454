// What one wire session may hold at most, whatever the far side does. protocol/wire.md explains
// them.

export interface WireLimits {
  /** Requests in each direction that have not had their last frame; watches included. */
  readonly requestsMax: number;
  /** Of these, watches. */
  readonly watchesMax: number;
  readonly callTimeoutMs: number;
  /** Items and bytes that a watch may be ahead of its reader. */
  readonly watchItems: number;
  readonly watchBytes: number;
  /** Bytes of arrived items that no reader has taken, over all watches; more closes the session. */
  readonly bufferedBytesMax: number;
  /**
   * Bytes of frames waiting for the stream; from here on requests are refused, at twice it closes.
   */
  readonly queuedBytesMax: number;
}

export const wireLimits: WireLimits = {
  // Ten times the busiest link in the benchmarks, and 1,024 stuck services are bearable.
  requestsMax: 1_024,
  // Each may hold one item of 2 MiB while the stream is stuck: 512 MiB at the very worst.
  watchesMax: 256,
  // Longer than any failover inside a cluster (15 s), shorter than patience.
  callTimeoutMs: 30_000,
  // Small items: a round trip of 100 ms still carries 2,500 a second.
  watchItems: 256,
  // Two of the largest frames, so that one travels while one is read.
  watchBytes: 4 * 1_024 * 1_024,
  // A sixteenth of a small machine, and only under attack.
  bufferedBytesMax: 64 * 1_024 * 1_024,
  // Sixteen of the largest answers.
  queuedBytesMax: 32 * 1_024 * 1_024,
};

// What a watch gets when many share the buffer.
export const watchBytesMin: number = 16 * 1_024;
