// Claims on lines: who stands first, holds. For locks, semaphores and elections, which differ only
// in whom a line lets in. All of it is in the store, and every step compares and sets: two
// processes may run this at once, and a third may go on where they died.
import type { Clock } from '../clock.ts';
import { HansaError } from '../errors.ts';
import { createKeyedMutex } from '../mutex.ts';
import type { StoreBell } from '../store/bell.ts';
import type { KeyValueStore, LeaseId } from '../store/store.ts';
import {
  claimsPerLineMax,
  linesMax,
  type Claim,
  type ClaimTables,
  type Order,
  type Standing,
} from './claim.ts';
import { holding, type Holding } from './holding.ts';
import { Lines, type Entering, type LineView, type Look } from './lines.ts';
import {
  busy,
  granted,
  keepAlive,
  ownStanding,
  putAgain,
  requireWanted,
  revoke,
  withLease,
  type ClaimAsked,
  type Granted,
} from './steps.ts';

export interface ClaimsNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: ClaimTables;
  readonly bell: StoreBell;
  readonly order: Order;
  /** `lock`: for sentences. */
  readonly noun: string;
  /** Its lines have a capacity, which the first claim gives. */
  readonly counted?: boolean;
  /** Fewer than `linesMax` for tests. */
  readonly linesMax?: number | undefined;
}

export interface Claims extends Holding {
  /** COORDINATION_BUSY where the wait is over. Asked again by its holder, it is the same claim. */
  claim(asked: ClaimAsked, signal?: AbortSignal): Promise<Granted>;
}

const attemptsMax = 64; // each lost one means that another process has come further
const placeSeconds = 10; // a place in a line outlives the process that keeps it by this
const placeBeatMs = 3_000; // three beats may be lost

interface Place {
  readonly entered: readonly Entering[];
  readonly lease: LeaseId;
}

interface Waiting {
  readonly untilMs: number;
  readonly signal: AbortSignal | undefined;
}

export function createClaims(needs: ClaimsNeeds): Claims {
  const lines = new Lines({ ...needs, linesMax: needs.linesMax ?? linesMax });
  const claiming = new Claiming(needs, lines);
  return {
    claim: (asked, signal) => claiming.claim(asked, signal),
    ...holding({ ...needs, lines }),
  };
}

class Claiming {
  readonly #needs: ClaimsNeeds;
  readonly #lines: Lines;
  // Not for safety: callers of one process would only make each other's transactions fail.
  readonly #turns = createKeyedMutex<string>();

  constructor(needs: ClaimsNeeds, lines: Lines) {
    this.#needs = needs;
    this.#lines = lines;
  }

