// Whether what clients heard of one object can have come from that object doing one thing after the
// other. Wing and Gong's search (1993) with Lowe's memory of configurations that led nowhere
// (2017): a configuration is which operations have been placed and what state that gave.

/** What an object may answer. States are told apart by their text. */
export interface Model<State, Op> {
  readonly initial: State;
  /** The state after the operation; undefined where it cannot have been answered so. */
  step(state: State, op: Op): { readonly state: State } | undefined;
  text(state: State): string;
}

/** An operation between its call and its answer: places in one order of all of them. */
export interface Interval<Op> {
  readonly op: Op;
  readonly start: number;
  /** Infinity where no answer came: it may have happened at any time since, or never. */
  readonly end: number;
}

export type Verdict<Op> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  /** The longest order that fits, and the operation that no order could get past. */
  | { readonly verdict: 'violation'; readonly placed: readonly Op[]; readonly stuck: Op }
  /** More steps than allowed: nothing is known. */
  | { readonly verdict: 'undecided'; readonly steps: number };

// seconds of work and some hundred MB of configurations; real histories need a few thousand steps
export const stepsMax = 2_000_000;

/** A call or an answer, in a list from which what is placed is taken out and put back. */
interface Entry<Op> {
  readonly id: number;
  readonly interval: Interval<Op>;
  /** Of a call: its answer. None where there is none, or where this is one. */
  answer: Entry<Op> | undefined;
  readonly isCall: boolean;
  before: Entry<Op> | undefined;
  after: Entry<Op> | undefined;
}

export function checkLinearizable<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
  limit: number = stepsMax,
): Verdict<Op> {
  const head = listOf(intervals);
  const search = createSearch(model, intervals);
  let entry = head.after;
  for (let steps = 0; search.open > 0; steps += 1) {
    if (steps > limit) {
      return { verdict: 'undecided', steps };
    }
    if (entry === undefined) {
      return search.violation();
    }
    if (entry.isCall) {
      entry = search.place(entry) ? head.after : entry.after;
    } else {
      // Whoever was answered by now has to be placed by now: something before stands wrong.
      search.stuckAt(entry);
      entry = search.takeBack();
    }
  }
  return { verdict: 'linearizable', steps: search.placings };
}

interface Search<Op> {
  /** Operations with an answer that are not placed. */
  readonly open: number;
  readonly placings: number;
  place(call: Entry<Op>): boolean;
  /** The entry after the last that was placed, which no longer is; undefined where none was. */
  takeBack(): Entry<Op> | undefined;
  stuckAt(answer: Entry<Op>): void;
  violation(): Verdict<Op>;
}

function createSearch<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
): Search<Op> {
  const placed = new Uint32Array(Math.ceil(intervals.length / 32));
  const seen = new Set<string>();
  const path: { readonly call: Entry<Op>; readonly before: State }[] = [];
  let state = model.initial;
  let open = intervals.filter(({ end }) => Number.isFinite(end)).length;
  let placings = 0;
  let longest: readonly Op[] = [];
  let stuck: Entry<Op> | undefined;
  return {
    get open() {
      return open;
    },
    get placings() {
      return placings;
    },
    place(call) {
      const stepped = model.step(state, call.interval.op);
      if (stepped === undefined) {
        return false;
      }
      flip(placed, call.id);
      const configuration = `${placed.join(',')} ${model.text(stepped.state)}`;
      if (seen.has(configuration)) {
        flip(placed, call.id);
        return false;
      }
      seen.add(configuration);
      path.push({ call, before: state });
      state = stepped.state;
      open -= call.answer === undefined ? 0 : 1;
      placings += 1;
      takeOut(call);
      return true;
    },
    takeBack() {
      const last = path.pop();
      if (last === undefined) {
        return undefined;
      }
      state = last.before;
      flip(placed, last.call.id);
      open += last.call.answer === undefined ? 0 : 1;
      putBack(last.call);
      return last.call.after;
    },
    stuckAt(answer) {
      if (stuck === undefined || path.length > longest.length) {
        longest = path.map(({ call }) => call.interval.op);
        stuck = answer;
      }
    },
    violation() {
      const op = stuck?.interval.op;
      if (op === undefined) {
        throw new Error('a search that failed was stuck nowhere');
      }
      return { verdict: 'violation', placed: longest, stuck: op };
    },
  };
}

function flip(bits: Uint32Array, at: number): void {
  const word = at >>> 5;
  bits[word] = ((bits[word] ?? 0) ^ (1 << (at & 31))) >>> 0;
}

/** Calls and answers in order behind a head that is neither. */
function listOf<Op>(intervals: readonly Interval<Op>[]): Entry<Op> {
  const entries: { readonly at: number; readonly entry: Entry<Op> }[] = [];
  for (const [id, interval] of intervals.entries()) {
    const free = { id, interval, answer: undefined, before: undefined, after: undefined };
    const call: Entry<Op> = { ...free, isCall: true };
    entries.push({ at: interval.start, entry: call });
    if (Number.isFinite(interval.end)) {
      call.answer = { ...free, isCall: false };
      entries.push({ at: interval.end, entry: call.answer });
    }
  }
  const sorted = entries.toSorted((a, b) => a.at - b.at).map(({ entry }) => entry);
  const nothing = { op: undefined as Op, start: 0, end: 0 };
  const head: Entry<Op> = {
    id: -1,
    interval: nothing,
    answer: undefined,
    isCall: false,
    before: undefined,
    after: undefined,
  };
  let last = head;
  for (const entry of sorted) {
    last.after = entry;
    entry.before = last;
    last = entry;
  }
  return head;
}

function takeOut<Op>(call: Entry<Op>): void {
  unhook(call);
  if (call.answer !== undefined) {
    unhook(call.answer);
  }
}

/** In the reverse order, so that each neighbour is where it was. */
function putBack<Op>(call: Entry<Op>): void {
  if (call.answer !== undefined) {
    rehook(call.answer);
  }
  rehook(call);
}

function unhook<Op>(entry: Entry<Op>): void {
  if (entry.before !== undefined) {
    entry.before.after = entry.after;
  }
  if (entry.after !== undefined) {
    entry.after.before = entry.before;
  }
}

function rehook<Op>(entry: Entry<Op>): void {
  if (entry.before !== undefined) {
    entry.before.after = entry;
  }
  if (entry.after !== undefined) {
    entry.after.before = entry;
  }
}
