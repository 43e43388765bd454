// Ends of lines for tests: what they were told is written down.
import type { AcceptLine, Line, LineEvents } from '@hansa/capabilities/signals/frames/line';
import { expect, vi } from 'vitest';

/** One end of a line, as a router or a client would hold it. */
export interface End extends LineEvents {
  readonly line: Line;
  readonly frames: Uint8Array[];
  readonly reasons: string[];
  drains: number;
  pongs: number;
}

export function ends(onFrame: (end: End, frame: Uint8Array) => void = () => undefined): {
  readonly all: End[];
  readonly accept: AcceptLine;
} {
  const all: End[] = [];
  return {
    all,
    accept(line) {
      const end: End = {
        line,
        frames: [],
        reasons: [],
        drains: 0,
        pongs: 0,
        frame(bytes) {
          end.frames.push(bytes);
          onFrame(end, bytes);
        },
        drained: () => void (end.drains += 1),
        alive: () => void (end.pongs += 1),
        closed: (reason) => void end.reasons.push(reason),
      };
      all.push(end);
      return end;
    },
  };
}

export async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 5 });
}

/** Bytes that tell when one is missing. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7);
}
