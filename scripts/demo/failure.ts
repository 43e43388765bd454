// Why the demonstration stops: the step that failed and its cause, for people and for the exit
// code.

export class DemoFailure extends Error {
  readonly fix: string | undefined;

  constructor(message: string, options: { cause?: unknown; fix?: string } = {}) {
    super(message, { cause: options.cause });
    this.fix = options.fix;
  }
}

export function require(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new DemoFailure(message);
  }
}

/** Waits for what must come true; `what` names it in the failure. */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) {
      return seen;
    }
    if (Date.now() > deadline) {
      throw new DemoFailure(`waited ${withinMs / 1_000} s in vain: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}
