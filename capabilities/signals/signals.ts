// The signal router with what stands behind it, as a program hosts it: lines come from a driver,
// the store keeps params.
import {
  HansaError,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { FederationConfig } from './federation/config.ts';
import type { DialLine } from './federation/dialer.ts';
import { FederationManager } from './federation/manager.ts';
import type { AcceptLine } from './frames/line.ts';
import { createKeeping } from './keeping/keeper.ts';
import { createRouter, type Router, type RouterNeeds } from './router/router.ts';
import { patternProblem } from './patterns/address.ts';
import { createRuleBook, type AddressRule } from './router/rules.ts';
import type { KnownToken } from './router/scopes.ts';
import { createDoor } from './tokens/door.ts';

export interface SignalsNeeds extends Omit<RouterNeeds, 'keeper' | 'peers'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent: params live in memory alone, and none may be declared durable. */
  readonly kept?:
    | { readonly store: KeyValueStore; readonly codec: Codec; readonly crypto: Crypto }
    | undefined;
  /** Tokens that are known by heart, and keys; without it, whoever `doorkeeper` lets in. */
  readonly door?:
    | {
        readonly crypto: Crypto;
        readonly tokens: readonly KnownToken[];
        /** Public keys whose `cap_` tokens count. */
        readonly anchors: readonly Uint8Array[];
      }
    | undefined;
  /** Absent: it takes no other routers, and dials none. */
  readonly federation?:
    | {
        readonly config: Partial<FederationConfig>;
        /** Absent where lines come from elsewhere: see `FederationManager.createLink`. */
        readonly dial?: DialLine | undefined;
      }
    | undefined;
}

export interface Signals {
  readonly router: Router;
  readonly federation: FederationManager | undefined;
  /** What a listener gives its lines to. */
  readonly accept: AcceptLine;
  /** How many params are not stored yet. */
  waiting(): number;
  /** Ends all sessions, and stores what waits. */
  stop(): Promise<void>;
}

/**
 * Resolves when what was stored is back in its place; other routers are dialled from then on.
 * CONFIG_INVALID or INPUT_INVALID where something given is none.
 */
export async function createSignals(needs: SignalsNeeds): Promise<Signals> {
  const { kept, door, federation: linked, ...rest } = needs;
  const { clock, log, random, options } = rest;
  const rules = options?.rules ?? [];
  checkRules(rules);
  const ruleOf = options?.ruleOf ?? createRuleBook(rules);
  const isDurable = (address: string): boolean => ruleOf(address)?.durable === true;
  const federation =
    linked && new FederationManager(linked.config, { clock, random, log, dial: linked.dial });
  const keeper = kept === undefined ? undefined : createKeeping({ ...kept, clock, log, isDurable });
  const doorkeeper = door === undefined ? needs.doorkeeper : createDoor({ ...door, clock });
  const router = createRouter({ ...rest, keeper, doorkeeper, peers: federation?.peers });
  await keeper?.load(router);
  federation?.start(router);
  return {
    router,
    federation,
    accept: router.accept,
    waiting: () => keeper?.waiting ?? 0,
    async stop() {
      federation?.stop();
      router.stop();
      await keeper?.stop();
    },
  };
}

function checkRules(rules: readonly AddressRule[]): void {
  for (const { pattern } of rules) {
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      throw new HansaError('CONFIG_INVALID', `the rule for ${pattern}: ${problem}`);
    }
  }
}
