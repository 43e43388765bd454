// Waiting for what must come true: tests wait on conditions, never for a time to pass.

const lookEveryMs = 50;
const seenCharsMax = 2_000;

/** What a look found instead; the failure shows the last one. */
export class NotYet {
  readonly seen: unknown;

  constructor(seen: unknown) {
    this.seen = seen;
  }
}

export function notYet(seen: unknown): NotYet {
  return new NotYet(seen);
}

type Look<T> = () => Promise<T | NotYet | undefined | false> | T | NotYet | undefined | false;

/** The first thing that `look` finds; a look that throws has not found it yet. */
export async function until<T>(what: string, look: Look<T>, withinMs = 30_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let seen: T | NotYet | undefined | false;
    let cause: unknown;
    try {
      seen = await look();
    } catch (error) {
      cause = error;
    }
    if (seen !== undefined && seen !== false && !(seen instanceof NotYet)) {
      return seen;
    }
    if (performance.now() > deadline) {
      const last = seen instanceof NotYet ? JSON.stringify(seen.seen).slice(0, seenCharsMax) : '';
      throw new Error(`waited ${withinMs / 1_000} s in vain: ${what}\nlast seen: ${last}`, {
        cause,
      });
    }
    await new Promise((resolve) => {
      setTimeout(resolve, lookEveryMs);
    });
  }
}
