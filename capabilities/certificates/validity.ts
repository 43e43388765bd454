// How long certificates count and when they are renewed: pure sums over lengths of time.

const hourMs = 3_600_000;
const dayMs: number = 24 * hourMs;

export interface Validities {
  /** Of an authority's own certificate. */
  readonly rootMs: number;
  /** Of this node's certificate. */
  readonly nodeMs: number;
  /** How often whoever trusts this cluster looks for a new bundle. */
  readonly refreshHintMs: number;
}

export const validitiesDefault: Validities = {
  rootMs: 365 * dayMs, // a year: two rotations of it are remembered by the same people
  nodeMs: 30 * dayMs, // renewed by itself a week before, so that a week of trouble is bridged
  refreshHintMs: 300_000, // five minutes, as SPIFFE recommends
};

export const leafTtlDefaultMs: number = 30 * dayMs; // a month: renewed by hand, and by few
// a quarter: whoever left is out by then even where nobody revoked
export const leafTtlMaxMs: number = 90 * dayMs;
export const leafTtlMinMs = 1_000; // X.509 counts seconds
// Clocks differ: a certificate counts from a minute before it was made, as tokens do.
export const backdatedMs = 60_000;
const renewBeforeMaxMs: number = 7 * dayMs; // a week of trouble is bridged
const checkMaxMs = dayMs; // a clock that was set, a laptop that slept: looked at every day

/** How long before its end something that counts so long is renewed. */
export function renewBeforeMs(validityMs: number): number {
  return Math.min(renewBeforeMaxMs, validityMs / 3);
}

/** How long until it is looked at again. */
export function checkInMs(given: {
  readonly nowMs: number;
  readonly notAfterMs: number;
  readonly validityMs: number;
}): number {
  const { nowMs, notAfterMs, validityMs } = given;
  const dueMs = notAfterMs - renewBeforeMs(validityMs) - nowMs;
  return Math.max(0, Math.min(checkMaxMs, validityMs / 3, dueMs));
}

/** An authority makes its successor when a third of its life is left. */
export function rootDue(nowMs: number, root: { notAfterMs: number; validityMs: number }): boolean {
  return root.notAfterMs - nowMs <= root.validityMs / 3;
}

/**
 * How long an authority is published before it signs: whoever asks once in the time of the hint has
 * asked in the first half of it, however unluckily they began.
 */
export function publishedMs(refreshHintMs: number): number {
  return 2 * refreshHintMs;
}

/** X.509 counts whole seconds. */
export function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
