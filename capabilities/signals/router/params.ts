// The state: params by address, with revisions, strategies, locks and lifetimes. It knows no frame
// and no session; who writes is a text, and who is told is the caller's business.
import type { Clock } from '@hansa/foundation';
import { snapshotEntryBytesMax } from '../frames/limits.ts';
import { signalErrors, type WireValue } from '../frames/messages.ts';
import { textLength } from '../frames/text.ts';
import { keptValue } from '../frames/values.ts';
import { routerLimits } from './limits.ts';
import { createLocks, type Locks } from './locks.ts';
import type { Param, ParamWrite, Refusal, Strategy } from './param.ts';
import { holderAfter, refusalOf, valueAfter } from './strategies.ts';
import type { Timers } from './timers.ts';
import { createRoom, noRoom, weightOf, type Amount, type Room } from './room.ts';
import { isAbsolute, secondsOf } from './ttl.ts';
import { createTombstones, type Tombstones } from './tombstones.ts';

/** What a SNAPSHOT says of a param beside address, value and writer: lengths, type, times. */
const snapshotEntryOverheadBytes = 24;
/** How many are compared when one has to go: a choice nearly as good as looking at all. */
const evictionSample = 16;

export interface ParamsNeeds {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly paramsMax: number;
  readonly paramBytesMax: number;
  /** What to do with a new address when all places are taken. */
  readonly atCapacity: 'refuse' | 'evict';
  /** How long a param lives that came without a ttl; 0 for ever. */
  readonly ttlSecondsOf: (address: string) => number;
  readonly strategyOf: (address: string) => Strategy;
  /** A param's time is over, or its place was needed. */
  readonly removed?: ((param: Param) => void) | undefined;
}

/** What was stored before, as it is put back at a start. */
export interface StoredParam {
  readonly address: string;
  readonly value: WireValue;
  readonly revision: number;
  readonly writer: string;
  readonly timestamp: number;
  readonly ttl?: number | undefined;
}

/** One write of a batch as it was taken; a later one of the same batch may have changed it. */
export interface Written {
  readonly param: Param;
  readonly write: ParamWrite;
  readonly value: WireValue;
  readonly revision: number;
}

/** How a batch of writes that is taken whole or not at all ended. */
export type BatchOutcome = { readonly written: readonly Written[] } | Refusal;

export interface Params {
  readonly size: number;
  get(address: string): Param | undefined;
  /** The param as it is after the write; a refusal has changed nothing. */
  write(write: ParamWrite): Param | Refusal;
  /** All in order, each seeing those before it, or none. */
  writeAll(writes: readonly ParamWrite[]): BatchOutcome;
  /** A read prolongs a sliding life. */
  read(address: string): Param | undefined;
  /** Its sliding life begins anew; it is not used by that. */
  prolong(address: string): void;
  /** Frees all locks of a writer that left. */
  release(writer: string): void;
  /** In the order they came; what comes or goes while one walks is harmless. */
  all(): IterableIterator<Param>;
  /** Above every `born` there is. */
  readonly newest: number;
  /** False where its time was over before it came back. */
  restore(stored: StoredParam): boolean;
  remove(address: string): void;
  /** From now on no address gets a revision that is not above it. */
  revisionsAbove(floor: number): void;
}

export function createParams(needs: ParamsNeeds): Params {
  return new ParamTable(needs);
}

type Made = Pick<ParamWrite, 'address' | 'maker'>;

class ParamTable implements Params {
  readonly #needs: ParamsNeeds;
  readonly #params = new Map<string, Param>();
  readonly #locks: Locks = createLocks();
  readonly #tombstones: Tombstones = createTombstones(routerLimits.tombstonesMax);
  readonly #room: Room;
  #born = 0;
  #sampling: IterableIterator<Param>;

  constructor(needs: ParamsNeeds) {
    this.#needs = needs;
    this.#room = createRoom(needs);
    this.#sampling = this.#params.values();
  }

  get size(): number {
    return this.#params.size;
  }

  get newest(): number {
    return this.#born;
  }

  get(address: string): Param | undefined {
    return this.#params.get(address);
  }

  read(address: string): Param | undefined {
    const param = this.#params.get(address);
    if (param !== undefined && !isAbsolute(param.ttl)) {
      this.#prolong(param);
    }
    return param;
  }

  prolong(address: string): void {
    const param = this.#params.get(address);
    if (param !== undefined && !isAbsolute(param.ttl)) {
      this.#prolong(param, param.accessedMs);
    }
  }

  all(): IterableIterator<Param> {
    return this.#params.values();
  }

