// The signal router with what stands behind it, as a program hosts it: lines come from a driver,
// the store keeps params.
import type { Clock, Codec, Crypto, KeyValueStore, Log, Random } from '@hansa/foundation';
import type { AcceptLine } from './frames/line.ts';
import { createKeeping } from './keeping/keeper.ts';
import { createRouter, type Router, type RouterNeeds } from './router/router.ts';
import { createRuleBook } from './router/rules.ts';
import { createTokenBook, type KnownToken } from './router/scopes.ts';

export interface SignalsNeeds extends Omit<RouterNeeds, 'keeper' | 'doorkeeper'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent: params live in memory alone, and none may be declared durable. */
  readonly kept?:
    | { readonly store: KeyValueStore; readonly codec: Codec; readonly crypto: Crypto }
    | undefined;
  /** Absent: everybody may do everything. */
  readonly tokens?: readonly KnownToken[] | undefined;
}

export interface Signals {
  readonly router: Router;
  /** What a listener gives its lines to. */
  readonly accept: AcceptLine;
  /** Ends all sessions, and stores what waits. */
  stop(): Promise<void>;
}

/** Resolves when what was stored is back in its place. */
export async function createSignals(needs: SignalsNeeds): Promise<Signals> {
  const { kept, tokens, ...rest } = needs;
  const { clock, log, options } = rest;
  const ruleOf = createRuleBook(options?.rules ?? []);
  const isDurable = (address: string): boolean => ruleOf(address)?.durable === true;
  const keeper = kept === undefined ? undefined : createKeeping({ ...kept, clock, log, isDurable });
  const doorkeeper = tokens === undefined ? undefined : createTokenBook(clock, tokens);
  const router = createRouter({ ...rest, keeper, doorkeeper });
  await keeper?.load((stored) => router.restore(stored));
  return {
    router,
    accept: router.accept,
    async stop() {
      router.stop();
      await keeper?.stop();
    },
  };
}
