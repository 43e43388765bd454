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
import { createKeeping, type Keeping } from './keeping/keeper.ts';
import { createStoredJournal } from './keeping/stored-journal.ts';
import type { Journal } from './router/journal.ts';
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
  /** All rules as they are now; absent: those of `options`. */
  readonly rulesNow?: (() => readonly AddressRule[]) | undefined;
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
  /** What a rule no longer asks to be remembered is forgotten. */
  rulesChanged(): void;
  /** Ends all sessions, and stores what waits. */
  stop(): Promise<void>;
}

/**
 * Resolves when what was stored is back in its place; other routers are dialled from then on.
 * CONFIG_INVALID or INPUT_INVALID where something given is none.
 */
export async function createSignals(needs: SignalsNeeds): Promise<Signals> {
  const { door, federation: linked, ...rest } = needs;
  const { clock, log, random } = rest;
  checkRules(needs.options?.rules ?? []);
  const federation =
    linked && new FederationManager(linked.config, { clock, random, log, dial: linked.dial });
  const memory = memoryOf(needs);
  const doorkeeper = door === undefined ? needs.doorkeeper : createDoor({ ...door, clock });
  const router = createRouter({ ...rest, ...memory, doorkeeper, peers: federation?.peers });
  await memory.load(router);
  federation?.start(router);
  return {
    router,
    federation,
    accept: router.accept,
    waiting: () => memory.keeper?.waiting ?? 0,
    rulesChanged: () => memory.review(),
    async stop() {
      federation?.stop();
      router.stop();
      await memory.stop();
    },
  };
}

/** What outlasts the router, where it has a store. */
interface Memory {
  readonly keeper: Keeping | undefined;
  readonly journal: Journal | undefined;
  load(router: Router): Promise<void>;
  review(): void;
  stop(): Promise<void>;
}

function memoryOf(needs: SignalsNeeds): Memory {
  const { kept, clock, log, options, journal: otherwise } = needs;
  if (kept === undefined) {
    const done = (): Promise<void> => Promise.resolve();
    const review = (): void => undefined;
    return { keeper: undefined, journal: otherwise, load: done, review, stop: done };
  }
  const given = options?.rules ?? [];
  const { rulesNow: rules = () => given } = needs;
  const ruleOf = options?.ruleOf ?? createRuleBook(given);
  const isDurable = (address: string): boolean => ruleOf(address)?.durable === true;
  const keeper = createKeeping({ ...kept, clock, log, isDurable });
  const journal = createStoredJournal({ ...kept, clock, log, ruleOf, rules, otherwise });
  return {
    keeper,
    journal,
    async load(router) {
      await Promise.all([keeper.load(router), journal.load()]);
    },
    review: () => journal.review(),
    async stop() {
      await Promise.all([keeper.stop(), journal.stop()]);
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
