// `maxRate` and `epsilon`: per session and address, what was told last and when. What comes too
// soon waits, the newest alone, until it may be told; what changed too little is not told. Events,
// timelines and the beginnings and ends of gestures are news, each of them, and pass always.
import type { Clock } from '@hansa/foundation';
import { ownBytes } from '../frames/frame-writer.ts';
import { routerLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Param } from './param.ts';
import type { Timer, Timers } from './timers.ts';

/** What a subscription asks for; see `Subscription`. */
export interface GateLimit {
  readonly types: number;
  readonly intervalMs: number;
  readonly epsilon: number;
  readonly ended: boolean;
}

export interface GatesNeeds {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly frameOf: (param: Param) => Uint8Array;
}

/** One message on its way through the gate of its address. */
export interface Passing {
  readonly key: string;
  readonly bit: number;
  readonly frame: Uint8Array;
  /** Undefined where the value is no number: then `epsilon` says nothing. */
  readonly number: number | undefined;
  /** Set where it is a param's change, which is told as it is when its time comes. */
  readonly param?: Param | undefined;
}

export interface Gates {
  pass(limits: readonly GateLimit[], passing: Passing): void;
  /** What waits for the key is told now, before what follows it. */
  flush(key: string): void;
  close(): void;
  readonly size: number;
}

interface Waiting {
  readonly passing: Passing;
  readonly limits: readonly GateLimit[];
}

interface Gate {
  readonly key: string;
  toldMs: number;
  number: number | undefined;
  waiting: Waiting | undefined;
  timer: Timer | undefined;
}

export function createGates(needs: GatesNeeds): Gates {
  return new GateBook(needs);
}

class GateBook implements Gates {
  readonly #needs: GatesNeeds;
  readonly #gates = new Map<string, Gate>();

  constructor(needs: GatesNeeds) {
    this.#needs = needs;
  }

  get size(): number {
    return this.#gates.size;
  }

  pass(limits: readonly GateLimit[], passing: Passing): void {
    const gate = this.#gates.get(passing.key);
    if (gate === undefined) {
      this.#tell(this.#opened(passing.key), passing);
      return;
    }
    const mayMs = earliest(gate, limits, passing);
    if (mayMs === undefined) {
      drop(gate); // what waits is older, and as near to what was told
    } else if (mayMs <= this.#needs.clock.monotonicMs()) {
      this.#tell(gate, passing);
    } else {
      this.#wait(gate, mayMs, { passing, limits });
    }
  }

  flush(key: string): void {
    const gate = this.#gates.get(key);
    if (gate !== undefined) {
      this.#flush(gate);
    }
  }

  close(): void {
    this.#gates.forEach(drop);
    this.#gates.clear();
  }

  #opened(key: string): Gate {
    if (this.#gates.size >= routerLimits.gatesMax) {
      this.#forgetOldest();
    }
    const gate: Gate = { key, toldMs: 0, number: undefined, waiting: undefined, timer: undefined };
    this.#gates.set(key, gate);
    return gate;
  }

  /** A quarter at once, those first that were made first; they are made anew when they speak. */
  #forgetOldest(): void {
    let left = routerLimits.gatesMax / 4;
    for (const oldest of this.#gates.values()) {
      this.#flush(oldest);
      this.#gates.delete(oldest.key);
      left -= 1;
      if (left <= 0) {
        return;
      }
    }
  }

  #tell(gate: Gate, passing: Passing): void {
    const { clock, outbox } = this.#needs;
    gate.toldMs = clock.monotonicMs();
    gate.number = passing.number;
    drop(gate);
    if (passing.param === undefined) {
      outbox.fleeting(passing.frame);
    } else {
      outbox.param(passing.param, passing.frame);
    }
  }

  #wait(gate: Gate, untilMs: number, { passing, limits }: Waiting): void {
    gate.waiting = { passing: { ...passing, frame: ownBytes(passing.frame) }, limits };
    if (gate.timer === undefined || gate.timer.atMs > untilMs) {
      gate.timer?.cancel();
      gate.timer = this.#needs.timers.at(untilMs, () => this.#flush(gate));
    }
  }

  #flush(gate: Gate): void {
    const { waiting } = gate;
    drop(gate);
    if (waiting === undefined || waiting.limits.every((limit) => limit.ended)) {
      return;
    }
    const { param } = waiting.passing;
    if (param === undefined) {
      this.#tell(gate, waiting.passing);
    } else if (!param.gone) {
      this.#tell(gate, { ...waiting.passing, frame: this.#needs.frameOf(param) });
    }
  }
}

function drop(gate: Gate): void {
  gate.waiting = undefined;
  gate.timer?.cancel();
  gate.timer = undefined;
}

/** When the least strict of the subscriptions lets it through; undefined where none does. */
function earliest(
  gate: Gate,
  limits: readonly GateLimit[],
  { bit, number }: Passing,
): number | undefined {
  let earliestMs: number | undefined;
  for (const limit of limits) {
    if ((limit.types & bit) === 0 || isNear(gate.number, number, limit.epsilon)) {
      continue;
    }
    const mayMs = gate.toldMs + limit.intervalMs;
    earliestMs = earliestMs === undefined ? mayMs : Math.min(earliestMs, mayMs);
  }
  return earliestMs;
}

/** Never true of NaN: what cannot be compared is told. */
function isNear(told: number | undefined, now: number | undefined, epsilon: number): boolean {
  return told !== undefined && now !== undefined && Math.abs(now - told) < epsilon;
}
