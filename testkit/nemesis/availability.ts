// How long nothing was acknowledged while something was wrong: what a fault cost those who wrote.

export interface Strike {
  readonly what: string;
  readonly fromMs: number;
  /** When it was made good. */
  readonly healedMs: number;
}

export interface Availability {
  /** The longest silence of each strike. */
  readonly silencesMs: readonly number[];
  readonly p50Ms: number;
  readonly maxMs: number;
}

/** `acknowledgedMs`: when answers came, in any order. A strike counts until the next begins. */
export function availabilityOf(
  strikes: readonly Strike[],
  acknowledgedMs: readonly number[],
): Availability {
  const moments = acknowledgedMs.toSorted((a, b) => a - b);
  const silencesMs = strikes.map(({ fromMs }, at) => {
    const untilMs = strikes[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    return longestSilence(moments, fromMs, untilMs);
  });
  const sorted = silencesMs.toSorted((a, b) => a - b);
  return {
    silencesMs,
    p50Ms: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0,
    maxMs: sorted.at(-1) ?? 0,
  };
}

function longestSilence(moments: readonly number[], fromMs: number, untilMs: number): number {
  let longest = 0;
  let last = fromMs;
  for (const moment of moments) {
    if (moment <= fromMs) {
      continue;
    }
    longest = Math.max(longest, moment - last);
    last = moment;
    if (moment >= untilMs) {
      break;
    }
  }
  return Math.round(longest);
}
