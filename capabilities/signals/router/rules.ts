// What was chosen for addresses by pattern: how writes come together, how long they live, what
// events do while somebody is slow, what must survive a crash.
import { matcherOf } from '../patterns/matching.ts';
import { routerLimits } from './limits.ts';
import type { Strategy } from './param.ts';

/** What events of a pattern do while a subscriber is slow: wait within a bound, or be dropped. */
export type EventPolicy = 'keep' | 'drop';

/** What holds for addresses that match; the first rule that matches counts. */
export interface AddressRule {
  readonly pattern: string;
  readonly strategy?: Strategy | undefined;
  /** How long a param lives that comes without a ttl of its own; 0 for ever. */
  readonly ttlSeconds?: number | undefined;
  readonly events?: EventPolicy | undefined;
  /** Acknowledged once it is stored; lives for ever where nothing else is said. */
  readonly durable?: boolean | undefined;
  /** How many of what passed last are remembered in the store, for REPLAY; 0 for none. */
  readonly journalEntries?: number | undefined;
  /** What those may take, so that a few large ones are not too many. */
  readonly journalBytes?: number | undefined;
}

/** The first rule for an address. */
export type RuleBook = (address: string) => AddressRule | undefined;

/** Without rules nothing is matched: most routers have none. */
export function createRuleBook(rules: readonly AddressRule[]): RuleBook {
  if (rules.length === 0) {
    return () => undefined;
  }
  const book = rules.map((rule) => ({ rule, matches: matcherOf(rule.pattern) }));
  const known = new Map<string, AddressRule | undefined>();
  return (address) => {
    if (known.has(address)) {
      return known.get(address);
    }
    const rule = book.find(({ matches }) => matches(address))?.rule;
    if (known.size >= routerLimits.routesMax) {
      known.clear();
    }
    known.set(address, rule);
    return rule;
  };
}

export function ttlSecondsOf(rule: AddressRule | undefined, otherwise: number): number {
  return rule?.ttlSeconds ?? (rule?.durable === true ? 0 : otherwise);
}
