// The objects whose histories are checked, each as it would be with one client: a register that can
// be compared and set, and a counter. And how recorded operations are read as theirs.
import type { Interval, Model } from './linearizable.ts';
import type { Operation } from './history.ts';

/** Null: there is none. */
export type Value = string | null;

export type RegisterOp =
  | { readonly kind: 'read'; readonly value: Value }
  | { readonly kind: 'write'; readonly value: Value }
  /** `found` where the comparison failed; neither is known where no answer came. */
  | {
      readonly kind: 'cas';
      readonly from: Value;
      readonly to: Value;
      readonly done: boolean | 'unknown';
      readonly found?: Value;
    };

export const registerModel: Model<Value, RegisterOp> = {
  initial: null,
  text: (value) => (value === null ? '-' : `=${value}`),
  step(state, op) {
    if (op.kind === 'read') {
      return op.value === state ? { state } : undefined;
    }
    if (op.kind === 'write') {
      return { state: op.value };
    }
    const fits = op.from === state;
    if (op.done === 'unknown') {
      return { state: fits ? op.to : state };
    }
    if (op.done) {
      return fits ? { state: op.to } : undefined;
    }
    return !fits && op.found === state ? { state } : undefined;
  },
};

export type CounterOp =
  | { readonly kind: 'read'; readonly value: number }
  /** `result` is what it had become; undefined where no answer came. */
  | { readonly kind: 'add'; readonly by: number; readonly result: number | undefined };

export const counterModel: Model<number, CounterOp> = {
  initial: 0,
  text: String,
  step(state, op) {
    if (op.kind === 'read') {
      return op.value === state ? { state } : undefined;
    }
    const after = state + op.by;
    return op.result === undefined || op.result === after ? { state: after } : undefined;
  },
};

/** How a workload spells the operations of a register: `get`, `put`, `cas`. */
export interface CasAsked {
  readonly from: Value;
  readonly to: Value;
}

export interface CasHeard {
  readonly done: boolean;
  readonly found: Value;
}

/** Operations of one key; those that certainly did nothing, and reads without answers, fall out. */
export function registerIntervals(operations: readonly Operation[]): Interval<RegisterOp>[] {
  const all = operations.flatMap((one): Interval<RegisterOp>[] => {
    const op = one.outcome === 'fail' ? undefined : registerOp(one);
    return op === undefined ? [] : [{ op, start: one.start, end: one.end }];
  });
  const seen = observed(all.map(({ op }) => op));
  return all.filter(({ op, end }) => Number.isFinite(end) || seen.has(writtenBy(op)));
}

function registerOp({ operation, outcome, value, heard }: Operation): RegisterOp | undefined {
  const known = outcome === 'ok';
  switch (operation) {
    case 'get':
      return known ? { kind: 'read', value: heard as Value } : undefined;
    case 'put':
      return { kind: 'write', value: value as Value };
    case 'cas': {
      const { from, to } = value as CasAsked;
      const answer = heard as CasHeard | undefined;
      return answer === undefined
        ? { kind: 'cas', from, to, done: 'unknown' }
        : { kind: 'cas', from, to, done: answer.done, found: answer.found };
    }
    default:
      throw new Error(`a register knows no ${operation}`);
  }
}

/**
 * A write without an answer whose value nobody ever saw explains nothing, and doubles the work: it
 * is left out. What others saw, or compared with, stays.
 */
function observed(ops: readonly RegisterOp[]): ReadonlySet<Value> {
  const seen = new Set<Value>([null]);
  for (const op of ops) {
    if (op.kind === 'read') {
      seen.add(op.value);
    } else if (op.kind === 'cas') {
      seen.add(op.done === false ? (op.found ?? null) : op.from);
    }
  }
  return seen;
}

function writtenBy(op: RegisterOp): Value {
  return op.kind === 'cas' ? op.to : op.value;
}

/** `add` asks how much and hears what it became; `get` hears what it is. */
export function counterIntervals(operations: readonly Operation[]): Interval<CounterOp>[] {
  return operations.flatMap((one): Interval<CounterOp>[] => {
    const { operation, outcome, value, heard, start, end } = one;
    if (outcome === 'fail' || (operation === 'get' && outcome === 'unknown')) {
      return [];
    }
    const op: CounterOp =
      operation === 'get'
        ? { kind: 'read', value: heard as number }
        : { kind: 'add', by: value as number, result: heard as number | undefined };
    return [{ op, start, end }];
  });
}