  write(write: ParamWrite): Param | Refusal {
    const known = this.#params.get(write.address);
    if (known === undefined) {
      return this.#refusalOfNew(write) ?? this.#add(write);
    }
    const refusal = refusalOf(known, write) ?? this.#refusalOfSize(known, write);
    if (refusal !== undefined) {
      return refusal;
    }
    this.#change(known, write);
    return known;
  }

  writeAll(writes: readonly ParamWrite[]): BatchOutcome {
    const refusal = this.#rehearse(writes);
    if (refusal !== undefined) {
      return refusal;
    }
    const written = writes.map((write): Written => {
      const known = this.#params.get(write.address);
      const param = known ?? this.#add(write);
      if (known !== undefined) {
        this.#change(known, write);
      }
      return { param, write, value: param.value, revision: param.revision };
    });
    return { written };
  }

  release(writer: string): void {
    this.#locks.release(writer);
  }

  restore(stored: StoredParam): boolean {
    const { clock } = this.#needs;
    const param = this.#record(stored);
    param.revision = Math.max(param.revision, stored.revision);
    param.writer = stored.writer;
    param.timestamp = stored.timestamp;
    param.ttl = stored.ttl;
    const seconds = secondsOf(param.ttl ?? this.#needs.ttlSecondsOf(param.address));
    // A life that reads prolong begins anew: of who has read it nothing is stored.
    const sinceMs = isAbsolute(param.ttl) ? clock.now() - stored.timestamp / 1_000 : 0;
    const agedMs = Math.max(0, sinceMs);
    if (seconds !== undefined && seconds * 1_000 <= agedMs) {
      return false;
    }
    if (this.#params.has(stored.address)) {
      return true; // somebody was quicker, and is newer
    }
    this.#place(param);
    if (seconds !== undefined) {
      param.deadlineMs -= agedMs;
      this.#sweepAt(param, param.deadlineMs);
    }
    return true;
  }

  revisionsAbove(floor: number): void {
    this.#tombstones.raise(floor);
  }

  remove(address: string): void {
    const param = this.#params.get(address);
    if (param !== undefined) {
      this.#remove(param);
    }
  }

  /**
   * Judges every write on drafts of what those before it leave, so that a batch is known to pass
   * before anything of it happened.
   */
  #rehearse(writes: readonly ParamWrite[]): Refusal | undefined {
    const drafts = new Map<string, Param>();
    const added = { count: 0, bytes: 0 };
    for (const write of writes) {
      const known = drafts.get(write.address) ?? this.#params.get(write.address);
      const refusal =
        known === undefined
          ? tooLarge(write.address, textLength(write.address), write)
          : (refusalOf(known, write) ?? this.#refusalOfSize(known, write));
      if (refusal !== undefined) {
        return refusal;
      }
      const draft = known === undefined ? this.#record(write) : { ...known };
      if (known === undefined) {
        added.count += 1;
        added.bytes += weightOf(draft);
      } else {
        draft.value = valueAfter(known, write);
        added.bytes += draft.value.data.length - known.value.data.length;
      }
      draft.holder = holderAfter(draft.holder, draft.strategy, write);
      draft.revision += 1;
      drafts.set(write.address, draft);
      // A batch evicts nobody: what it would push out may be what it is about to write.
      const full = this.#refusalOfRoom(write, added);
      if (full !== undefined) {
        return full;
      }
    }
    return undefined;
  }

  #refusalOfNew(write: ParamWrite): Refusal | undefined {
    const refusal = tooLarge(write.address, textLength(write.address), write);
    if (refusal !== undefined) {
      return refusal;
    }
    const more = { count: 1, bytes: weightOf(write) };
    const isFull = (): boolean => this.#room.refusal(write.maker, more) === noRoom;
    while (this.#needs.atCapacity === 'evict' && isFull()) {
      if (!this.#evict()) {
        break;
      }
    }
    return this.#refusalOfRoom(write, more);
  }

