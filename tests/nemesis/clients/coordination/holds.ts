// Clients that hold something for a while: locks, several at once and beside other readers, permits
// and terms of office. Whoever holds writes to a guarded thing with its token; some give back, some
// vanish, and some write when their time has long been over.
import type { Heard } from '../../../../testkit/nemesis/history.ts';
import type {
  AcquireAsked,
  AcquireHeard,
  GuardAsked,
  HoldKind,
  Token,
} from '../../../../testkit/nemesis/coordination/holds.ts';
import type { SeededRandom } from '../../../../testkit/seeded-random.ts';
import type { Asking } from '../asking.ts';
import { askingFor, whileOn, type ClientNeeds } from '../client.ts';
import type { Contract } from '@hansa/foundation';
import { isLost, lostToo, pause, ttlSeconds, untilAnswered } from './told.ts';

/** What a client wants to hold. */
export type Wanted = Omit<AcquireAsked, 'holder'>;

/** One kind of thing that can be held, and how it is asked for. */
export interface Holdable<S extends object> {
  readonly kind: HoldKind;
  readonly contract: Contract<S>;
  wanted(random: SeededRandom): Wanted;
  acquire(service: S, asked: AcquireAsked): Promise<readonly Token[]>;
  renew(service: S, tokens: readonly Token[]): Promise<unknown>;
  release(service: S, tokens: readonly Token[]): Promise<unknown>;
  /** The last token that was given, as it is told to who asks. */
  last(service: S, name: string): Promise<number>;
  /** Where an exclusive hold can become a shared one. */
  downgrade?(service: S, token: Token): Promise<unknown>;
}

const actsMax = 4; // of one hold, each followed by a renewal
const actMs = 500; // between two: with a takeover, a hold is longer than its time to live
const vanishChance = 0.12; // holders that die
const downgradeChance = 0.3; // of those that can
const lookChance = 0.15; // turns that only look

/** The guarded thing: it keeps the highest token that it saw, and refuses lower ones. */
export interface Guard {
  write(name: string, token: number): boolean;
}

export function createGuard(): Guard {
  const highest = new Map<string, number>();
  return {
    write(name, token) {
      const accepted = token >= (highest.get(name) ?? 0);
      if (accepted) {
        highest.set(name, token);
      }
      return accepted;
    },
  };
}

export async function useHolds<S extends object>(
  needs: ClientNeeds,
  holdable: Holdable<S>,
  guard: Guard,
): Promise<void> {
  const holding = new HoldingClient(needs, holdable, guard);
  await whileOn(needs, () => holding.turn());
}

class HoldingClient<S extends object> {
  readonly #needs: ClientNeeds;
  readonly #holdable: Holdable<S>;
  readonly #guard: Guard;
  readonly #service: Asking<S>;
  #turns = 0;

  constructor(needs: ClientNeeds, holdable: Holdable<S>, guard: Guard) {
    this.#needs = needs;
    this.#holdable = holdable;
    this.#guard = guard;
    this.#service = askingFor(needs, holdable.contract);
  }

  async turn(): Promise<void> {
    const { name, random } = this.#needs;
    this.#turns += 1;
    // A holder of its own for every hold: asked again by the same one, it would be the same hold.
    const asked = { ...this.#holdable.wanted(random), holder: `${name}/${this.#turns}` };
    if (random.chance(lookChance)) {
      await this.#look(asked.names[0] ?? '');
      return;
    }
    const held = await this.#acquire(asked);
    if (held !== undefined) {
      await this.#hold(asked, held);
    }
  }

  async #look(key: string): Promise<void> {
    const { name, recorder } = this.#needs;
    const { kind } = this.#holdable;
    await recorder.record(name, { operation: 'get', key: `${kind} ${key}` }, () =>
      this.#service.read((service) => this.#holdable.last(service, key)),
    );
  }