  async claim(asked: ClaimAsked, signal?: AbortSignal): Promise<Granted> {
    const untilMs = this.#needs.clock.monotonicMs() + asked.waitMs;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      requireWanted(signal);
      const step = await this.#inTurn(asked.names, () => this.#step(asked, signal));
      if (step === undefined) {
        continue;
      }
      const done = 'tokens' in step ? step : await this.#wait(asked, step, { untilMs, signal });
      if (done !== undefined) {
        return done;
      }
    }
    throw new HansaError('CONFLICT', `the ${this.#needs.noun} changes too fast`, {
      fix: 'try again',
    });
  }

  #inTurn<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    // In one order, whatever order was asked: two sets never wait for each other.
    return names
      .toSorted()
      .reduceRight((inner, name) => () => this.#turns.run(name, inner), work)();
  }

  /** Granted, or a place to wait at; undefined where it has to be decided again. */
  async #step(
    asked: ClaimAsked,
    signal: AbortSignal | undefined,
  ): Promise<Granted | Place | undefined> {
    const look = await this.#lines.look(asked.names);
    const before = this.#ownClaims(asked, look);
    if (before !== undefined) {
      return this.#resume(asked, before);
    }
    const claim = this.#claimOf(asked);
    this.#requireCapacity(asked, look);
    const free = look.views.every((view) =>
      this.#needs.order.admits(view.standing, claim, lineOf(view, asked)),
    );
    if (!free && asked.waitMs === 0) {
      throw busy(this.#needs.noun, asked, look);
    }
    await this.#requireRoom(look);
    const seconds = free ? asked.ttlSeconds : placeSeconds;
    return withLease(this.#needs.store, seconds, async (lease) => {
      const how = { lease, capacity: asked.capacity ?? 0 };
      const entered = await this.#lines.enter(look, { ...claim, granted: free }, how);
      if (entered === undefined) {
        return undefined;
      }
      if (free) {
        requireWanted(signal);
      }
      return free ? granted(asked, entered) : { entered, lease };
    });
  }

  #claimOf(asked: ClaimAsked): Claim {
    const { holder, mode = 'exclusive', weight = 1, ttlSeconds, data = '' } = asked;
    const sinceMs = this.#needs.clock.now();
    return { holder, mode, weight, granted: false, ttlSeconds, sinceMs, data };
  }

  /** Of a line that counts: it is there, it is the same, and the claim fits into it. */
  #requireCapacity({ capacity, weight = 1 }: ClaimAsked, { views }: Look): void {
    const { noun, counted = false } = this.#needs;
    for (const { name, line } of counted ? views : []) {
      const has = line?.capacity ?? capacity;
      if (has === undefined) {
        throw new HansaError('COORDINATION_NOT_FOUND', `there is no ${noun} "${name}"`, {
          fix: 'give its capacity: the first who asks makes it',
        });
      }
      const facts = { name, capacity: has };
      if (capacity !== undefined && capacity !== has) {
        const sentence = `the ${noun} "${name}" has a capacity of ${has}, not ${capacity}`;
        throw new HansaError('COORDINATION_DIFFERS', sentence, { facts });
      }
      if (weight > has) {
        const sentence = `the ${noun} "${name}" has ${has} in all: ${weight} would never come`;
        throw new HansaError('COORDINATION_DIFFERS', sentence, { facts });
      }
    }
  }

  async #requireRoom(look: Look): Promise<void> {
    const full = look.views.find(({ standing }) => standing.length >= claimsPerLineMax);
    if (full !== undefined) {
      throw new HansaError(
        'COORDINATION_FULL',
        `${claimsPerLineMax} hold or wait for the ${this.#needs.noun} "${full.name}" already`,
      );
    }
    if (!(await this.#lines.makeRoom(look))) {
      const limit = this.#needs.linesMax ?? linesMax;
      throw new HansaError('COORDINATION_FULL', `${limit} names are claimed at once already`);
    }
  }

  /** What this holder has in these very lines; a part of them, or in another mode, is CONFLICT. */
  #ownClaims(asked: ClaimAsked, look: Look): readonly Standing[] | undefined {
    const own = look.views.flatMap(({ standing }) =>
      standing.filter(({ claim }) => claim.holder === asked.holder).slice(0, 1),
    );
    if (own.length === 0) {
      return undefined;
    }
    const { mode = 'exclusive', weight = 1 } = asked;
    const same = own.every(
      ({ claim, lease }) =>
        claim.mode === mode && claim.weight === weight && lease === own[0]?.lease,
    );
    if (!same || own.length !== asked.names.length) {
      throw new HansaError(
        'CONFLICT',
        `${asked.holder} claims a part of this already, or in another way`,
        { fix: 'let each party have a holder of its own, or release that first' },
      );
    }
    return own;
  }

  /** The answer to the first call was lost, or its node: the claim is the same. */
  async #resume(asked: ClaimAsked, own: readonly Standing[]): Promise<Granted | Place | undefined> {
    const entered = asked.names.map((name, at) => ({ name, ticket: own[at]?.ticket ?? 0 }));
    if (own.every(({ claim }) => claim.granted)) {
      return this.#takeOver(asked, { entered, own });
    }
    if (asked.waitMs === 0) {
      throw busy(this.#needs.noun, asked, await this.#lines.look(asked.names));
    }
    return withLease(this.#needs.store, placeSeconds, async (lease) => {
      const done = await putAgain(this.#needs, { entered, own }, { lease, changed: {} });
      return done ? { entered, lease } : undefined;
    });
  }

  /**
   * What another call of the same holder was granted: under a lease of this call's own from now on,
   * since the other may find that its caller has gone, and give back what it has.
   */
  #takeOver(
    asked: ClaimAsked,
    had: { readonly entered: readonly Entering[]; readonly own: readonly Standing[] },
  ): Promise<Granted | undefined> {
    const { ttlSeconds } = asked;
    return withLease(this.#needs.store, ttlSeconds, async (lease) => {
      const done = await putAgain(this.#needs, had, { lease, changed: { ttlSeconds } });
      return done ? granted(asked, had.entered) : undefined;
    });
  }

  /** Undefined where the place was lost: its process stood still for longer than its lease. */
  async #wait(asked: ClaimAsked, place: Place, waiting: Waiting): Promise<Granted | undefined> {
    const { bell, tables } = this.#needs;
    const seat = await bell.attend(asked.names.map((name) => tables.claims.prefix(name)));
    let result: Granted | undefined;
    try {
      result = await this.#waitAt(seat, asked, { ...place, ...waiting });
      return result;
    } finally {
      seat.leave();
      // Granted claims stand under another lease by now.
      await revoke(this.#needs.store, place.lease);
    }
  }

  async #waitAt(
    seat: Awaited<ReturnType<StoreBell['attend']>>,
    asked: ClaimAsked,
    at: Place & Waiting,
  ): Promise<Granted | undefined> {
    const { clock } = this.#needs;
    let beatAtMs = clock.monotonicMs() + placeBeatMs;
    for (;;) {
      seat.narrow(undefined);
      seat.hush();
      const look = await this.#lines.look(asked.names);
      const own = ownStanding(look, at.entered);
      if (own === undefined) {
        return undefined;
      }
      const done = await this.#letIn(asked, { look, own, at });
      if (done !== undefined) {
        return done;
      }
      requireWanted(at.signal);
      const nowMs = clock.monotonicMs();
      if (nowMs >= at.untilMs) {
        throw busy(this.#needs.noun, asked, look);
      }
      if (nowMs >= beatAtMs) {
        await keepAlive(this.#needs.store, at.lease);
        beatAtMs = nowMs + placeBeatMs;
      }
      seat.narrow(this.#blocking(look, own));
      await seat.rung(Math.min(at.untilMs, beatAtMs) - nowMs, at.signal);
    }
  }

  /** Where all lines admit it: told to the store first, so that everybody sees who holds. */
  async #letIn(
    asked: ClaimAsked,
    seen: { readonly look: Look; readonly own: readonly Standing[]; readonly at: Place & Waiting },
  ): Promise<Granted | undefined> {
    const { look, own, at } = seen;
    if (own.every(({ claim }) => claim.granted)) {
      return this.#takeOver(asked, { entered: at.entered, own }); // the other call was quicker
    }
    const admitted = look.views.every((view, index) => {
      const mine = own[index];
      return mine !== undefined && this.#admitted(view, mine);
    });
    if (!admitted) {
      return undefined;
    }
    return withLease(this.#needs.store, asked.ttlSeconds, async (lease) => {
      const sinceMs = this.#needs.clock.now();
      const { ttlSeconds } = asked;
      const changed = { granted: true, sinceMs, ttlSeconds };
      if (!(await putAgain(this.#needs, { entered: at.entered, own }, { lease, changed }))) {
        return undefined;
      }
      requireWanted(at.signal);
      return granted(asked, at.entered);
    });
  }

  #admitted({ standing, line }: LineView, own: Standing): boolean {
    const ahead = standing.filter(({ ticket }) => ticket < own.ticket);
    return this.#needs.order.admits(ahead, own.claim, line ?? { last: 0, capacity: 0 });
  }

  /** Keys whose change may let this claim in; its own tells that it was lost. */
  #blocking(look: Look, own: readonly Standing[]): readonly Uint8Array[] {
    const { order, tables } = this.#needs;
    return look.views.flatMap(({ name, standing }, at) => {
      const mine = own[at];
      if (mine === undefined) {
        return [];
      }
      const ahead = standing.filter(({ ticket }) => ticket < mine.ticket);
      return [mine, ...order.blocking(ahead, mine.claim)].map(({ ticket }) =>
        tables.claims.key(name, ticket),
      );
    });
  }
}

function lineOf(
  { line }: LineView,
  { capacity = 0 }: ClaimAsked,
): { last: number; capacity: number } {
  return line ?? { last: 0, capacity };
}