  #refusalOfRoom({ address, maker }: Made, more: Amount): Refusal | undefined {
    const message = this.#room.refusal(maker, more);
    return message === undefined ? undefined : { code: signalErrors.conflict, message, address };
  }

  #refusalOfSize(param: Param, write: ParamWrite): Refusal | undefined {
    const after = param.strategy === 'merge' ? valueAfter(param, write) : write.value;
    const grown = after.data.length - param.value.data.length;
    return (
      (grown > 0 ? this.#refusalOfRoom(param, { count: 0, bytes: grown }) : undefined) ??
      tooLarge(write.address, param.addressBytes, { value: after, writer: write.writer })
    );
  }

  #add(write: ParamWrite): Param {
    const param = this.#record({ ...write, value: keptValue(write.value) });
    this.#stamp(param, write);
    this.#place(param);
    return param;
  }

  #change(param: Param, write: ParamWrite): void {
    const value = valueAfter(param, write);
    const bytes = value.data.length - param.value.data.length;
    if (bytes !== 0) {
      this.#room.take(param.maker, { count: 0, bytes });
    }
    // What was merged is new already; what came in a frame must not keep the frame alive.
    param.value = value === write.value ? keptValue(value) : value;
    this.#stamp(param, write);
    this.#prolong(param);
  }

  #stamp(param: Param, write: ParamWrite): void {
    param.revision += 1;
    param.writer = write.writer;
    param.link = write.link;
    param.timestamp = this.#needs.clock.now() * 1_000;
    if (write.ttl !== undefined) {
      param.ttl = write.ttl;
    }
    this.#locks.give(param, holderAfter(param.holder, param.strategy, write));
  }

  #record({ address, value, maker }: Made & Pick<Param, 'value'>): Param {
    return {
      address,
      addressBytes: textLength(address),
      born: 0,
      strategy: this.#needs.strategyOf(address),
      value,
      revision: this.#tombstones.last(address),
      writer: '',
      maker,
      timestamp: 0,
      holder: undefined,
      ttl: undefined,
      link: undefined,
      accessedMs: 0,
      deadlineMs: Number.POSITIVE_INFINITY,
      sweep: undefined,
      gone: false,
    };
  }

  #place(param: Param): void {
    this.#born += 1;
    param.born = this.#born;
    this.#params.set(param.address, param);
    this.#tombstones.delete(param.address);
    this.#room.take(param.maker, { count: 1, bytes: weightOf(param) });
    this.#prolong(param);
  }

  #prolong(param: Param, accessedMs = this.#needs.clock.monotonicMs()): void {
    const nowMs = this.#needs.clock.monotonicMs();
    const seconds = secondsOf(param.ttl ?? this.#needs.ttlSecondsOf(param.address));
    param.accessedMs = accessedMs;
    param.deadlineMs = seconds === undefined ? Number.POSITIVE_INFINITY : nowMs + seconds * 1_000;
    // A later deadline is found when the earlier one rings: a write sets no timer then.
    if (param.deadlineMs < (param.sweep?.atMs ?? Number.POSITIVE_INFINITY)) {
      this.#sweepAt(param, param.deadlineMs);
    }
  }

  #sweepAt(param: Param, atMs: number): void {
    param.sweep?.cancel();
    param.sweep = this.#needs.timers.at(atMs, () => {
      param.sweep = undefined;
      if (param.deadlineMs <= this.#needs.clock.monotonicMs()) {
        this.#remove(param);
      } else if (param.deadlineMs < Number.POSITIVE_INFINITY) {
        this.#sweepAt(param, param.deadlineMs);
      }
    });
  }

  #remove(param: Param): void {
    param.gone = true;
    param.sweep?.cancel();
    param.sweep = undefined;
    this.#locks.give(param, undefined);
    this.#params.delete(param.address);
    this.#room.take(param.maker, { count: -1, bytes: -weightOf(param) });
    this.#tombstones.set(param.address, param.revision);
    this.#needs.removed?.(param);
  }

  /** The longest unused of some; nobody loses what is locked. False where nothing may go. */
  #evict(): boolean {
    let oldest: Param | undefined;
    for (let looked = 0; looked < evictionSample; looked += 1) {
      const param = this.#sample();
      if (param === undefined) {
        break;
      }
      const isOlder = oldest === undefined || param.accessedMs < oldest.accessedMs;
      oldest = param.holder === undefined && isOlder ? param : oldest;
    }
    if (oldest === undefined) {
      return false;
    }
    this.#remove(oldest);
    return true;
  }

  #sample(): Param | undefined {
    const next = this.#sampling.next();
    if (next.done !== true) {
      return next.value;
    }
    this.#sampling = this.#params.values();
    const first = this.#sampling.next();
    return first.done === true ? undefined : first.value;
  }
}

/** What no SNAPSHOT could carry is not taken: it would be lost on every late joiner. */
function tooLarge(
  address: string,
  addressBytes: number,
  { value, writer }: { readonly value: WireValue; readonly writer: string },
): Refusal | undefined {
  const bytes = addressBytes + value.data.length + textLength(writer) + snapshotEntryOverheadBytes;
  return bytes > snapshotEntryBytesMax
    ? { code: signalErrors.value, message: 'the value is too large for a snapshot', address }
    : undefined;
}