  /** Undefined where others were first, or nobody answered: then it may be held all the same. */
  async #acquire(asked: AcquireAsked): Promise<Held | undefined> {
    const { recorder } = this.#needs;
    let sentMs = recorder.nowMs();
    const answer = await untilAnswered(this.#needs, this.#asked('acquire', asked), () => {
      sentMs = recorder.nowMs();
      return this.#service.write(async (service): Promise<AcquireHeard> => ({
        tokens: await this.#holdable.acquire(service, asked),
        ttlSeconds,
      }));
    });
    const heard = answer as AcquireHeard | undefined;
    return heard === undefined ? undefined : { tokens: heard.tokens, sentMs };
  }

  async #hold(asked: AcquireAsked, { tokens, sentMs }: Held): Promise<void> {
    const { random, recorder, signal } = this.#needs;
    const { holder } = asked;
    let untilMs = sentMs + ttlSeconds * 1_000;
    for (let acts = random.integer(actsMax); acts > 0 && !signal.aborted; acts -= 1) {
      await this.#act(asked, tokens, untilMs);
      const nextMs = recorder.nowMs();
      const heard = await this.#tell('renew', { holder, tokens }, (service) =>
        this.#holdable.renew(service, tokens),
      );
      if (heard.outcome === 'ok' && isLost(heard.value)) {
        return;
      }
      untilMs = heard.outcome === 'ok' ? nextMs + ttlSeconds * 1_000 : untilMs;
      await pause(this.#needs, actMs);
    }
    await this.#act(asked, tokens, untilMs);
    if (random.chance(vanishChance)) {
      await this.#vanish(asked, tokens, untilMs);
      return;
    }
    await this.#downgrade(asked, tokens);
    await this.#tell('release', { holder, tokens }, (service) =>
      this.#holdable.release(service, tokens),
    );
  }

  /** It never gives back; long after its time, it writes once more. */
  async #vanish(asked: AcquireAsked, tokens: readonly Token[], untilMs: number): Promise<void> {
    const { random, recorder } = this.#needs;
    await pause(this.#needs, Math.max(0, untilMs - recorder.nowMs()) * 2);
    if (random.chance(0.5)) {
      await this.#act(asked, tokens, untilMs);
    }
  }

  async #downgrade({ holder, shared }: AcquireAsked, tokens: readonly Token[]): Promise<void> {
    const { random } = this.#needs;
    const { downgrade } = this.#holdable;
    const [token, ...others] = tokens;
    const can = token !== undefined && others.length === 0 && shared !== true;
    if (downgrade === undefined || !can || !random.chance(downgradeChance)) {
      return;
    }
    await this.#tell('downgrade', { holder, tokens }, (service) => downgrade(service, token));
    await pause(this.#needs, actMs);
  }

  /** Who only reads beside others writes nothing. */
  async #act(
    { names, shared, permits, holder }: AcquireAsked,
    tokens: readonly Token[],
    untilMs: number,
  ): Promise<void> {
    const { name, recorder } = this.#needs;
    if (shared === true || permits !== undefined) {
      return;
    }
    for (const key of names) {
      const token = tokens.find((one) => one.name === key)?.token ?? 0;
      const late = recorder.nowMs() >= untilMs;
      const value: GuardAsked = { kind: this.#holdable.kind, name: key, holder, token, late };
      await recorder.record(name, { operation: 'guard', key, value }, () =>
        Promise.resolve({ outcome: 'ok', value: this.#guard.write(`${value.kind} ${key}`, token) }),
      );
    }
  }

  #tell(
    operation: 'renew' | 'release' | 'downgrade',
    value: { readonly holder: string; readonly tokens: readonly Token[] },
    work: (service: S) => Promise<unknown>,
  ): Promise<Heard> {
    const { name, recorder } = this.#needs;
    return recorder.record(name, this.#asked(operation, value), () =>
      lostToo(this.#service.write(work)),
    );
  }

  #asked(operation: string, value: unknown): { operation: string; key: string; value: unknown } {
    return { operation, key: this.#holdable.kind, value };
  }
}

interface Held {
  readonly tokens: readonly Token[];
  /** Before the call that was answered was sent. */
  readonly sentMs: number;
}
